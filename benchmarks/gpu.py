"""What a GPU makes of it, in one run of a few minutes: images/s beside the bare session, and how far its boxes are a CPU's.

    PYTHONPATH=include python benchmarks/gpu.py                       # YOLOv8n of chance, 640 px
    PYTHONPATH=include python benchmarks/gpu.py --model best.onnx     # your own, exported with dynamic=True

needs onnxruntime-gpu and what a worker needs, no Airflow. The bare session runs over inputs that are ready, of each batch size in
turn; the whole path decodes photos of 2688 x 1520 px from memory in the worker's own threads, one by one and with `worker.batch:
auto`. Prints a table and a line of JSON. Ends with 3 where no GPU answers; `--provider cpu` tries the script itself.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from photos import decode_photo, draw_photo
from yolov8n_graph import build_yolov8n

from shoal.contract.cgroup import read_cores
from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT
from shoal.contract.inference import Inference
from shoal.contract.job import AUTO
from shoal.contract.model_info import resolve_imgsz
from shoal.stores.images import Fetched
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import MOST_AUTO, Batches
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.outcome import Fatal, Finished
from shoal_worker.loop.pipeline import Pipeline, count_fetchers
from shoal_worker.rows.parts import ListedImage, Row, Stamp
from shoal_worker.session import OpenedModel, open_model
from shoal_worker.tasks.detect import Detections

NO_GPU = 3
NEAR_PX = 20.0
"""Boxes of one class whose sides all lie so near are one: what a GPU rounds moves none so far."""


def main() -> int:
    """Measure and print; returns the exit status."""
    arguments = _parse()
    cv2.setNumThreads(1)
    gpu = arguments.provider == "cuda"
    if gpu and "CUDAExecutionProvider" not in ort.get_available_providers():
        print(
            f"No GPU was measured: ONNX Runtime {ort.__version__} here is a build for CPUs - pip install onnxruntime-gpu"
        )
        return NO_GPU
    data = arguments.model.read_bytes() if arguments.model else build_yolov8n("batch")
    folder = arguments.model.absolute().parent if arguments.model else None
    model = open_model(data, arguments.threads, folder=folder)
    if gpu and not model.on_gpu:
        print("No GPU was measured: none answers - look at its driver (nvidia-smi)")
        return NO_GPU
    detector = _detector(model)
    photos = [draw_photo(seed) for seed in range(arguments.photos)]
    frames = [detector.frame(decode_photo(photo)) for photo in photos]
    most = min(arguments.most, detector.most_at_once or MOST_AUTO)
    told: dict[str, Any] = {
        "provider": model.session.get_providers()[0], "onnxruntime": ort.__version__, "cores": read_cores(),
        "model": arguments.model.name if arguments.model else "yolov8n of chance", "imgsz": list(detector.imgsz),
        "bare": {str(size): _bare(model, detector, frames, size, arguments) for size in _sizes(most)},
        "whole": {str(batch): _whole(model, photos, batch, arguments) for batch in (1, AUTO)},
        "parity": {"batch": _differ(detector, detector, frames, photos, most)},
    }  # fmt: skip
    if gpu:
        on_cpu = replace(model, session=_on_cpu(data, folder))
        told["parity"]["gpu and cpu"] = _differ(_detector(on_cpu), detector, frames, photos, 1)
    print("\n".join(_table(told)))
    print(json.dumps(told))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, metavar="M.onnx", help="your own, in place of YOLOv8n")
    parser.add_argument("--provider", choices=["cuda", "cpu"], default="cuda", help="what is measured (cuda)")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of each measurement (6)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="parts of it; the median counts (3)")
    parser.add_argument("--photos", type=int, default=16, metavar="N", help="different photos (16)")
    parser.add_argument("--most", type=int, default=MOST_AUTO, metavar="N", help=f"largest batch ({MOST_AUTO})")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of one inference on a CPU (1)")
    return parser.parse_args()


def _detector(model: OpenedModel) -> Detector:
    return Detector(model, Inference(resolve_imgsz(model.info, None), model.info.rect))


def _on_cpu(data: bytes, folder: Path | None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    if folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _sizes(most: int) -> list[int]:
    return [1 << step for step in range(most.bit_length())]


def _bare(
    model: OpenedModel, detector: Detector, frames: Sequence[Any], size: int, arguments: argparse.Namespace
) -> float:
    """Images a second of the session alone, in batches of one size."""
    inputs = dict(detector.tensors(*(frames[number % len(frames)] for number in range(size))))
    for _ in range(2):  # a GPU looks for its way first
        model.session.run(None, inputs)
    return round(median(_rates(model.session, inputs, size, arguments)), 2)


def _rates(
    session: ort.InferenceSession, inputs: Mapping[str, Any], size: int, arguments: argparse.Namespace
) -> Iterator[float]:
    for _ in range(arguments.rounds):
        started, done = time.perf_counter(), 0
        while (seconds := time.perf_counter() - started) < arguments.seconds / arguments.rounds or not done:
            session.run(None, inputs)
            done += size
        yield done / seconds if done > size else done / (time.perf_counter() - started)


class _Photos:
    """A source that has all photos in memory, and never ends."""

    def __init__(self, photos: Sequence[bytes]) -> None:
        self._photos = photos

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:  # noqa: ARG002 - a source's
        """Give the next one."""
        return Fetched(self._photos[int(key) % len(self._photos)], version_checked=True)


def _whole(
    model: OpenedModel, photos: Sequence[bytes], batch: int | str, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Images a second through the worker's own threads, once it has found its size."""
    detector = _detector(model)
    batches = Batches(batch, detector.most_at_once)
    fetchers = count_fetchers(read_cores(), feeds_many=detector.on_gpu or batches.most > 1)
    images = [ListedImage(str(number), "", len(photos[0])) for number in range(1_000_000)]
    intake = Intake(images, 3 * arguments.seconds)
    pipeline = Pipeline(
        intake,
        Examiner(_Photos(photos), detector, PIXEL_LIMIT, Stamp("", "", ""), scan_limit=SCAN_LIMIT),
        batches,
        fetchers,
    )
    pipeline.start()
    began, times = time.perf_counter(), list[float]()
    while not isinstance(outcome := pipeline.outcomes.get(), Finished):
        if isinstance(outcome, Fatal):
            raise outcome.error
        if isinstance(outcome, Row):
            times.append(time.perf_counter() - began)
            pipeline.unwritten.add(-(1 << 40))  # nobody writes them: none are held
    counted = [at for at in times if at >= times[-1] / 2]
    return {
        "images_per_second": round((len(counted) - 1) / max(counted[-1] - counted[0], 1e-9), 2),
        "batch": batches.size, "fetchers": fetchers, "images": len(times),
    }  # fmt: skip


def _differ(
    one: Detector, other: Detector, frames: Sequence[Any], photos: Sequence[bytes], most: int
) -> dict[str, Any]:
    """Compare what two find in the photos: the first one by one, the other `most` at once."""
    hw = [decode_photo(photo).shape[:2] for photo in photos]
    alone = [one.detect_frame(frame, image_hw) for frame, image_hw in zip(frames, hw, strict=True)]
    together = []
    for first in count(0, most):
        if first >= len(frames):
            break
        part = slice(first, first + most)
        other.detect_frames(frames[part], hw[part])  # until its places are proved, what is found alone counts
        together += other.detect_frames(frames[part], hw[part])
    pairs = [
        _pair(a, b)
        for a, b in zip(alone, together, strict=True)
        if isinstance(a, Detections) and isinstance(b, Detections)
    ]
    return {
        "images": len(alone),
        "boxes": sum(boxes for boxes, *_ in pairs),
        "unmatched": sum(unmatched for _, unmatched, *_ in pairs),
        "largest_px": round(max((px for *_, px, _ in pairs), default=0.0), 5),
        "largest_score": round(max((score for *_, score in pairs), default=0.0), 7),
    }


def _pair(one: Detections, other: Detections) -> tuple[int, int, float, float]:
    """Pair each box with the nearest of its class: boxes, those without a partner, largest differences of sides and scores."""
    unmatched, most_px, most_score = abs(len(one) - len(other)), 0.0, 0.0
    for class_id, confidence, sides in zip(one.class_id, one.confidence, one.xyxy, strict=True):
        same = other.class_id == class_id
        apart = np.abs(other.xyxy[same] - sides).max(axis=1) if same.any() else np.array([np.inf])
        nearest = int(apart.argmin())
        if apart[nearest] > NEAR_PX:
            unmatched += 1
            continue
        most_px = max(most_px, float(apart[nearest]))
        most_score = max(most_score, abs(float(other.confidence[same][nearest] - confidence)))
    return len(one), unmatched, most_px, most_score


def _table(told: Mapping[str, Any]) -> Iterator[str]:
    """Write it for people."""
    yield f"{told['model']}, {told['imgsz'][0]}x{told['imgsz'][1]} px, {told['provider']}, {told['cores']} CPUs"
    yield f"{'':<24}{'images/s':>10}{'of the bare session':>21}"
    for size, rate in told["bare"].items():
        yield f"{f'bare, {size} at once':<24}{rate:>10.2f}{rate / told['bare']['1']:>21.2f}"
    best = max(told["bare"].values())
    for batch, whole in told["whole"].items():
        rate, beside = whole["images_per_second"], best if batch == AUTO else told["bare"]["1"]
        ends = f"  (ends with {whole['batch']} at once; the best bare one)" if batch == AUTO else "  (bare, 1 at once)"
        yield f"{f'whole, batch {batch}':<24}{rate:>10.2f}{rate / beside:>21.2f}{ends}"
    for name, found in told["parity"].items():
        yield (
            f"{name}: {found['boxes']} boxes of {found['images']} photos, {found['unmatched']} without a partner, "
            f"at most {found['largest_px']:g} px and {found['largest_score']:g} of score apart"
        )


if __name__ == "__main__":
    sys.exit(main())
