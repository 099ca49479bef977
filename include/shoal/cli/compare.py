"""`python -m shoal compare DATASET v1 v2`: what another version of the model changes, on the same images.

It is agreement and not accuracy: neither version is taken for the truth. Each word is a version of the model, which means its
newest complete run over the whole dataset, or a run_key.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._table import lay_out
from shoal.cli._tell import tell
from shoal.cli._whole import need_free, write_whole
from shoal.contract.errors import shown
from shoal.contract.units import counted

if TYPE_CHECKING:
    from shoal.answers.find import StoredRun
    from shoal.compare.agreement import Agreement, Side, TaxonAgreement
    from shoal.compare.comparison import Comparison
    from shoal.settings.dataset_stores import Stores

SHOWN_IMAGES = 5


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    parser.add_argument("first", metavar="FIRST", help="a version of the model, or a run_key")
    parser.add_argument("second", metavar="SECOND", help="what it is compared with, likewise")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="camera=…,from=…,to=…,taxon=…",
        help="only these images and taxa",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="also a page with charts and pictures, one file")
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Compare two runs."""
    from shoal.answers.where import Where  # noqa: PLC0415 - other commands do not need them
    from shoal.compare.choose import choose_runs  # noqa: PLC0415
    from shoal.compare.two_runs import compare_runs  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    if arguments.html is not None:
        need_free(arguments.html, "--html")
    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores:
        runs = choose_runs(stores.results, stores.layout, (arguments.first, arguments.second))
        where = Where.parse(arguments.where, runs[0].plan.settings.report.zone)
        with open_database(stores.results, dataset.run) as database:
            if arguments.html is None:
                found = compare_runs(database, *runs, where, dataset.taxa)
            else:
                from shoal.compare.comparison import read_comparison  # noqa: PLC0415

                comparison = read_comparison(database, *runs, dataset.taxa, where)
                found = comparison.agreement
        if arguments.html is not None:
            page = _page(comparison, stores, runs[1], ", ".join(arguments.where))
    if arguments.json:
        print_json({"dataset": dataset.name, **found.to_json()})
    else:
        tell(*_describe(found))
    if arguments.html is not None:
        write_whole(arguments.html, page.encode("utf-8", "backslashreplace"), "--html", aside=arguments.json)
    return 0


def _page(found: "Comparison", stores: "Stores", run: "StoredRun", part: str) -> str:
    """Write the page, with images of the dataset's bucket as both saw them."""
    from shoal.exports.report.comparison import write_page  # noqa: PLC0415 - other commands do not need them
    from shoal.pictures.draw import draw  # noqa: PLC0415

    return write_page(
        stores.layout.dataset,
        found,
        lambda drawings: draw(stores.source, drawings, run.picture_limits),
        (found.agreement.first.run_key, found.agreement.second.run_key),
        part,
    )


def _describe(found: "Agreement") -> Iterator[str]:
    yield "agreement, not accuracy: neither of them is the truth"
    for name, side in (("first", found.first), ("second", found.second)):
        yield f"{name:<7}{side.model}, run {side.run_key}, counted from {side.conf:g} on: {_images(side)}"
    yield f"both use {counted(found.images, 'image')} of {counted(found.days, 'day')}; every number below is of these"
    if found.otherwise_timed:
        yield f"{counted(found.otherwise_timed, 'image')} of them have another capture time in the second one"
    header = [
        "taxon",
        "first",
        "second",
        "difference",
        "ratio",
        "kept",
        "lost",
        "gained",
        "per image",
        "on other days like these",
    ]
    yield lay_out(header, [_row(taxon) for taxon in found.taxa])
    for which, taxa in (("first", found.only_first), ("second", found.only_second)):
        if taxa:
            yield f"only the {which} one knows: {', '.join(map(shown, taxa))}"
    if found.people:
        yield f"not compared, as the dataset file says that they are people: {', '.join(map(shown, found.people))}"
    if any(taxon.elsewhere is None for taxon in found.taxa):
        yield (
            "no interval for other days where there are fewer than 20 blocks of days (days that are alike are one block), or 20 "
            "days on which the two differ"
        )
    for image in found.differing[:SHOWN_IMAGES]:
        yield f"differs  {shown(image.key)}: {image.lost} lost, {image.gained} gained"


def _images(side: "Side") -> str:
    beside = f", {side.beside} that the other one did not look at" if side.beside else ""
    unused = f", {side.unused} that only the other one uses" if side.unused else ""
    return f"{counted(side.images, 'image')}{beside}{unused}"


def _row(taxon: "TaxonAgreement") -> list[str]:
    interval = taxon.elsewhere
    return [
        shown(taxon.taxon),
        str(taxon.first),
        str(taxon.second),
        f"{taxon.difference:+d}",
        "" if taxon.ratio is None else f"{taxon.ratio:.3f}",
        str(taxon.kept),
        str(taxon.lost),
        str(taxon.gained),
        f"{taxon.mean_difference:+.4f}",
        ""
        if interval is None
        else f"{interval.low:+.4f} to {interval.high:+.4f} (blocks of {counted(interval.block_days, 'day')})",
    ]
