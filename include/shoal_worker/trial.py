"""`try`: what a plan wants to know of a model before any pod is started, judged by what the pods run."""

import resource
from pathlib import Path

import cv2
import numpy as np

from shoal.contract.inference import Inference
from shoal.contract.model_info import resolve_imgsz
from shoal_worker.detector import Detector
from shoal_worker.session import open_model
from shoal_worker.tasks.classify import Scores

SIDE = 640
"""Longest side of the trial's image, px, where a model's own is larger: large inputs cost minutes and show no more."""

MEMORY_BYTES = 8 << 30
"""Memory that a trial may allocate. Address space is not bounded: ONNX Runtime reserves what it never uses."""


def bound_memory(memory_bytes: int) -> None:
    """Let this process allocate so much and no more; its libraries then say that there is no room."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, most))


def try_model(path: Path) -> float | None:
    """Open a model and run it on one black image.

    Returns:
        What a classifier's scores sum to: shares of one whole to 1, those of classes that are each asked for to anything.

    Raises:
        ModelRefusedError: ONNX Runtime does not open it, it is of no family that Shoal runs, or its outputs are not what it
            promises.
        MemoryError: There is no room for it here.
    """
    cv2.setNumThreads(1)
    bound_memory(MEMORY_BYTES)
    opened = open_model(path.read_bytes(), folder=path.parent)
    info = opened.info
    small = None if info.fixed_hw else (min(info.imgsz[0], SIDE), min(info.imgsz[1], SIDE))
    inference = Inference(resolve_imgsz(info, small), info.rect, family=opened.understood.added)
    height, width = inference.imgsz
    found = Detector(opened, inference).detect(np.zeros((height, width, 3), np.uint8))
    return float(np.nansum(found.by_class, dtype=np.float64)) if isinstance(found, Scores) else None
