"""Every step on the way from a dataset file to its first rows, tried one after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shoal.bucket.correction_words import read_correction_words
from shoal.bucket.sampled_keys import fill_listing, sample_images
from shoal.bucket.zone_words import read_zone_words
from shoal.contract.errors import ConfigError, NoAnswerError, ShoalError
from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import mint_attempt
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import counted
from shoal.engines.engine import Step
from shoal.exports.export import need_exports, of_boxes_alone
from shoal.models.choice import Shelf
from shoal.preflight.read_one import read_one
from shoal.settings.dataset import Dataset, Models, Results
from shoal.settings.dataset_stores import Stores, open_source, refuse_results_among_images
from shoal.settings.source import Source
from shoal.settings.taxa import find_double_ids, taxon_of
from shoal.stores.access import ReadAccess
from shoal.stores.kinds import open_store
from shoal.stores.object_store import ObjectStore
from shoal.stores.unreached import UnreachedStore
from shoal.tables.clock_table import read_clock_table
from shoal.tables.clock_times import read_times
from shoal.tables.session import open_database

SAMPLED_OBJECTS = 1000


@dataclass(frozen=True)
class Checked:
    """One step, tried.

    Attributes:
        name: The step.
        text: What was found, or what failed with its way out.
        ok: Whether it works; None where it was not tried.
    """

    name: str
    text: str
    ok: bool | None = True


def open_for_check(dataset: Dataset, read_access: ReadAccess) -> Stores:
    """Open a dataset's buckets so that one that cannot be opened does not keep the others from being tried.

    An address where nothing answers is tried once by each kind of login, whose keys may come from another address: each
    try takes seconds, and every step would have its own.

    Args:
        dataset: Names connections and buckets.
        read_access: Looks a connection id up.
    """
    silent: dict[tuple[str | None, str], NoAnswerError | None] = {}

    def opened(place: Source | Models | Results, read_access: ReadAccess) -> ObjectStore:
        if isinstance(place, Source):
            return open_source(place, read_access)
        return open_store(read_access(place.conn_id), place.bucket)

    def open_bucket(place: Source | Models | Results) -> ObjectStore:
        try:
            store = opened(place, read_access)
        except ConfigError as err:
            return UnreachedStore(place.place if isinstance(place, Source) else place.bucket, err)
        way = store.address, store.access.login
        if way not in silent:
            silent[way] = _find_silence(store)
        return store if (why := silent[way]) is None else UnreachedStore(place.bucket, why)

    layout = DatasetLayout(dataset.results.prefix, dataset.name)
    source, models, results = (open_bucket(place) for place in (dataset.source, dataset.models, dataset.results))
    stores = Stores(source, models, results, layout)
    try:
        refuse_results_among_images(dataset, stores)
    except ConfigError as err:
        return replace(stores, results=UnreachedStore(dataset.results.bucket, err))
    return stores


def _find_silence(store: ObjectStore) -> NoAnswerError | None:
    """Ask for anything at all; what is wrong with an answer is for the steps to say."""
    try:
        store.read_clock()
    except NoAnswerError as err:
        return err
    except ShoalError:
        return None
    return None


class NothingToTryError(Exception):
    """A step has nothing to try; the text says why, and another step what to do about it."""


def try_steps(steps: Iterator[Step]) -> Iterator[Checked]:
    """Try steps in order; one that fails does not keep the next from being tried."""
    for name, step in steps:
        try:
            yield Checked(name, step())
        except NothingToTryError as why:
            yield Checked(name, str(why), ok=None)
        except ShoalError as err:
            yield Checked(name, str(err), ok=False)


def store_steps(dataset: Dataset, stores: Stores) -> Iterator[Step]:
    """Name the steps in the object stores. Nothing is written but one object among the results, and removed again."""
    yield "images", lambda: check_images(dataset, stores)
    yield "clock", lambda: check_clock(dataset, stores)
    yield "results", lambda: check_results(stores)
    yield "model", lambda: check_model(dataset, stores)
    if dataset.exports:
        yield "exports", lambda: check_exports(dataset)


def check_images(dataset: Dataset, stores: Stores) -> str:
    """List the first objects and read one image.

    Raises:
        ConfigError: No image among them, or none that can be read.
        StoreError: The store does not answer.
    """
    sample = sample_images(stores.source, dataset.source, SAMPLED_OBJECTS)
    beside = "".join(f"\n{line}" for line in sample.counts.describe())
    if sample.seen == 0:
        raise ConfigError(
            f"Nothing lies under {stores.source.uri(dataset.source.prefix)} - put images there, or correct "
            f"{dataset.source.where_set}{beside}"
        )
    if not sample.images:
        raise ConfigError(
            f"None of the first {sample.seen} objects under {stores.source.uri(dataset.source.prefix)} is an image: none ends in "
            f"{' '.join(dataset.source.suffixes)} and is not left out - check source.prefix, source.suffixes and source.ignore"
            f"{beside}"
        )
    read = read_one(stores.source, dataset.source, sample)
    found = (
        f"{sample.describe()}; {read.key!r} can be read, {read.size_bytes} bytes ({stores.source.access.login}){beside}"
    )
    return "\n".join([found, *read.beside])


def check_clock(dataset: Dataset, stores: Stores) -> str:
    """Read camera and time from the sampled keys.

    Raises:
        ConfigError: Not one of them is dated.
    """
    sample = sample_images(stores.source, dataset.source, SAMPLED_OBJECTS)
    with open_database(None, dataset.run) as database:
        fill_listing(database, sample.images)
        read_times(database, dataset.clock, dataset.deployments)
        table = read_clock_table(database, dataset.clock, dataset.name)
        dated = database.records(
            "SELECT key, camera, captured_at::VARCHAR AS captured_at FROM clocked "
            "WHERE was_told(captured_at, clock_flag) ORDER BY key"
        )
        corrected = read_correction_words(database, dataset.deployments, full_scope=sample.whole)
        zones = read_zone_words(database, dataset)
    understood = [*table.describe(), *corrected, *zones]
    keys = [image.key for image in sample.images]
    if not keys:
        raise NothingToTryError("no image was found, so no key was read")
    nothing = f"none of {counted(len(keys), 'sampled key')} has a time, such as {keys[0]!r}"
    if not dated and dataset.clock.asks_exif:
        return "\n".join([f"{nothing}; the answer takes those of EXIF, windows do not", *understood])
    if not dated and dataset.clock.upload is not None:
        return "\n".join([f"{nothing}; the time of upload stands for that of capture", *understood])
    if not dated:
        raise ConfigError(
            f"None of {len(keys)} sampled keys has a time that clock.pattern and clock.format read, such as {keys[0]!r} - "
            f"python -m shoal clock {dataset.name} --propose looks for one; undated images are counted and are in no series"
        )
    first, cameras = dated[0], {record["camera"] for record in dated}
    found = (
        f"{len(dated)} of {len(keys)} sampled keys are dated, cameras {', '.join(sorted(cameras)[:5])}; "
        f"{first['key']!r} is {first['camera']} at {first['captured_at']} UTC"
    )
    return "\n".join([found, *understood])


def check_results(stores: Stores) -> str:
    """Write, read and delete one small object.

    Raises:
        ConfigError: One of the rights is missing.
        StoreError: The store does not answer.
    """
    key = f"{stores.layout.root}check-{mint_attempt()}.txt"
    stores.results.write_bytes(key, b"shoal check")
    stores.results.read_bytes(key)
    stores.results.delete([key])
    return f"{stores.results.uri(stores.layout.root)} can be written, read and deleted ({stores.results.access.login})"


def check_model(dataset: Dataset, stores: Stores) -> str:
    """Find the selected model and read its metadata.

    Raises:
        ConfigError: It is missing or refused.
    """
    shelf = Shelf(stores, dataset, None)
    variant = shelf.first()
    release, then = variant.release, variant.then
    unknown = sorted(set(dataset.taxa) - set(variant.names))
    note = f"; it does not know these taxa of the dataset file: {', '.join(unknown)}" if unknown else ""
    note += f"; {release.untried}" if release.untried else ""
    if release.task == CLASSIFY.name:
        note += "".join(
            f"; it classifies images as a whole, and export {name} holds boxes: it will be refused each night - "
            "take it out of exports"
            for name in of_boxes_alone(dataset)
        )
    if then is not None and then.untried:
        note += f"; {then.name}: {then.untried}"
    note += "".join(f"; taxa: {double}" for double in _double_ids(dataset, variant.names))
    note += "".join(f"; {passed.version} is passed over: {passed.reason}" for passed in shelf.broken)
    told = [
        f"{one}{f', {one.service.describe()}' if one.service else ''}, {len(one.names)} classes, sha256 {one.sha256[:12]}"
        for one in (release, then)
        if one is not None
    ]
    return f"{', then '.join(told)}{note}"


def _double_ids(dataset: Dataset, names: Iterable[str]) -> Iterator[str]:
    return find_double_ids({name: taxon_of(name, dataset.taxa) for name in [*names, *dataset.taxa]}, dataset.taxa)


def check_exports(dataset: Dataset) -> str:
    """Load the exports that the dataset file asks for.

    Raises:
        ConfigError: One is not here, or needs lines that the file lacks.
    """
    need_exports(dataset)
    return f"{', '.join(dataset.exports)} will be written beside the summary"
