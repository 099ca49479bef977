"""The images on which two answers differ most, as the page shows them: each twice, with the boxes of the one and of the other."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from shoal.airflow.pages.asked_images import address
from shoal.airflow.pages.frame import to_compare, to_image
from shoal.airflow.pages.shots import GRID_PX, Line, draw_path
from shoal.answers.browsed import in_words
from shoal.answers.find import StoredRun
from shoal.compare.comparison import Comparison
from shoal.compare.differed import COLOURS, Differed
from shoal.contract.units import utc_text
from shoal.pictures.drawing import Box
from shoal.pictures.shapes import shape_of


@dataclass(frozen=True)
class Pane:
    """An image as one of the two saw it.

    Attributes:
        image: It.
        word: What that one is called.
        href: Of the image there.
        lines: Its boxes: what both count is thin.
        alone: What it alone counts, in words.
        said: All of that in words, for who does not see it.
    """

    image: Differed
    word: str
    href: str
    lines: tuple[Line, ...]
    alone: str
    said: str


@dataclass(frozen=True)
class Pair:
    """An image on which two differ.

    Attributes:
        image: It.
        taken: When, UTC.
        picture: Address of its picture.
        panes: It as the first and as the second saw it.
        undrawn: Boxes that are not drawn, for there are too many.
    """

    image: Differed
    taken: str
    picture: str
    panes: tuple[Pane, ...]
    undrawn: int


def pairs_of(
    dag_id: str, said: Mapping[str, str], runs: tuple[StoredRun, StoredRun], found: Comparison
) -> Iterator[Pair]:
    """Show the images that differ most.

    Args:
        dag_id: The DAG under which they are shown.
        said: What the page's address says of the two and of the part that is compared.
        runs: The two.
        found: What they differ in.
    """
    own = f"{to_compare(dag_id)}/picture"
    for one in found.differed:
        named = {"key": one.drawing.key, "version": one.drawing.object_version}
        counted = 2 * one.kept + one.lost + one.gained
        yield Pair(
            one,
            utc_text(one.captured_at),
            address(own, said, **named, side=GRID_PX),
            tuple(_pane(dag_id, run, found, one, number) for number, run in enumerate(runs)),
            max(0, counted - len(one.drawing.boxes)),
        )


def _pane(dag_id: str, run: StoredRun, found: Comparison, one: Differed, number: int) -> Pane:
    word, alone_count = found.words[number], (one.lost, one.gained)[number]
    boxes = [box for box in one.drawing.boxes if box.colour == COLOURS[number]]
    alone = Counter(box.label.removeprefix(f"{word}: ") for box in boxes if box.style != "counted")
    href = to_image(dag_id, run.plan.variant.directory, run.run_key, one.drawing.key, one.drawing.object_version)
    said = f"{one.drawing.key} as {word} saw it: {one.kept} that both count, {alone_count} alone"
    return Pane(one, word, href, tuple(_lines(one, boxes)), in_words(alone) if alone else "nothing", said)


def _lines(one: Differed, boxes: list[Box]) -> Iterator[Line]:
    """Draw boxes, those of one alone on top."""
    if not one.width or not one.height:
        return
    for is_kept in (True, False):
        path = "".join(_path(box, one.height) for box in boxes if (box.style == "counted") is is_kept)
        if path:
            yield Line(path, boxes[0].colour, is_below=False, is_beside=is_kept)


def _path(box: Box, height: int) -> str:
    edges = box.x1, box.y1, box.x2, box.y2
    if box.whole or not all(map(isfinite, edges)):
        return ""
    shape = shape_of(box, height)
    return draw_path(edges, shape.lines, [point for point, _ in shape.points])
