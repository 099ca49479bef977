"""From the bytes of an image to a JPEG with its boxes: decoded as the worker does it, drawn at the size that is shown."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from shoal.contract.outlines import Point
from shoal.pictures.colours import COLOURS
from shoal.pictures.drawing import Box
from shoal.pictures.legend import add_legend
from shoal.pictures.shapes import Shape, draw_shape, shape_of
from shoal.pictures.tags import draw_tags
from shoal_worker.image.decode import decode
from shoal_worker.image.header import Undecodable

MOST_ENLARGED = 4.0
"""A small image, or a small part of one, is enlarged so much and no more."""

MARGIN = 0.6
"""Of the longer side of the box that is cropped to, on each side."""

LEAST_SHARE = 0.15
"""Of the image's longer side that a crop shows at least: without its surroundings nobody knows a fish."""

LEAST_WITHIN = 0.25
"""Share of another box that a crop must show: a sliver of one at its edge tells nobody anything."""

cv2.setNumThreads(1)


@dataclass(frozen=True)
class Part:
    """The part of an image that is shown, in its pixels."""

    left: int
    top: int
    right: int
    bottom: int


def paint(data: bytes, words: Mapping[str, Any]) -> tuple[dict[str, Any], bytes | None]:
    """Draw one image.

    Args:
        data: The object.
        words: `boxes`, `crop`, `long_side_px`, `quality`, `pixel_limit` and `scan_limit`, as in `Drawing` and `PictureLimits`.

    Returns:
        `width` and `height` of the image, or `why` there is no picture; and the JPEG.
    """
    decoded = decode(data, words["pixel_limit"], words["scan_limit"])
    if isinstance(decoded, Undecodable):
        return _why(decoded), None
    height, width = decoded.image.shape[:2]
    shapes = [shape_of(Box(**box), height) for box in words["boxes"]]
    part = Part(0, 0, width, height)
    if words["crop"] and shapes and not shapes[0].box.whole:
        part = _around(shapes[0].box, width, height)
        shapes = [
            one for number, one in enumerate(shapes) if number == 0 or _share_within(one.box, part) >= LEAST_WITHIN
        ]
    frame = decoded.image[part.top : part.bottom, part.left : part.right]
    del decoded
    picture, scale = _scaled(frame, words["long_side_px"])
    picture = _draw_boxes(picture, _moved(shapes, part, scale, picture.size))
    return {"width": width, "height": height}, as_jpeg(picture, words["quality"])


def as_pixels(data: bytes, words: Mapping[str, Any]) -> tuple[dict[str, Any], bytes | None]:
    """Decode one image and draw nothing.

    Args:
        data: The object.
        words: `pixel_limit` and `scan_limit`, as in `PictureLimits`.

    Returns:
        `width` and `height` of the image, or `why` there are no pixels; and those, row by row, RGB.
    """
    decoded = decode(data, words["pixel_limit"], words["scan_limit"])
    if isinstance(decoded, Undecodable):
        return _why(decoded), None
    height, width = decoded.image.shape[:2]
    return {"width": width, "height": height}, cv2.cvtColor(decoded.image, cv2.COLOR_BGR2RGB).tobytes()


def _why(refused: Undecodable) -> dict[str, Any]:
    size = {} if refused.header is None else {"width": refused.header.width, "height": refused.header.height}
    return {"why": f"{refused.reason}{f': {refused.detail}' if refused.detail else ''}", **size}


def as_jpeg(picture: Pillow.Image, quality: int) -> bytes:
    """Encode a picture; colours at full size, so that thin lines stay crisp."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling=0, optimize=True)
    return file.getvalue()


def _around(box: Box, width: int, height: int) -> Part:
    """Find the part around a box, in the image's own proportions; all of the image where the box has no place."""
    if not all(map(isfinite, (box.x1, box.y1, box.x2, box.y2))):
        return Part(0, 0, width, height)
    left, top, right, bottom = box.x1, box.y1, box.x2, box.y2
    wide = max((right - left), (bottom - top) * width / height)
    share = min(1.0, max(wide * (1 + 2 * MARGIN) / width, LEAST_SHARE))
    shown = max(1, round(width * share)), max(1, round(height * share))
    x = min(max(0, round((left + right - shown[0]) / 2)), width - shown[0])
    y = min(max(0, round((top + bottom - shown[1]) / 2)), height - shown[1])
    return Part(x, y, x + shown[0], y + shown[1])


def _share_within(box: Box, part: Part) -> float:
    """Say how much of a box a part of the image shows."""
    wide = min(box.x2, part.right) - max(box.x1, part.left)
    high = min(box.y2, part.bottom) - max(box.y1, part.top)
    area = (box.x2 - box.x1) * (box.y2 - box.y1)
    return wide * high / area if wide > 0 and high > 0 and area > 0 else 0.0


def _scaled(frame: NDArray[np.uint8], long_side_px: int) -> tuple[Pillow.Image, float]:
    height, width = frame.shape[:2]
    scale = min(long_side_px / max(height, width), MOST_ENLARGED)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        frame = cast("NDArray[np.uint8]", cv2.resize(frame, size, interpolation=how))
    return Pillow.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)), scale


def _moved(shapes: Sequence[Shape], part: Part, scale: float, size: tuple[int, int]) -> list[Shape]:
    """Give shapes in pixels of the picture, each box inside of it and large enough to be seen; best ones last."""
    moved = []

    def to(point: Point) -> Point:
        return (point[0] - part.left) * scale, (point[1] - part.top) * scale

    for shape in sorted(shapes, key=lambda shape: shape.box.conf):
        box = shape.box
        colour = box.colour or COLOURS[box.class_id % len(COLOURS)]
        if box.whole:
            moved.append(Shape(replace(box, x1=0.0, y1=0.0, x2=size[0] - 1.0, y2=size[1] - 1.0, colour=colour)))
            continue
        (left, top), (right, bottom) = to((box.x1, box.y1)), to((box.x2, box.y2))
        across, down = _inside(left, right, size[0]), _inside(top, bottom, size[1])
        if across is not None and down is not None:
            (x1, x2), (y1, y2) = across, down
            lines = tuple(tuple(map(to, line)) for line in shape.lines)
            points = tuple((to(point), score) for point, score in shape.points)
            moved.append(Shape(replace(box, x1=x1, x2=x2, y1=y1, y2=y2, colour=colour), lines, points))
    return moved


LEAST_PX = 4


def _inside(low: float, high: float, most: int) -> tuple[float, float] | None:
    """Move an edge pair into a picture; None where it is no number or lies outside."""
    if not low <= high or high < 0 or low > most:  # also where one is no number
        return None
    low, high = max(0.0, low), min(float(most - 1), high)
    lacks = max(0.0, LEAST_PX - (high - low)) / 2
    low = min(max(0.0, low - lacks), max(0.0, most - 1.0 - LEAST_PX))
    return low, min(most - 1.0, max(high + lacks, low + LEAST_PX))


def _draw_boxes(picture: Pillow.Image, shapes: Sequence[Shape]) -> Pillow.Image:
    if not shapes:
        return picture
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        draw_shape(pen, shape, max(picture.size))
    boxes = [shape.box for shape in shapes]
    said = draw_tags(pen, boxes, picture.size)
    return picture if said else add_legend(picture, boxes)
