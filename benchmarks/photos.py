"""Photos in the manner of an underwater observatory's camera: 2688 x 1520 px, 90 kB of JPEG, or larger, nothing copied."""

import cv2
import numpy as np

from shoal.contract.image_limits import PIXEL_LIMIT
from shoal_worker.image.decode import decode
from shoal_worker.image.header import Undecodable
from shoal_worker.image.letterbox import Image

WIDTH, HEIGHT = 2688, 1520
SIZES = {4: (WIDTH, HEIGHT), 12: (4000, 3000), 50: (8192, 6144)}
"""(width, height) in pixels, by megapixels."""
JPEG_QUALITY = 40


def draw_photo(seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Draw one photo of (width, height) pixels as JPEG; the same seed gives the same bytes.

    Water that darkens with depth, drifting murk, a few dozen fish, and the mild noise of a camera at dusk.
    """
    random, (width, height) = np.random.default_rng(seed), size
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    surface = np.array([150, 120, 40], np.float32) + random.uniform(-15, 15, 3).astype(np.float32)
    water = surface * (1 - 0.6 * down)
    murk = cv2.resize(random.standard_normal((19, 34, 1)).astype(np.float32), (width, height), interpolation=2)
    grain = cv2.resize(random.standard_normal((height // 4, width // 4)).astype(np.float32), (width, height))
    photo = np.clip(water + 8 * murk[..., None] + 2 * grain[..., None], 0, 255).astype(np.uint8)
    for _ in range(random.integers(10, 40)):
        length = int(random.uniform(25, 90))
        centre = int(random.uniform(0, width)), int(random.uniform(0, height))
        colour = random.uniform(20, 200, 3).tolist()
        cv2.ellipse(photo, centre, (length, length // 3), random.uniform(-40, 40), 0, 360, colour, -1, cv2.LINE_AA)
    _, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()


def decode_photo(photo: bytes) -> Image:
    """Decode one as the worker does."""
    decoded = decode(photo, PIXEL_LIMIT)
    if isinstance(decoded, Undecodable):
        raise TypeError(f"A photo cannot be decoded: {decoded.reason}")
    return decoded.image
