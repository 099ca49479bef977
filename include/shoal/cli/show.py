"""`python -m shoal show RUN KEY`: one image of an answer with its boxes, labels and scores; or a contact sheet with --grid.

Boxes that count are solid; those below the threshold are drawn with --below, dashed. Everything is read from the run's stored
tables, the images themselves as the run looked at them. Images that show a class of role `human` are never shown.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import replace
from math import degrees
from pathlib import Path

from shoal.answers.find import CURRENT, StoredRun, find_run
from shoal.answers.shown import ShownAnswer, ShownImage
from shoal.answers.views import view_answer
from shoal.answers.where import EXAMPLE, Where
from shoal.cli._reach import find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.cli._which_run import read_word
from shoal.cli._whole import write_whole
from shoal.contract.errors import ConfigError, shown
from shoal.contract.typed_numbers import positive
from shoal.pictures.draw import draw, sheet
from shoal.pictures.drawing import Box, Drawn
from shoal.settings.dataset_stores import Stores
from shoal.tables.session import open_database

LEAST_SIDE, MOST_SIDE = 1000, 2400
"""Longer side of a picture in pixels, where nobody says one."""

MOST_TILES = 400
SHOWN_FAILURES = 5
ORDERS = ("score", "doubt", "date")


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("run", metavar="RUN", help="<dataset>/<run_key>, or a dataset: its answer")
    parser.add_argument("key", metavar="KEY", nargs="?", help="the image's key, or an ending that only one has")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="the picture, .jpg (default: a name in this folder)"
    )
    parser.add_argument("--below", action="store_true", help="also the boxes below the threshold, dashed")
    parser.add_argument("--side", type=_side, metavar="PX", help="longer side of the picture of one image, in pixels")
    parser.add_argument("--grid", type=_grid, metavar="5x5", help="a contact sheet, COLUMNSxROWS, instead of one image")
    parser.add_argument("--taxon", metavar="T", help="of the contact sheet (default: any)")
    parser.add_argument(
        "--order", choices=ORDERS, default="score", help="of the sheet: best, nearest to the threshold, or newest first"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="PART",
        help=f"of the sheet: part of the answer, such as {EXAMPLE}",
    )


def execute(arguments: Namespace) -> int:
    """Draw what was asked for."""
    _need_one_thing(arguments)
    name, run_key = read_word(arguments.run)
    dataset = find_dataset(name)
    with reach_results(name, dataset) as stores, open_database(stores.results, dataset.run) as database:
        run = find_run(stores.results, stores.layout, run_key or CURRENT)
        where = Where.parse(arguments.where, run.plan.settings.report.zone)
        if where.taxa:
            raise ConfigError("--where taxon=… picks no images here - write --taxon")
        view_answer(database, run.summary, where)
        answer = ShownAnswer(database, run.summary, dataset.taxa)
        if arguments.grid:
            return _show_grid(arguments, stores, run, answer)
        return _show_one(arguments, stores, run, answer)


def _need_one_thing(arguments: Namespace) -> None:
    if bool(arguments.key) == bool(arguments.grid):
        raise ConfigError("show draws one image, by its key, or a contact sheet - write a KEY or --grid 5x5")
    if arguments.key and (arguments.taxon or arguments.where):
        raise ConfigError("--taxon and --where pick images for a contact sheet - add --grid 5x5, or leave them out")
    if arguments.out is not None and arguments.out.suffix.lower() not in {".jpg", ".jpeg"}:
        raise ConfigError(f"-o {shown(str(arguments.out), 200)}: pictures are JPEGs - write a name that ends in .jpg")


def _show_one(arguments: Namespace, stores: Stores, run: StoredRun, answer: ShownAnswer) -> int:
    image = answer.find_image(arguments.key.removeprefix(stores.source.uri("")))
    boxes = answer.boxes(image, below=arguments.below)
    side = arguments.side or min(MOST_SIDE, max(LEAST_SIDE, image.width or 0, image.height or 0))
    (drawn,) = draw(stores.source, [replace(image.to_draw(boxes), long_side_px=side, quality=90)], run.picture_limits)
    if drawn.jpeg is None:
        failed = f"; the run could not use it either ({image.reason})" if image.use == "failed" else ""
        raise ConfigError(f"No picture of {shown(image.key)!r}: {drawn.why}{failed}")
    tell(*_facts(run, image, drawn), *map(_line, boxes))
    name = f"{_plain(Path(image.key).name)}.boxes.jpg"
    write_whole(arguments.out or Path(name), drawn.jpeg, "-o", replaces=arguments.out is None)
    return 0


def _facts(run: StoredRun, image: ShownImage, drawn: Drawn) -> list[str]:
    why = f" ({image.reason})" if image.reason else ""
    return [
        f"{shown(image.key)} of run {run.summary.dataset}/{run.run_key}, model {run.plan.models}",
        f"{image.time_text}, camera {shown(image.camera)}, {drawn.width}x{drawn.height} px, {image.use}{why}",
    ]


def _line(box: Box) -> str:
    place = "the image as a whole" if box.whole else f"({box.x1:.0f}, {box.y1:.0f}) to ({box.x2:.0f}, {box.y2:.0f})"
    place += f", turned by {degrees(box.angle):.0f}°" if box.angle is not None else ""
    below = "  below" if box.style == "below" else ""
    first = f", {shown(box.first)} to the first model, then {box.then_conf:.2f}" if box.then_conf is not None else ""
    return f"  {box.conf:.2f}  {shown(box.label)} (class {box.class_id}{first})  {place}{below}"


def _show_grid(arguments: Namespace, stores: Stores, run: StoredRun, answer: ShownAnswer) -> int:
    columns, rows = arguments.grid
    picked = answer.pick(columns * rows, arguments.order, taxon=arguments.taxon, below=arguments.below)
    taxon = arguments.taxon or "all taxa"
    people = f"; left out because they show people: {picked.with_people}" if picked.with_people else ""
    if not picked.drawings:
        raise ConfigError(f"No image of {shown(taxon, 100)} to show in this part of the answer{people}")
    limits = run.picture_limits
    drawn = list(draw(stores.source, picked.drawings, limits))
    failed = [one for one in drawn if one.jpeg is None]
    tell(f"{len(drawn)} of {picked.of} images of {shown(taxon, 100)}, by {arguments.order}{people}")
    tell(*(f"  no picture of {shown(one.drawing.key)!r}: {one.why}" for one in failed[:SHOWN_FAILURES]))
    if len(failed) > SHOWN_FAILURES:
        tell(f"  … and of {len(failed) - SHOWN_FAILURES} more")
    title = f"{taxon} · by {arguments.order} · {run.summary.dataset}/{run.run_key}"
    name = f"{run.summary.dataset}-{_plain(arguments.taxon or 'all')}-{arguments.order}.jpg"
    picture = sheet(drawn, columns, title, limits)
    write_whole(arguments.out or Path(name), picture, "-o", replaces=arguments.out is None)
    return 1 if len(failed) == len(drawn) else 0


def _plain(name: str) -> str:
    """Make a name for a file of what may be anything."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "image"


def _side(text: str) -> int:
    side = positive(text)
    if side > 10_000:
        raise ArgumentTypeError(f"{side} px is more than the 10000 that a picture may have")
    return side


def _grid(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})[xX](\d{1,3})", text)
    columns, rows = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < columns * rows <= MOST_TILES:
        raise ArgumentTypeError(f"{text!r} is no grid of 1 to {MOST_TILES} pictures - write it as 5x5")
    return columns, rows
