"""Outlines of boxes: a line in the class's colour between a light and a dark one, which shows on any ground."""

from collections.abc import Iterator

from PIL import ImageDraw

from shoal.pictures.drawing import Box

DARK, LIGHT = (16, 16, 16), (245, 245, 245)


def line_width(long_side_px: int) -> int:
    """Say how wide lines are in a picture of that size, px."""
    return max(2, round(long_side_px / 330))


def outline(pen: ImageDraw.ImageDraw, box: Box, long_side_px: int) -> None:
    """Draw one box; what is below the threshold or was lost is dashed, what was gained has a double line."""
    width = line_width(long_side_px)
    edges = round(box.x1), round(box.y1), round(box.x2), round(box.y2)
    if box.style in {"below", "lost"}:
        for piece in _dashes(edges, width, 4 * width if box.style == "below" else 7 * width):
            pen.rectangle(_wider(piece, 1), fill=DARK)
            pen.rectangle(piece, fill=box.colour)
        return
    _frame(pen, edges, width, box.colour)
    if box.style == "gained":
        inner = 2 * width + 1
        edges = edges[0] + inner, edges[1] + inner, edges[2] - inner, edges[3] - inner
        if min(edges[2] - edges[0], edges[3] - edges[1]) > 2 * width:
            _frame(pen, edges, width, box.colour)


def _frame(pen: ImageDraw.ImageDraw, edges: tuple[int, int, int, int], width: int, colour: str) -> None:
    pen.rectangle(_wider(edges, 1), outline=LIGHT)
    pen.rectangle(edges, outline=DARK, width=width + 1)
    pen.rectangle(edges, outline=colour, width=width)


def _wider(edges: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    return edges[0] - by, edges[1] - by, edges[2] + by, edges[3] + by


def _dashes(edges: tuple[int, int, int, int], width: int, dash: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut the four sides into dashes; one lies at each end of a side, so that corners are whole."""
    x1, y1, x2, y2 = edges
    inner = width - 1
    for start, end in _cut(x1, x2, dash):
        yield start, y1, end, min(y2, y1 + inner)
        yield start, max(y1, y2 - inner), end, y2
    for start, end in _cut(y1, y2, dash):
        yield x1, start, min(x2, x1 + inner), end
        yield max(x1, x2 - inner), start, x2, end


def _cut(start: int, end: int, dash: int) -> Iterator[tuple[int, int]]:
    """Cut a length into an odd number of equal pieces, and give each second one."""
    length = end - start
    pieces = max(1, round(length / dash))
    pieces += 1 - pieces % 2
    for number in range(0, pieces, 2):
        yield start + round(number * length / pieces), start + round((number + 1) * length / pieces)
