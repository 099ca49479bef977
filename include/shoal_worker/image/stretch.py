"""Each side of an image brought to the model's for itself, as the runtimes of three families do it, and boxes back."""

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
    """Scale as torch does a tensor, `antialias=False`: bilinear between pixel centres, in floats; values stay 0..255."""
    floats = image.astype(np.float32)
    return np.asarray(cv2.resize(floats, imgsz[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def stretch_smooth(image: Image, imgsz: tuple[int, int]) -> Image:
    """Scale as Pillow does: bilinear over all pixels that a new one covers."""
    return np.asarray(Pillow.fromarray(image).resize(imgsz[::-1], Pillow.Resampling.BILINEAR), np.uint8)


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
