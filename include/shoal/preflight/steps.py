"""Every step on the way from a dataset file to its first rows, tried one after the other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.layout import DatasetLayout, mint_attempt
from shoal.contract.rows import LISTING_COLUMNS
from shoal.engines.engine import Step
from shoal.exports.export import need_exports
from shoal.models.choice import Shelf
from shoal.settings.dataset import Dataset, Models, Results, Source
from shoal.settings.dataset_stores import Stores, refuse_results_among_images
from shoal.stores.object_store import ObjectStore, ReadAccess, open_store
from shoal.stores.unreached import UnreachedStore
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database, open_database

SAMPLED_OBJECTS = 1000
SEARCHED_OBJECTS = 100_000
"""So far a check looks on for the first image: a hundred requests."""


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

    Args:
        dataset: Names connections and buckets.
        read_access: Looks a connection id up.
    """

    def open_bucket(place: Source | Models | Results) -> ObjectStore:
        try:
            return open_store(read_access(place.conn_id), place.bucket)
        except ConfigError as err:
            return UnreachedStore(place.bucket, err)

    layout = DatasetLayout(dataset.results.prefix, dataset.name)
    source, models, results = (open_bucket(place) for place in (dataset.source, dataset.models, dataset.results))
    stores = Stores(source, models, results, layout)
    try:
        refuse_results_among_images(dataset, stores)
    except ConfigError as err:
        return replace(stores, results=UnreachedStore(dataset.results.bucket, err))
    return stores


def try_steps(steps: Iterator[Step]) -> Iterator[Checked]:
    """Try steps in order; one that fails does not keep the next from being tried."""
    for name, step in steps:
        try:
            yield Checked(name, step())
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
    """List the first objects and read the first image.

    Raises:
        ConfigError: No image among them.
        StoreError: The store does not answer.
    """
    keys, seen = _sample(dataset, stores)
    if not keys:
        raise ConfigError(
            f"None of the first {seen} objects under {stores.source.uri(dataset.source.prefix)} is an image: none ends in "
            f"{' '.join(dataset.source.suffixes)} and is not left out - check source.prefix, source.suffixes and source.ignore"
        )
    size_bytes = len(stores.source.read_bytes(keys[0]))
    return f"{len(keys)} images among the first {seen} objects; {keys[0]!r} can be read, {size_bytes} bytes"


def check_clock(dataset: Dataset, stores: Stores) -> str:
    """Read camera and time from the sampled keys.

    Raises:
        ConfigError: Not one of them is dated.
    """
    keys, _ = _sample(dataset, stores)
    with open_database(None) as database:
        _fill_listing(database, keys)
        view_clocked(database, dataset.clock)
        dated = database.records(
            "SELECT key, camera, captured_at::VARCHAR AS captured_at FROM clocked WHERE captured_at IS NOT NULL ORDER BY key"
        )
    shown = keys[0] if keys else "none"
    if not dated and dataset.clock.asks_exif:
        return f"none of {len(keys)} sampled keys has a time, such as {shown!r}; the answer takes those of EXIF, windows do not"
    if not dated:
        raise ConfigError(
            f"None of {len(keys)} sampled keys has a time that clock.pattern and clock.format read, such as {shown!r} - "
            "correct them; undated images are counted and are in no series"
        )
    first, cameras = dated[0], {record["camera"] for record in dated}
    return (
        f"{len(dated)} of {len(keys)} sampled keys are dated, cameras {', '.join(sorted(cameras)[:5])}; "
        f"{first['key']!r} is {first['camera']} at {first['captured_at']} UTC"
    )


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
    return f"{stores.results.uri(stores.layout.root)} can be written, read and deleted"


def check_model(dataset: Dataset, stores: Stores) -> str:
    """Find the selected model and read its metadata.

    Raises:
        ConfigError: It is missing or refused.
    """
    shelf = Shelf(stores, dataset, None)
    release = shelf.first().release
    unknown = sorted(set(dataset.taxa) - set(release.info.names))
    note = f"; it does not know these taxa of the dataset file: {', '.join(unknown)}" if unknown else ""
    note += f"; {release.untried}" if release.untried else ""
    note += "".join(f"; {passed.version} is passed over: {passed.reason}" for passed in shelf.broken)
    return f"{release.name} {release.version}, {len(release.info.names)} classes, sha256 {release.sha256[:12]}{note}"


def check_exports(dataset: Dataset) -> str:
    """Load the exports that the dataset file asks for.

    Raises:
        ConfigError: One is not here, or needs lines that the file lacks.
    """
    need_exports(dataset)
    return f"{', '.join(dataset.exports)} will be written beside the summary"


def _sample(dataset: Dataset, stores: Stores) -> tuple[list[str], int]:
    images: list[str] = []
    seen = 0
    for item in islice(stores.source.list_objects(dataset.source.prefix), SEARCHED_OBJECTS):
        if seen >= SAMPLED_OBJECTS and images:
            break
        seen += 1
        if dataset.source.is_image(item.key):
            images.append(item.key)
    return images, seen


def _fill_listing(database: Database, keys: list[str]) -> None:
    path = database.folder / "sample.jsonl"
    lines = (
        {"key": key, "object_version": "", "size_bytes": 0, "last_modified": "9999-01-01T00:00:00"} for key in keys
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    database.run(
        f"CREATE TABLE listing AS SELECT * FROM read_json(?, format = 'newline_delimited', columns = {LISTING_COLUMNS})",
        [str(path)],
    )
