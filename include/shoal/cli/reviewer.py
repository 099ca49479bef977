"""`python -m shoal reviewer RUN --html FILE --taxon TAXON`: one file by which a reviewer tests a number of a paper, offline.

A hundred images, drawn by a design that is stored first, are shown without boxes; he counts what he sees, and the page computes
whether the number holds with it. `--check FILE` compares such a page, or the labels that it saved, with what is stored.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, print_json
from shoal.cli._numpy import need_numpy
from shoal.cli._reach import find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.cli._which_run import read_word
from shoal.cli._whole import need_free, write_whole
from shoal.contract.errors import ConfigError, shown
from shoal.contract.typed_numbers import positive
from shoal.contract.units import counted

if TYPE_CHECKING:
    from shoal.answers.find import StoredRun
    from shoal.evidence.review.design import Review
    from shoal.exports.review.page import Page
    from shoal.settings.dataset import Dataset
    from shoal.settings.dataset_stores import Stores

NUMBERS = ("share", "mean", "total")


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("run", metavar="RUN", help="<dataset>/<run_key>, or a dataset: its answer")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the page to write, one file")
    parser.add_argument("--taxon", metavar="TAXON", help="whose number; not needed where the run counts one alone")
    parser.add_argument(
        "--number",
        choices=NUMBERS,
        default="share",
        help="share of the images with it, mean of individuals per image, total",
    )
    parser.add_argument(
        "--estimate",
        metavar="NAME",
        help="a stored estimate that says the number with its interval, or 'answer' for the one of report and workbook; else "
        "the model's count is tested",
    )
    parser.add_argument("-n", type=positive, default=100, metavar="N", help="images to be expected (100)")
    parser.add_argument(
        "--seed",
        metavar="WORDS",
        help="words of the reviewer's by which images are drawn: only they bind the author; else model and images say",
    )
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="a page or the labels it saved: is it as it was written?"
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Write a page, or check one."""
    need_numpy("reviewer")
    if (arguments.html is None) == (arguments.check is None):
        raise ConfigError("reviewer writes a page or checks a file - name one of --html FILE and --check FILE")
    name, run_key = read_word(arguments.run)
    dataset = find_dataset(name)
    with reach_results(name, dataset) as stores:
        if arguments.check is not None:
            return _check(arguments, stores, dataset)
        return _write(arguments, stores, dataset, run_key)


def _write(arguments: Namespace, stores: "Stores", dataset: "Dataset", run_key: str | None) -> int:
    from shoal.answers.find import CURRENT, find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.evidence.review.design import Wish, draw_review  # noqa: PLC0415
    from shoal.evidence.review.images import read_images  # noqa: PLC0415
    from shoal.evidence.review.pages import store_page  # noqa: PLC0415
    from shoal.evidence.review.published import Asked  # noqa: PLC0415
    from shoal.exports.review.page import make_page  # noqa: PLC0415
    from shoal.pictures.draw import draw  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    need_free(arguments.html, "--html")
    run = find_run(stores.results, stores.layout, run_key or CURRENT)
    asked = Asked(arguments.taxon, arguments.number, arguments.estimate)
    with open_database(stores.results, dataset.run, images=run.plan.counts.listed) as database:
        review = draw_review(database, stores.layout, run, Wish(asked, arguments.n, arguments.seed), dataset.taxa)
        drawn = read_images(database, review)
    page = make_page(review, drawn, lambda drawings: draw(stores.source, drawings, run.picture_limits))
    digest = store_page(stores.results, stores.layout, review, page.html, page.data, page.without)
    write_whole(arguments.html, page.html, "--html", aside=arguments.json)
    if arguments.json:
        print_json({
            "run": f"{run.summary.dataset}/{run.run_key}", "design": review.name, "design_sha256": review.sha256,
            "published": dict(review.json["published"]), "images": len(drawn), "pictures": page.pictures,
            "side_px": page.side_px, "undrawn": page.undrawn, "bytes": len(page.html), "sha256": digest,
        })  # fmt: skip
    else:
        tell(*_describe(review, run, page, arguments.n, digest))
    return 0


def _describe(review: "Review", run: "StoredRun", page: "Page", n: int, digest: str) -> Iterator[str]:
    published, json = review.published, review.json
    between = "" if published.low is None else f", {published.low:.6g} to {published.high:.6g}"
    yield (
        f"design {review.name} of run {json['dataset']}/{run.run_key}: {published.number} of {shown(published.taxon, 80)} "
        f"{published.value:.6g}{between}"
    )
    drawn, by = json["drawn"]["images"], "given words" if review.seed_given else "seed"
    few = f"; it has no more than {review.images}" if review.images <= n else ""
    yield (
        f"drawn    {drawn} of {counted(review.images, 'image')}, {min(n, review.images)} expected{few}, by {by} "
        f"{json['seed']}, stored before the page"
    )
    if people := json["frame"]["images_of_people_left_out"]:
        yield f"left out because they show people: {counted(people, 'image')}; the number is that of the others"
    yield f"pictures {page.pictures} of {page.side_px} px at most, {len(page.html) / 1e6:.1f} MB in all"
    yield from (f"no picture of {counted(number, 'image')}: {why}" for why, number in sorted(page.undrawn.items()))
    keep = f"python -m shoal cite {json['dataset']}/{run.run_key} --keep"
    yield f"sha256   {digest}: say it beside the page, and keep the run: {keep}"


def _check(arguments: Namespace, stores: "Stores", dataset: "Dataset") -> int:
    from shoal.evidence.review.check import check_file  # noqa: PLC0415 - other commands do not need it
    from shoal.tables.session import open_database  # noqa: PLC0415

    with open_database(stores.results, dataset.run) as database:
        found = check_file(database, stores.layout, arguments.check, dataset.taxa)
    if arguments.json:
        print_json(found.to_json())
    else:
        tell(*found.lines)
    return 0 if found.holds else 1
