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

_SIGNS = {"lost": "\N{MINUS SIGN} ", "gained": "+ "}
"""Before the label: the kind of line alone would be overlooked."""


@dataclass(frozen=True)
class Tag:
    """One tag, where it lies.

    Attributes:
        box: What it is about.
        label: What it says, cut to its room.
        score: Behind that.
        place: (left, top, right, bottom), px.
    """

    box: Box
    label: str
    score: str
    place: tuple[int, int, int, int]


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
        sign = _SIGNS.get(box.style, "")
        beside = font(letters).getlength(f"{sign} {score}") + 2 * pad
        label = f"{sign}{cut_to(name, max(WIDEST * size[0], 12 * letters) - beside, letters)} " if name else sign
        width = round(font(letters).getlength(label) + font(letters).getlength(score)) + 2 * pad
        height = sum(font(letters).getmetrics()) + pad
        if width > size[0] or height > size[1]:
            continue
        places = list(_places(box, width, height, size))
        place = next((one for one in places if not any(_meet(one, tag.place) for tag in tags)), places[0])
        tags.append(Tag(box, label, score, place))
    return tags


def _places(box: Box, width: int, height: int, size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
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


def _moved(x: int, y: int, width: int, height: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    x, y = min(max(0, x), size[0] - width), min(max(0, y), size[1] - height)
    return x, y, x + width, y + height


def _meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _fit(tags: Sequence[Tag], size: tuple[int, int]) -> bool:
    covered = sum((tag.place[2] - tag.place[0]) * (tag.place[3] - tag.place[1]) for tag in tags)
    overlapped = sum(any(_meet(tag.place, other.place) for other in tags[:number]) for number, tag in enumerate(tags))
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
