"""Each side of an image brought to the model's for itself, as the runtimes of three families do it, and boxes back."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from shoal_worker.image.letterbox import Image

Boxes = NDArray[np.float32]


def stretch(image: Image, imgsz: tuple[int, int]) -> Image:
    """Scale as ultralytics does: bilinear, rounded to bytes.

    Args:
        image: `(h, w, 3)` or `(h, w)` uint8.
        imgsz: (height, width) in pixels.
    """
    if image.shape[:2] == imgsz:
        return image
    return np.asarray(cv2.resize(image, imgsz[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def stretch_unrounded(image: Image, imgsz: tuple[int, int]) -> NDArray[np.float32]:
    """Scale as torch does a tensor, `antialias=False`: bilinear between pixel centres, in floats; values stay 0..255.

    Only the four pixels that each new one lies between become floats: of a whole image they would take 12 bytes a pixel.
    """
    top, bottom, down = _between(imgsz[0], image.shape[0])
    left, right, along = _between(imgsz[1], image.shape[1])
    along = along.reshape(-1, *(1,) * (image.ndim - 2))
    out = np.empty((*imgsz, *image.shape[2:]), np.float32)
    for start in range(0, imgsz[0], _BAND):
        band = slice(start, start + _BAND)
        upper, lower = (
            _mix(_pixels(image, rows[band], left), _pixels(image, rows[band], right), along) for rows in (top, bottom)
        )
        out[band] = _mix(upper, lower, down[band].reshape(-1, *(1,) * (image.ndim - 1)))
    return out


def stretch_smooth(image: Image, imgsz: tuple[int, int]) -> Image:
    """Scale as Pillow does: bilinear over all pixels that a new one covers; each channel for itself, which Pillow holds in 4."""
    planes = [
        np.asarray(
            Pillow.fromarray(np.ascontiguousarray(plane)).resize(imgsz[::-1], Pillow.Resampling.BILINEAR), np.uint8
        )
        for plane in _planes(image)
    ]
    return planes[0] if image.ndim == 2 else np.stack(planes, axis=-1)


_BAND = 64
"""Rows that are made at once."""


def _between(new: int, old: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Find between which two pixels of a side each new one lies, and how far from the first."""
    places = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = np.floor(places).astype(np.intp)
    return first, np.minimum(first + 1, old - 1), (places - first).astype(np.float32)


def _pixels(image: Image, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Take the pixels where rows and columns meet; row by row, which takes a quarter of the time of all at once."""
    return np.stack([image[row].take(columns, axis=0) for row in rows])


def _mix(first: NDArray[Any], second: NDArray[Any], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Go from one value to another, rounded to floats once: as OpenCV does, whose sum and product are one step."""
    start = first.astype(np.float32)
    return np.asarray((second.astype(np.float32) - start).astype(np.float64) * share + start, np.float32)


def _planes(image: Image) -> Iterator[Image]:
    return iter([image] if image.ndim == 2 else np.moveaxis(image, -1, 0))


def parts_to_pixels(cxcywh: Boxes, image_hw: tuple[int, int]) -> Boxes:
    """Turn centres and sizes in parts of the image into corners in its pixels, clipped to it.

    Args:
        cxcywh: `(n, 4)` float32, 0..1.
        image_hw: (height, width) of the image in pixels.
    """
    centre, half = cxcywh[:, :2], cxcywh[:, 2:] / 2
    return clip(np.concatenate([centre - half, centre + half], axis=1) * _sides(image_hw), image_hw)


def stretch_back(xyxy: Boxes, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Boxes:
    """Bring boxes from the stretched frame back into the original image, clipped to it."""
    return clip(xyxy * (_sides(image_hw) / _sides(frame_hw)), image_hw)


def clip(xyxy: Boxes, image_hw: tuple[int, int]) -> Boxes:
    """Cut boxes at the image's edges."""
    return np.clip(xyxy, np.float32(0), _sides(image_hw)).astype(np.float32, copy=False)


def _sides(hw: tuple[int, int]) -> Boxes:
    height, width = hw
    return np.array([width, height, width, height], np.float32)
