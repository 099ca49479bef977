"""What a box is drawn as where it is no upright one: corners that are turned, the outline of a mask; and its key points."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import ImageDraw

from shoal.contract.errors import ContractError
from shoal.contract.outlines import Point, corners_of, outlines_of
from shoal.pictures.boxes import DARK, LIGHT, line_width, outline
from shoal.pictures.drawing import Box

VISIBLE = 0.5
"""Key points with a lower score are drawn hollow."""


@dataclass(frozen=True)
class Shape:
    """A box, the lines it is drawn as, none where that is its own edge, and its key points with their scores."""

    box: Box
    lines: tuple[tuple[Point, ...], ...] = ()
    points: tuple[tuple[Point, float], ...] = ()


def shape_of(box: Box, height: int) -> Shape:
    """Find what a box of an image of this height is drawn as."""
    if box.angle is not None:
        corners = corners_of(box.keypoints)
        return Shape(box, (tuple(corners),) if corners else ())
    values = box.keypoints
    points = zip(values[::3], values[1::3], values[2::3], strict=False)
    known = tuple(
        ((x, y), 1.0 if score is None else score) for x, y, score in points if x is not None and y is not None
    )
    return Shape(box, _outlines(box, height), known)


def _outlines(box: Box, height: int) -> tuple[tuple[Point, ...], ...]:
    if not box.mask:
        return ()
    try:
        return tuple(tuple(part) for part in outlines_of(box.mask, height)[0])
    except ContractError:  # of an image of another size: the box itself is drawn
        return ()


def draw_shape(pen: ImageDraw.ImageDraw, shape: Shape, long_side_px: int) -> None:
    """Draw one; of what is said of the image as a whole there is nothing to draw but its tag."""
    if shape.box.whole:
        return
    for line in shape.lines:
        _draw_line(pen, [*line, line[0]], shape.box, line_width(long_side_px))
    if not shape.lines:
        outline(pen, shape.box, long_side_px)
    radius = 2 * line_width(long_side_px)
    for (x, y), score in shape.points:
        fill = shape.box.colour if score >= VISIBLE else None
        pen.ellipse((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1), outline=DARK)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=LIGHT)


def _draw_line(pen: ImageDraw.ImageDraw, line: Sequence[Point], box: Box, width: int) -> None:
    if box.style in {"below", "lost"}:
        for dash in _dashes(line, (4 if box.style == "below" else 7) * width):
            pen.line(dash, fill=DARK, width=width + 2)
            pen.line(dash, fill=box.colour, width=width)
        return
    wide = 3 * width if box.style == "gained" else width
    for colour, more in ((DARK, 3), (box.colour, 1)):
        pen.line(list(line), fill=colour, width=wide + more, joint="curve")
    if box.style == "gained":
        pen.line(list(line), fill=LIGHT, width=width, joint="curve")


def _dashes(line: Sequence[Point], dash: float) -> Iterator[list[Point]]:
    """Cut a line into dashes and give each second one."""
    left, drawn, at = dash, True, [line[0]]
    for (ax, ay), (bx, by) in pairwise(line):
        length, gone = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, 0.0
        while length - gone > left:
            gone += left
            cut = ax + (bx - ax) * gone / length, ay + (by - ay) * gone / length
            if drawn:
                yield [*at, cut]
            left, drawn, at = dash, not drawn, [cut]
        left -= length - gone
        at.append((bx, by))
    if drawn and len(at) > 1:
        yield at
