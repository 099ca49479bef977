"""Outlines of what is no upright box: corners of a turned one, and the edge of a mask."""

from collections.abc import Sequence

from shoal.contract.mask_runs import spans_of

Point = tuple[float, float]

TOLERANCE_PX = 1.0
"""An outline passes no pixel's corner at its edge further away than that."""


def corners_of(keypoints: Sequence[float | None] | None) -> list[Point]:
    """Give the corners of a turned box, going round; none where they are not known.

    Args:
        keypoints: x, y and a third value of each, as rows hold them of such boxes.
    """
    values = keypoints or ()
    points = [(x, y) for x, y in zip(values[::3], values[1::3], strict=False) if x is not None and y is not None]
    return points if len(points) == 4 else []


def outlines_of(mask: str, height: int, tolerance_px: float = TOLERANCE_PX) -> tuple[list[list[Point]], int]:
    """Give the outer edges of a mask's parts, the largest one first, and how many holes there are, which no outline shows.

    Points are corners of pixels; those that lie on a line as good as straight are left out. Parts that touch by a corner only are
    two.

    Args:
        mask: COCO RLE, as rows hold it.
        height: Of its image, px.
        tolerance_px: How far an outline may be off, px.

    Raises:
        ContractError: It is no mask of such an image.
    """
    parts, holes = [], 0
    for loop in _loops(_edges(spans_of(mask, height))):
        area = _doubled_area(loop)
        if area > 0:
            parts.append((area, _simpler(loop, tolerance_px)))
        else:
            holes += 1
    parts.sort(key=lambda part: (-part[0], part[1]))
    return [loop for _, loop in parts], holes


def _edges(columns: list[list[tuple[int, int]]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Give the edges between what is set and what is not, from corner to corner, with what is set at their right hand."""
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    before: list[tuple[int, int]] = []
    for x, spans in enumerate([*columns, []]):
        for top, bottom in spans:
            edges.setdefault((x, top), []).append((x + 1, top))
            edges.setdefault((x + 1, bottom), []).append((x, bottom))
        for top, bottom in _without(spans, before):  # set from here on: upwards
            edges.setdefault((x, bottom), []).append((x, top))
        for top, bottom in _without(before, spans):
            edges.setdefault((x, top), []).append((x, bottom))
        before = spans
    return edges


def _without(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the rows of spans that are in none of the others, cut where an edge of one of those meets them."""
    left = []
    for top, bottom in spans:
        at = top
        for start, end in others:
            if end <= at or start >= bottom:
                continue
            if start > at:
                left.append((at, start))
            at = max(at, end)
        if at < bottom:
            left.append((at, bottom))
    return left


def _loops(edges: dict[tuple[int, int], list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Walk along the edges until each was walked; where two ways part, turn right: so parts that touch by a corner stay two."""
    loops = []
    while edges:
        start = min(edges)
        loop, at, came = [start], start, (0, 0)
        while True:
            ways = edges[at]
            to = ways[0] if len(ways) == 1 else max(ways, key=lambda way: _turn(came, at, way))
            ways.remove(to)
            if not ways:
                del edges[at]
            came, at = (to[0] - at[0], to[1] - at[1]), to
            if at == start:
                break
            loop.append(at)
        loops.append(loop)
    return loops


def _turn(came: tuple[int, int], at: tuple[int, int], way: tuple[int, int]) -> int:
    """Say how far to the right a way turns; y grows downwards."""
    turned = came[0] * (way[1] - at[1]) - came[1] * (way[0] - at[0])
    return (turned > 0) - (turned < 0)


def _doubled_area(loop: list[tuple[int, int]]) -> int:
    """Give twice the area of a loop: above 0 where it goes clockwise as an image is seen, so around something."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(loop, [*loop[1:], loop[0]], strict=True))


def _simpler(loop: list[tuple[int, int]], tolerance_px: float) -> list[Point]:
    """Leave points out that lie near the line between those that stay: Douglas and Peucker, from two points far apart on."""
    far = max(range(len(loop)), key=lambda n: (loop[n][0] - loop[0][0]) ** 2 + (loop[n][1] - loop[0][1]) ** 2)
    closed = [*loop, loop[0]]
    kept = {0, far}
    to_do = [(0, far), (far, len(loop))]
    while to_do:
        first, last = to_do.pop()
        (ax, ay), (bx, by) = closed[first], closed[last]
        length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        worst, off = 0, tolerance_px
        for n in range(first + 1, last):
            x, y = closed[n]
            away = (  # a loop that touches itself passes a corner twice
                abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length
                if length
                else ((x - ax) ** 2 + (y - ay) ** 2) ** 0.5
            )
            if away > off:
                worst, off = n, away
        if worst:
            kept.add(worst)
            to_do += [(first, worst), (worst, last)]
    points: list[Point] = [(float(loop[n][0]), float(loop[n][1])) for n in sorted(kept)]
    return points if len(points) > 2 else [(float(x), float(y)) for x, y in _corners(loop)]


def _corners(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out what lies on a straight line: of what is thinner than the tolerance all corners stay."""
    return [
        b
        for a, b, c in zip([loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True)
        if (b[0] - a[0]) * (c[1] - b[1]) != (b[1] - a[1]) * (c[0] - b[0])
    ]
