"""`python -m shoal estimate DATASET`: an answer's counts as people's labels correct them, raw and corrected side by side.

Right whatever the model is worth: the images were drawn with known probabilities, before anybody labelled one.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, print_json
from shoal.cli._numpy import need_numpy
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._table import lay_out
from shoal.cli._tell import tell
from shoal.contract.errors import shown
from shoal.contract.units import counted
from shoal.evidence.estimates.told import HOW

if TYPE_CHECKING:
    from shoal.compare.day_blocks import Interval
    from shoal.evidence.estimates.cells import Cell
    from shoal.evidence.estimates.interval import Estimate
    from shoal.evidence.estimates.make import Estimated
    from shoal.evidence.estimates.taxa import TaxonEstimate

HEADER = [
    "taxon",
    "labels with it",
    "raw",
    "corrected",
    "from",
    "to",
    "per image",
    "model's bias",
    "labels to halve it",
    "interval",
]


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    parser.add_argument(
        "--by", default="", metavar="WORDS", help="camera, month (UTC) or camera,month: also these parts"
    )
    parser.add_argument(
        "--at", metavar="RUN", help="another run than the dataset's answer: the beginning of its run_key"
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Estimate, store, and tell."""
    need_numpy("estimate")
    from shoal.answers.find import CURRENT, find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.evidence.estimates.make import make_estimate  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    by = tuple(word.strip() for word in arguments.by.split(",") if word.strip())
    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores, open_database(stores.results, dataset.run) as database:
        run = find_run(stores.results, stores.layout, arguments.at or CURRENT)
        found = make_estimate(database, stores.layout, run, by, dataset.taxa)
    if arguments.json:
        print_json({"estimate": found.name, **found.json})
    else:
        tell(*describe(found))
    return 0


def describe(found: "Estimated") -> Iterator[str]:
    """Say what labels make of an answer, in lines."""
    from shoal.evidence.estimates.make import tell_left_out  # noqa: PLC0415 - numpy is not there for every command

    json = found.json
    yield (
        f"estimate {found.name} of run {json['dataset']}/{json['run_key']} ({json['model']}): "
        f"{counted(json['images'], 'image')}, {json['labels']} of them drawn and labelled"
    )
    yield from tell_left_out(found.sampled, json["model"])
    drawing = "95 % intervals of the drawing"
    if not found.whole_images:
        yield f"individuals in these images ({drawing})"
        yield _table(found.taxa, "total")
    yield f"images with the taxon{f' ({drawing})' if found.whole_images else ''}"
    yield _table(found.taxa, "share")
    yield from _place(found)
    yield from _cells(found)
    if found.whole_images:
        yield f"{json['model']} says of an image as a whole what it shows: it counts no individuals that labels could correct"
        return
    yield "MaxN is not corrected by this: it grows with the number of images looked at, and labels say nothing of the fullest one"


def _table(taxa: tuple["TaxonEstimate", ...], measure: str) -> str:
    rows = [_row(taxon, measure) for taxon in taxa]
    return lay_out(HEADER, rows)


def _row(taxon: "TaxonEstimate", measure: str) -> list[str]:
    found, raw = taxon.corrected[measure], taxon.predicted[measure]
    start = [shown(taxon.taxon, 60), str(found.positives), str(raw)]
    if found.mean is None or found.low is None or found.high is None:
        wanted = f"{found.labels_to_halve} to have one" if found.labels_to_halve else "unknown"
        return [*start, "-", "-", "-", "-", "-", wanted, f"not estimable with {counted(found.labels, 'label')}"]
    ends = [f"{end * taxon.images:.0f}" for end in (found.low, found.high)]
    return [
        *start,
        f"{found.mean * taxon.images:.0f}",
        *ends,
        f"{found.mean:.4f}",
        _bias(raw, found, taxon.images),
        "" if found.labels_to_halve is None else str(found.labels_to_halve),
        HOW[found.how],
    ]


def _bias(raw: int, found: "Estimate", images: int) -> str:
    if found.mean is None or found.low is None or found.high is None:
        return ""
    value, low, high = (raw - end * images for end in (found.mean, found.high, found.low))
    return f"{round(value):+d} ({round(low):+d} to {round(high):+d})"


def _place(made: "Estimated") -> Iterator[str]:
    told = {**({} if made.whole_images else {"total": "individuals"}), "share": "share of images"}
    lines = [
        [shown(taxon.taxon, 60), name, f"{found.mean:.4f}", *_ends(between)]
        for taxon in made.taxa
        for measure, name in told.items()
        if (between := taxon.elsewhere[measure]) is not None and (found := taxon.corrected[measure]).mean is not None
    ]
    if lines:
        yield "this place in such a season, per image (95 % intervals of blocks of days)"
        yield lay_out(["taxon", "of", "corrected", "from", "to", "days of a block"], lines)
    if len(lines) < len(told) * len(made.taxa):
        yield (
            "no interval of the place where there are fewer than 20 blocks of days, 20 days with the taxon, or too few "
            "positives: the intervals above are of these images alone"
        )


def _ends(between: "Interval") -> list[str]:
    return [f"{between.low:.4f}", f"{between.high:.4f}", str(between.block_days)]


def _cells(made: "Estimated") -> Iterator[str]:
    measure, of = ("share", "images with the taxon") if made.whole_images else ("total", "individuals")
    rows = [
        [_name(cell), str(cell.images), str(cell.labels), *_row(taxon, measure)]
        for cell in made.cells
        for taxon in cell.taxa
    ]
    if rows:
        yield f"{of} in parts of these images"
        yield lay_out(["part", "images", "labelled", *HEADER], rows)
    for cell in made.cells:
        if not cell.taxa:
            yield f"{_name(cell)}: {counted(cell.images, 'image')}, {cell.labels} labelled - left empty: fewer than 30 labels"


def _name(cell: "Cell") -> str:
    camera = [] if cell.camera is None else [shown(cell.camera, 60) or "(no camera)"]
    return ", ".join([*camera, *_months(cell.months)])


def _months(months: tuple[str, ...]) -> list[str]:
    if not months:
        return []
    return [months[0] if len(months) == 1 else f"{months[0]} to {months[-1]} together"]
