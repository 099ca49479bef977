"""Tags: what each box is, with its score, on a filled ground at its edge; they stay in the picture and off each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import ImageDraw

from shoal.pictures.boxes import DARK, line_width
from shoal.pictures.drawing import Box
from shoal.pictures.lettering import cut_to, drawable, font, ink_on, shorter

MOST_SHARE = 0.15
"""Of a picture that tags may cover; else shorter ones are tried."""

MOST_OVERLAPPED = 0.1
"""Share of the tags that may lie on others."""

WIDEST = 0.6
"""Of a picture's width: a longer name is cut."""

MOST_TAGS = 150
"""More boxes have none: placing them costs time, and nobody reads them."""

Place = tuple[int, int, int, int]
"""(left, top, right, bottom), px."""

_SIGNS = {"lost": "\N{MINUS SIGN} ", "gained": "+ "}
"""Before the label: the kind of line alone would be overlooked."""


@dataclass(frozen=True)
class Tag:
    """One tag, where it lies.

    Attributes:
        box: What it is about.
        label: What it says, cut to its room.
        score: Behind that.
        place: Where.
    """

    box: Box
    label: str
    score: str
    place: Place


def text_size(long_side_px: int) -> int:
    """Say how large letters are in a picture of that size, px."""
    return min(40, max(12, round(long_side_px / 70)))


def draw_tags(pen: ImageDraw.ImageDraw, boxes: Sequence[Box], size: tuple[int, int]) -> bool:
    """Tag boxes as fully as there is room for; return whether names are among what the tags say."""
    if len(boxes) > MOST_TAGS:
        return False
    best = list(reversed(boxes))  # the best has the first choice of a place
    named = [drawable(box.label, box.class_id) for box in best]
    ways = [named, [shorter(name) for name in named], [""] * len(best)]
    for number, labels in enumerate(ways):
        tags = _place(best, labels, size)
        if _fit(tags, size):
            for tag in reversed(tags):
                _draw(pen, tag, size)
            return number < len(ways) - 1
    return False


def _place(boxes: Sequence[Box], labels: Sequence[str], size: tuple[int, int]) -> list[Tag]:
    letters = text_size(max(size))
    pad = max(2, letters // 5)
    tags: list[Tag] = []
    for box, name in zip(boxes, labels, strict=True):
        score = f"{box.conf:.2f}"
        sign = "? " if box.whole and box.style == "below" else _SIGNS.get(box.style, "")  # it has no line to be dashed
        beside = font(letters).getlength(f"{sign} {score}") + 2 * pad
        label = f"{sign}{cut_to(name, max(WIDEST * size[0], 12 * letters) - beside, letters)} " if name else sign
        width = round(font(letters).getlength(label) + font(letters).getlength(score)) + 2 * pad
        height = sum(font(letters).getmetrics()) + pad
        if width > size[0] or height > size[1]:
            continue
        others = [_edges(other) for other in boxes if other is not box]
        ranked = enumerate(_places(box, width, height, size))
        _, _, place = min((_hides(place, tags, others), number, place) for number, place in ranked)
        tags.append(Tag(box, label, score, place))
    return tags


def _edges(box: Box) -> Place:
    return round(box.x1), round(box.y1), round(box.x2), round(box.y2)


def _hides(place: Place, tags: Sequence[Tag], others: Sequence[Place]) -> float:
    """Say how much a tag would hide there: of other tags, which are unreadable then, and of each other box its share."""
    hidden = sum(_common(place, tag.place) > 0 for tag in tags) * 2.0
    return hidden + sum(_common(place, other) / max(1, _area(other)) for other in others)


def _area(place: Place) -> int:
    return (place[2] - place[0]) * (place[3] - place[1])


def _common(one: Place, other: Place) -> int:
    """Say how many pixels two places share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0


def _places(box: Box, width: int, height: int, size: tuple[int, int]) -> Iterator[Place]:
    """Give places for a tag, the best first: above the box, below it, inside of it; each is moved into the picture."""
    edge = line_width(max(size)) + 1
    left, right = round(box.x1) - 1, round(box.x2) + 2 - width
    above, below = round(box.y1) - height, round(box.y2) + 1
    inside_top, inside_bottom = round(box.y1) + edge, round(box.y2) - edge - height
    if above >= 0:
        yield from (_moved(x, above, width, height, size) for x in (left, right))
    if below + height <= size[1]:
        yield from (_moved(x, below, width, height, size) for x in (left, right))
    for y in (inside_top, inside_bottom):
        yield from (_moved(x, y, width, height, size) for x in (left + edge, right - edge))


def _moved(x: int, y: int, width: int, height: int, size: tuple[int, int]) -> Place:
    x, y = min(max(0, x), size[0] - width), min(max(0, y), size[1] - height)
    return x, y, x + width, y + height


def _fit(tags: Sequence[Tag], size: tuple[int, int]) -> bool:
    covered = sum(_area(tag.place) for tag in tags)
    overlapped = sum(
        any(_common(tag.place, other.place) > 0 for other in tags[:number]) for number, tag in enumerate(tags)
    )
    few = len(tags) <= 3  # in a small picture even one takes a good part
    return (few or covered <= MOST_SHARE * size[0] * size[1]) and overlapped <= MOST_OVERLAPPED * len(tags)


def _draw(pen: ImageDraw.ImageDraw, tag: Tag, size: tuple[int, int]) -> None:
    letters = text_size(max(size))
    left, top, right, bottom = tag.place
    colour = tag.box.colour
    pen.rectangle((left, top, right - 1, bottom - 1), fill=colour, outline=DARK)
    pad = max(2, letters // 5)
    at = left + pad, top + pad // 2
    pen.text(at, tag.label, font=font(letters), fill=ink_on(colour))
    pen.text(
        (right - pad - font(letters).getlength(tag.score), at[1]), tag.score, font=font(letters), fill=ink_on(colour)
    )
