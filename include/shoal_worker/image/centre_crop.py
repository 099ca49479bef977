"""The way of ultralytics' classifiers from an image to their input: its shorter side to that of the input, then the middle.

Byte-identical to torchvision's `Resize` and `CenterCrop` of a Pillow image, as Pillow resizes here, too: its linear filter
averages over all pixels where an image shrinks, which OpenCV's does not.
"""

import numpy as np
from PIL import Image as Pillow

from shoal_worker.image.letterbox import Image

STRIP = 16
"""Times the shorter side, from which on only what is needed of an image is scaled: the whole could fill any memory."""


def centre_crop(image: Image, imgsz: tuple[int, int], *, whole: bool = False) -> Image:
    """Scale and cut an image.

    Args:
        image: `(h, w, 3)` uint8 BGR.
        imgsz: (height, width) wanted in pixels. Where they differ, the image is stretched to them, and nothing is cut.
        whole: Do so where they do not differ, too.

    Returns:
        `(*imgsz, 3)` uint8 BGR.
    """
    height, width = imgsz if whole else _scaled(image.shape[:2], imgsz)
    top, left = round((height - imgsz[0]) / 2), round((width - imgsz[1]) / 2)
    cut = np.empty((*imgsz, 3), np.uint8)
    for channel in range(3):  # one by one: three at once are held in memory with a fourth beside them
        plane = Pillow.fromarray(np.ascontiguousarray(image[..., channel]))
        if max(height, width) > STRIP * min(height, width):
            x, y = image.shape[1] / width, image.shape[0] / height
            box = (left * x, top * y, (left + imgsz[1]) * x, (top + imgsz[0]) * y)
            cut[..., channel] = np.asarray(plane.resize(imgsz[::-1], Pillow.Resampling.BILINEAR, box))
            continue
        if plane.size != (width, height):
            plane = plane.resize((width, height), Pillow.Resampling.BILINEAR)
        cut[..., channel] = np.asarray(plane.crop((left, top, left + imgsz[1], top + imgsz[0])))
    return cut


def _scaled(image_hw: tuple[int, int], imgsz: tuple[int, int]) -> tuple[int, int]:
    if imgsz[0] != imgsz[1]:
        return imgsz
    height, width = image_hw
    longer = int(imgsz[0] * max(image_hw) / min(image_hw))
    return (imgsz[0], longer) if height <= width else (longer, imgsz[0])
