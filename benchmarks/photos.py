"""Photos in the manner of an underwater observatory's camera: 2688 x 1520 px, about 90 kB of JPEG, nothing copied."""

import cv2
import numpy as np

WIDTH, HEIGHT = 2688, 1520
JPEG_QUALITY = 40


def draw_photo(seed: int) -> bytes:
    """Draw one photo as JPEG; the same seed gives the same bytes.

    Water that darkens with depth, drifting murk, a few dozen fish, and the mild noise of a camera at dusk.
    """
    random = np.random.default_rng(seed)
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    surface = np.array([150, 120, 40], np.float32) + random.uniform(-15, 15, 3).astype(np.float32)
    water = surface * (1 - 0.6 * down)
    murk = cv2.resize(random.standard_normal((19, 34, 1)).astype(np.float32), (WIDTH, HEIGHT), interpolation=2)
    grain = cv2.resize(random.standard_normal((HEIGHT // 4, WIDTH // 4)).astype(np.float32), (WIDTH, HEIGHT))
    photo = np.clip(water + 8 * murk[..., None] + 2 * grain[..., None], 0, 255).astype(np.uint8)
    for _ in range(random.integers(10, 40)):
        length = int(random.uniform(25, 90))
        centre = int(random.uniform(0, WIDTH)), int(random.uniform(0, HEIGHT))
        colour = random.uniform(20, 200, 3).tolist()
        cv2.ellipse(photo, centre, (length, length // 3), random.uniform(-40, 40), 0, 360, colour, -1, cv2.LINE_AA)
    _, jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()
