"""Between an image and the model's input: there (letterbox, tensor) and back (boxes).

Byte-identical to ultralytics 8.4: the same rounding, the same padding, the same separate gains per axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""`(H, W, 3)` uint8, BGR; `(H, W)` for a model that takes grey."""

PADDING_GREY = 114


def letterbox(image: Image, imgsz: tuple[int, int], *, rect: bool, stride: int) -> Image:
    """Scale an image into `imgsz` with its aspect kept, and pad it in grey on both sides.

    Args:
        image: `(h, w, 3)` uint8 BGR.
        imgsz: (height, width) to fit into, in pixels; smaller images are scaled up.
        rect: Pad only to the next multiple of `stride`, not to the whole of `imgsz`.
        stride: The model's largest stride in pixels.

    Returns:
        `(H, W, 3)` uint8 BGR; (H, W) is `imgsz`, or at most `imgsz` with `rect`.
    """
    height, width = image.shape[:2]
    new_height, new_width = _scaled_hw((height, width), imgsz)
    pad_height, pad_width = imgsz[0] - new_height, imgsz[1] - new_width
    if rect:
        pad_height, pad_width = pad_height % stride, pad_width % stride
    top, bottom = _split_padding(pad_height)
    left, right = _split_padding(pad_width)
    scaled: cv2.typing.MatLike = image
    if (height, width) != (new_height, new_width):
        scaled = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    grey = (PADDING_GREY, PADDING_GREY, PADDING_GREY)
    return cast(Image, cv2.copyMakeBorder(scaled, top, bottom, left, right, cv2.BORDER_CONSTANT, value=grey))


def to_tensor(
    frame: NDArray[Any], mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Turn an image of the model's size into its input.

    Args:
        frame: `(H, W, 3)` BGR or `(H, W)` grey, 0..255.
        mean: Subtracted from each channel (R, G, B) in 0..1; None for nothing.
        std: Divides each channel then; None for nothing.

    Returns:
        `(1, channels, H, W)` float32, RGB in 0..1 where it is not normalised.
    """
    planes = cv2.split(frame)[::-1]
    tensor = np.empty((1, len(planes), *frame.shape[:2]), np.float32)
    for number, (plane, values) in enumerate(zip(tensor[0], planes, strict=True)):  # planes in one piece divide faster
        np.divide(values, np.float32(255), out=plane)
        if mean is not None:
            np.subtract(plane, np.float32(mean[number]), out=plane)
        if std is not None:
            np.divide(plane, np.float32(std[number]), out=plane)
    return tensor


@dataclass(frozen=True)
class Inner:
    """Where an image lies in its letterboxed frame, pixels of the frame.

    Attributes:
        top: Padding above it.
        left: Padding beside it.
        height: Of the image in the frame.
        width: Likewise.
        image_hw: (height, width) of the original image in pixels.
    """

    top: int
    left: int
    height: int
    width: int
    image_hw: tuple[int, int]

    @classmethod
    def of(cls, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> "Inner":
        """Find it again from the two sizes."""
        height, width = _scaled_hw(image_hw, frame_hw)
        top, _ = _split_padding(frame_hw[0] - height)
        left, _ = _split_padding(frame_hw[1] - width)
        return cls(top, left, height, width, image_hw)

    @property
    def gain_x(self) -> float:
        """Pixels of the frame for each of the image."""
        return self.width / self.image_hw[1]

    @property
    def gain_y(self) -> float:
        """Likewise, downwards."""
        return self.height / self.image_hw[0]


def to_original(xyxy: NDArray[np.float32], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Bring boxes from the letterboxed frame back into the original image, and clip them to it.

    The gain is taken from the frame as it is, per axis, as ultralytics' scale_boxes does.

    Args:
        xyxy: `(n, 4)` float32, pixels of the letterboxed frame; or `(…, 2)`, points.
        frame_hw: (height, width) of that frame in pixels.
        image_hw: (height, width) of the original image in pixels.

    Returns:
        As many float32 values, pixels of the original image, origin top left.
    """
    inner = Inner.of(frame_hw, image_hw)
    image_height, image_width = image_hw
    boxes = xyxy.astype(np.float32, copy=True)
    boxes[..., 0::2] = ((boxes[..., 0::2] - inner.left) / inner.gain_x).clip(0, image_width)
    boxes[..., 1::2] = ((boxes[..., 1::2] - inner.top) / inner.gain_y).clip(0, image_height)
    return boxes


def _scaled_hw(image_hw: tuple[int, int], frame_hw: tuple[int, int]) -> tuple[int, int]:
    """Size the image has inside the frame: aspect kept, at least one pixel."""
    gain = min(frame_hw[0] / image_hw[0], frame_hw[1] / image_hw[1])
    return max(round(image_hw[0] * gain), 1), max(round(image_hw[1] * gain), 1)


def _split_padding(pixels: int) -> tuple[int, int]:
    """Pixels before and after; an odd one goes after (±0.1 decides the rounding of halves)."""
    half = pixels / 2
    return round(half - 0.1), round(half + 0.1)
