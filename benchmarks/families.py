"""Images a second of each family's whole path beside its bare ONNX Runtime session, side by side in one run.

The whole path decodes a photo from bytes in memory, brings it to the model's size, runs the model and reads what was found; the
bare session runs over inputs that are ready. Both take one thread and turns. The network is YOLOv8n in all of them, with a head
of its own for each task (a classifier has none, and a smaller input); `--model` measures your own files instead.
"""

import argparse
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, median

import cv2
import family_graphs
from photos import decode_photo, draw_photo

from shoal.contract.inference import Inference
from shoal.contract.model_info import resolve_imgsz
from shoal_worker.detector import Detector
from shoal_worker.session import OpenedModel, open_model

PHOTOS = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20, metavar="N", help="images of each round (20)")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="times both are measured; the median counts (3)"
    )
    parser.add_argument("--family", nargs="+", choices=family_graphs.NAMES, default=list(family_graphs.NAMES))
    parser.add_argument(
        "--model", type=Path, nargs="+", metavar="M.onnx", help="model files, in place of the families'"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    photos = [draw_photo(seed) for seed in range(PHOTOS)]
    files = arguments.model or arguments.family
    print(f"{'':<24}{'bare images/s':>15}{'whole images/s':>16}{'whole / bare':>14}{'boxes':>7}")
    for file in files:
        data = file.read_bytes() if isinstance(file, Path) else family_graphs.build(file)
        name = file.name if isinstance(file, Path) else file
        bare, whole, boxes = _measure(open_model(data), photos, arguments.images, arguments.rounds)
        print(f"{name:<24}{bare:>15.2f}{whole:>16.2f}{whole / bare:>14.3f}{boxes:>7.0f}", flush=True)


def _measure(model: OpenedModel, photos: list[bytes], images: int, rounds: int) -> tuple[float, float, float]:
    """Measure one model: images/s bare and whole, and boxes found in a photo, on average."""
    detector = Detector(model, Inference(resolve_imgsz(model.info, None), model.info.rect))
    ready = [dict(detector.tensors(detector.frame(decode_photo(photo)))) for photo in photos]
    found = [len(detector.detect(decode_photo(photo)).to_columns().get("detections", ())) for photo in photos]
    rates: dict[str, list[float]] = {"bare": [], "whole": []}
    for _ in range(rounds):
        rates["bare"].append(_rate(lambda number: model.session.run(None, ready[number % PHOTOS]), images))
        rates["whole"].append(_rate(lambda number: detector.detect(decode_photo(photos[number % PHOTOS])), images))
    return median(rates["bare"]), median(rates["whole"]), mean(found)


def _rate(work: Callable[[int], object], images: int) -> float:
    started = time.perf_counter()
    for number in islice(cycle(range(PHOTOS)), images):
        work(number)
    return images / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
