"""The image that belongs to nobody: a service that answers for it is well, whatever it said of another one."""

import cv2
import numpy as np

NAME = "shoal-rehearsal.jpg"
HEIGHT, WIDTH = 480, 640


def rehearsal_jpeg() -> bytes:
    """Paint soft spots on a slope: some programs divide by an image's contrast, and a black one has none."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    planes = [60 + 0.15 * x + 0.1 * y + 40 * np.sin(x / (23 + 9 * n)) * np.cos(y / (31 - 5 * n)) for n in range(3)]
    _, data = cv2.imencode(".jpg", np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8))
    return data.tobytes()
