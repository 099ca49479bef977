"""`python -m shoal clock DATASET`: show when and by which camera the dataset's clock says that images were taken.

With --propose a `clock` for the dataset file is made from the keys, and from EXIF of a handful of images where keys tell
no time. Nothing is written. Exit status 1 when no time was read, or none found to propose.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shoal.bucket.clock_cameras import find_folder
from shoal.bucket.clock_proposal import Offer, Proposal, as_clock, propose_clock
from shoal.bucket.correction_words import read_correction_words
from shoal.bucket.exif_samples import Seen, fill_rows, read_handful
from shoal.bucket.sampled_keys import Sample, fill_listing, sample_images
from shoal.bucket.zone_words import read_zone_words
from shoal.cli._reach import find_dataset, reach_stores
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError
from shoal.contract.shown_keys import quoted_key
from shoal.contract.typed_numbers import positive
from shoal.settings.analysis import ClockEntry
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.field_types import EPOCH_FORMAT
from shoal.tables.capture_times import view_clocked_with_exif
from shoal.tables.clock_table import read_clock_table
from shoal.tables.clock_times import keep_times, read_times
from shoal.tables.session import Database, open_database

KEYS = 10_000
_ZONES = {
    "said": "# the keys say so",
    "unsaid": "# nothing in the keys tells it: write the zone the cameras' clocks run in",
    "exif": "# of EXIF times without an offset: write the zone the cameras' clocks run in",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("dataset", metavar="DATASET", help="name of the dataset: its file without .yaml")
    parser.add_argument(
        "--propose", action="store_true", help="propose a clock from the keys and EXIF of a handful of images"
    )
    parser.add_argument(
        "--keys", type=positive, default=KEYS, metavar="N", help=f"look at the first N objects of the bucket ({KEYS})"
    )


def execute(arguments: Namespace) -> int:
    """Show what is read now, and what could be."""
    dataset = find_dataset(arguments.dataset, by_file=True)
    with reach_stores(dataset) as stores, open_database(None, dataset.run) as database:
        sample = sample_images(stores.source, dataset.source, arguments.keys)
        if not sample.images:
            raise ConfigError(
                f"None of the first {sample.seen} objects under {stores.source.uri(dataset.source.prefix)} is an image - check "
                "source.prefix, source.suffixes and source.ignore, or look at more with --keys"
            )
        lines = _show_now(database, dataset, sample, "" if arguments.propose else dataset.name)
        tell("\n".join([_looked_at(sample), *lines]))
        now = _read(database)
        if not arguments.propose:
            return 0 if now.keys else 1
        lines = list(_show_proposal(database, dataset, stores, sample, now))
        tell(*lines)
    return 0 if "clock:" in lines else 1


@dataclass(frozen=True)
class _Reads:
    """How many keys a clock tells a time of, and of how many cameras they are."""

    keys: int
    cameras: int


def _read(database: Database) -> _Reads:
    told = "SELECT count(*) AS keys, count(DISTINCT camera) AS cameras FROM clocked WHERE was_told(captured_at, clock_flag)"
    (found,) = database.records(told)
    return _Reads(int(found["keys"]), int(found["cameras"]))


def _is_worse(database: Database, offer: Offer, now: _Reads) -> bool:
    """Whether a clock reads no more keys than the dataset's, and takes several of its cameras for one."""
    read_times(database, as_clock(offer.entries), ())
    offered = _read(database)
    return offered.keys <= now.keys and offered.cameras < now.cameras


def _looked_at(sample: Sample) -> str:
    more = "all there are" if sample.whole else "there are more: --keys"
    return f"{sample.describe()} ({more})\n\nthe dataset's clock reads"


def _show_now(database: Database, dataset: Dataset, sample: Sample, name: str) -> list[str]:
    fill_listing(database, sample.images)
    read_times(database, dataset.clock, dataset.deployments)
    corrected = read_correction_words(database, dataset.deployments, full_scope=sample.whole)
    return [
        *read_clock_table(database, dataset.clock, name).describe(),
        *corrected,
        *read_zone_words(database, dataset),
    ]


def _show_proposal(
    database: Database, dataset: Dataset, stores: Stores, sample: Sample, now: "_Reads"
) -> Iterator[str]:
    zone = dataset.clock.zone
    proposal = propose_clock(database, sample.images, zone)
    if proposal.offers and all(_is_worse(database, offer, now) for offer in proposal.offers):
        yield (
            f"\nno clock is proposed: what was found in the keys reads no more of them than the dataset's clock ({now.keys} of "
            f"{len(sample.images)}), and fewer cameras than its {now.cameras}"
        )
        return
    seen, told = _read_exif(stores, sample, proposal)
    with_time = [one for one in seen if one.has_time]
    exif = [ClockEntry(exif=True, zone=zone)] if with_time else []
    folder = find_folder([image.key for image in sample.images]) if exif and not proposal.offers else None
    if folder:
        exif.insert(0, ClockEntry(pattern=folder))
    if len(proposal.offers) > 1 or (proposal.offers and proposal.offers[0].choice):
        yield f"\nthe keys do not tell which of these is right: {len(proposal.offers)} to choose from, none is proposed"
    for number, offer in enumerate(proposal.offers, 1):
        yield _title(number, offer, len(sample.images), now.keys)
        yield from _yaml(offer.entries, offer.zones_said, exif)
        clock = as_clock(offer.entries)
        read_times(database, clock, ())
        table = read_clock_table(database, clock, "")
        yield from ["", "which reads", *table.table(), *table.odd]
    if exif and not proposal.offers:
        yield "\nproposed for the dataset file: no time was found in keys, EXIF tells it"
        yield from _yaml((), (), exif)
    if exif:
        yield from ["", f"EXIF of {len(seen)} images was read, {len(with_time)} have a time"]
        yield from _show_exif(database, dataset, seen, exif)
    if told:
        yield f"\n{told}"
    if not exif and not proposal.offers:
        yield "\nno clock is proposed: no time was found in the keys" + ("" if told else ", nor in EXIF of those read")
    yield from proposal.notes


def _title(number: int, offer: Offer, images: int, reads_now: int) -> str:
    read = images - len(offer.unread)
    than_now = ", as many as the dataset's clock" if read == reads_now else ""
    reads = f"reads {read} of {images} keys{than_now}"
    return (
        f"\nchoice {number}, where {offer.choice}: {reads}"
        if offer.choice
        else f"\nproposed for the dataset file: {reads}"
    )


def _yaml(names: Sequence[ClockEntry], zones_said: Sequence[bool], exif: Sequence[ClockEntry]) -> Iterator[str]:
    """Write entries as they paste into a dataset file."""
    yield "clock:"
    for entry, said in zip(names, zones_said, strict=True):
        pattern = entry.pattern.replace("'", "''")
        yield from [f"  - pattern: '{pattern}'", f"    format: {quoted_key(entry.format)}"]
        if entry.format != EPOCH_FORMAT:
            yield f"    zone: {entry.zone}  {_ZONES['said' if said else 'unsaid']}"
    for entry in exif:
        if not entry.exif:
            yield f"  - pattern: '{entry.pattern}'  # the camera, for times of EXIF"
            continue
        yield from ["  - exif: true", f"    zone: {entry.zone}  {_ZONES['exif']}"]


def _read_exif(stores: Stores, sample: Sample, proposal: Proposal) -> tuple[tuple[Seen, ...], str]:
    """Look into images where keys do not tell the time of each."""
    unread = min((offer.unread for offer in proposal.offers), key=len, default=sample.images)
    try:
        return read_handful(stores.source, unread), ""
    except ConfigError as err:
        return (), str(err)


def _show_exif(
    database: Database, dataset: Dataset, seen: Sequence[Seen], entries: Sequence[ClockEntry]
) -> Iterator[str]:
    clock = as_clock(entries)
    fill_listing(database, [one.image for one in seen])
    fill_rows(database, seen)
    view_clocked_with_exif(database, clock, ())
    keep_times(database, clock)
    table = read_clock_table(database, clock, dataset.name, after_reading=True)
    yield from [*table.table(), *table.odd]
    cameras = sorted({f"{one.exif['make'] or ''} {one.exif['model'] or ''}".strip() for one in seen if one.exif})
    yield f"cameras by EXIF: {', '.join(filter(None, cameras)) or 'none'}"
    without = sum(one.has_time and not one.has_offset for one in seen)
    if without:
        yield f"{without} of these times have no offset: zone says where the clock stood"
