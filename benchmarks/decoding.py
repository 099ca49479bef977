"""What decoding costs with the judgement of the bytes, beside OpenCV alone: the ratio of medians, side by side."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from shoal.contract.image_limits import PIXEL_LIMIT
from shoal_worker.image.decode import decode
from shoal_worker.image.exif import read_exif


def main() -> None:
    """Measure every image of a folder in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of images")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="times each image is decoded (10)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    images = [path.read_bytes() for path in sorted(arguments.folder.iterdir()) if path.suffix != ""]
    alone: list[float] = []
    judged: list[float] = []
    for _ in range(arguments.rounds):
        for data in images:
            alone.append(_ms(lambda data=data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)))
            judged.append(_ms(lambda data=data: (decode(data, PIXEL_LIMIT), read_exif(data))))
    print(f"{len(images)} images, {arguments.rounds} rounds, ms per image (median)")
    print(f"OpenCV alone {median(alone):.2f}, decoded and judged with EXIF {median(judged):.2f}")
    print(f"ratio {median(judged) / median(alone):.2f}")


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
