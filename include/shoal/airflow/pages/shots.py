"""Images as pages show them: a picture, the boxes over it, a caption. Text is text, and lines are SVG's own attributes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from shoal.airflow.pages.asked_images import address
from shoal.airflow.pages.frame import NOTHING, to_run
from shoal.answers.browsed import SeenBox, SeenImage, in_words
from shoal.answers.browsed_shapes import first_words
from shoal.contract.outlines import Point

GRID_PX, PHOTO_PX = 360, 1600
"""Longer sides of pictures."""

SIDES = (GRID_PX, PHOTO_PX)

NAMED_BOXES = 15
"""Up to so many boxes have their names in the picture; more have numbers, which stand in the table beside it."""


@dataclass(frozen=True)
class Line:
    """Boxes of one colour over a picture: a path in pixels of the image."""

    path: str
    colour: str
    is_below: bool
    is_beside: bool


@dataclass(frozen=True)
class Label:
    """What stands at a box, and where, in pixels of the image."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Shot:
    """An image in a page.

    Attributes:
        image: It.
        picture: Address of its picture.
        href: Address of its page.
        lines: Its boxes.
        labels: What stands at them.
        said: Its boxes in words.
        letters: Size of letters over it, px of the image.
    """

    image: SeenImage
    picture: str
    href: str
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    said: str
    letters: float


def shot_of(place: Mapping[str, str], image: SeenImage, said: Mapping[str, str], side_px: int = GRID_PX) -> Shot:
    """Show an image.

    Args:
        place: `dag_id`, `variant` and `run_key`.
        image: It.
        said: What the page's address says, for the next one.
        side_px: Longer side of the picture.
    """
    letters = max(image.width or 0, image.height or 0) / 62
    return Shot(
        image=image,
        picture=picture_address(place, image.key, image.object_version, side_px),
        href=image_address(place, image.key, image.object_version, said),
        lines=tuple(_lines(image, said.get("taxon", ""))),
        labels=tuple(_labels(image, letters)),
        said=say_boxes(image.boxes),
        letters=round(letters, 1),
    )


def picture_address(place: Mapping[str, str], key: str, object_version: str, side_px: int) -> str:
    """Address of a picture."""
    return address(to_run("picture", **place), {"key": key, "version": object_version}, side=side_px)


def image_address(place: Mapping[str, str], key: str, object_version: str, said: Mapping[str, str]) -> str:
    """Address of an image's page; what it says besides is kept for the way back."""
    return address(to_run("image", **place), {"key": key, "version": object_version, "conf": said.get("conf", "")})


def say_boxes(boxes: Sequence[SeenBox]) -> str:
    """Count boxes in words, the most first."""
    return in_words(Counter(box.taxon for box in boxes))


def place_text(box: SeenBox) -> str:
    """Write where a box is."""
    if box.x1 is None or box.y1 is None or box.x2 is None or box.y2 is None:
        return "the image as a whole"
    first = f"; {said}" if (said := first_words(box)) else ""
    return f"{box.x1:.0f}, {box.y1:.0f} {NOTHING} {box.x2:.0f}, {box.y2:.0f}{first}"


def _edges(image: SeenImage) -> Iterator[tuple[int, SeenBox, tuple[float, float, float, float]]]:
    """Give the boxes that can be drawn, each with its number."""
    if not image.width or not image.height:
        return
    for number, box in enumerate(image.boxes, 1):
        edges = [edge for edge in (box.x1, box.y1, box.x2, box.y2) if edge is not None and isfinite(edge)]
        if len(edges) == 4:
            x1, y1, x2, y2 = edges
            yield number, box, (x1, y1, max(x1, x2), max(y1, y2))


def _lines(image: SeenImage, taxon: str) -> Iterator[Line]:
    """Draw boxes, those of the taxon that is asked for on top: others are beside it."""
    paths: dict[tuple[bool, str, bool], list[str]] = {}
    for _, box, (x1, y1, x2, y2) in _edges(image):
        path = draw_path((x1, y1, x2, y2), box.outline, box.points)
        paths.setdefault((bool(taxon) and box.taxon != taxon, box.colour, box.is_below), []).append(path)
    for (is_beside, colour, is_below), drawn in sorted(paths.items(), reverse=True):
        yield Line("".join(drawn), colour, is_below, is_beside)


def draw_path(
    edges: tuple[float, float, float, float], outline: Iterable[tuple[Point, ...]], points: Iterable[Point]
) -> str:
    """Write a box as a path in pixels of its image: as its outline, where it has one, and its key points as dots."""
    x1, y1, x2, y2 = edges
    path = "".join(map(_loop, outline)) or f"M{x1:.0f} {y1:.0f}H{x2:.0f}V{y2:.0f}H{x1:.0f}Z"
    return path + "".join(f"M{x:.0f} {y:.0f}h.01" for x, y in points)


def _loop(points: tuple[Point, ...]) -> str:
    return f"M{' '.join(f'{x:.0f} {y:.0f}' for x, y in points)}Z"


def _labels(image: SeenImage, letters: float) -> Iterator[Label]:
    named = len(image.boxes) <= NAMED_BOXES
    for number, box, (x1, y1, _, y2) in _edges(image):
        text = f"{box.taxon} {box.conf:.2f}" if named else f"{number}"
        x = min(max(0.0, x1), max(0.0, (image.width or 0) - 0.55 * letters * len(text)))
        y = y1 - 0.3 * letters if y1 > 1.2 * letters else min(y2 + letters, (image.height or 0) - 0.2 * letters)
        yield Label(text, round(x, 1), round(y, 1))
