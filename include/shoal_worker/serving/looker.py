"""The process that has the model, and looks at one image after another: `python -m shoal_worker.serving.looker SETTINGS MEMORY`.

It answers each message on standard input with one on standard output until its input ends. An image may end it: whoever asks
starts another one. What it says of an image is what `predict` prints.
"""

import hashlib
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from shoal.contract.errors import ConfigError, ShoalError, one_line
from shoal.contract.families import family_name, understand
from shoal.contract.frames import NoFrameError, read_frame, write_frame
from shoal.contract.model_files import read_beside
from shoal.written.model_folder import read_model
from shoal_worker.serving.settings import LookSettings
from shoal_worker.shown_log import log_to_stderr

GRACE_S = 10
"""Seconds beyond its limit after which it ends by itself: whoever started it may be gone."""

MOST_BYTES = 8 * 1024**3
"""Of one image: whoever asks has judged it."""

DECODE_ENDS_S = 1.0
"""Until then the thread that decoded has ended, or it never will."""

log = logging.getLogger(__name__)


def main(word: str, memory_bytes: int) -> None:
    """Open the model, look at a blank image, then at each that is sent."""
    # Both are kept: a library that prints must not print into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    log_to_stderr()
    settings = LookSettings.from_word(word)
    # OpenCV reads its own limit once, when it is loaded.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(settings.pixel_limit)
    try:
        detector, told = _open(settings, memory_bytes)
    except ConfigError as err:
        return _answer(answers, {"refused": one_line(err)})
    except (ShoalError, MemoryError) as err:
        return _answer(answers, {"failed": one_line(err)})
    _answer(answers, {"model": told})
    while True:
        try:
            words, blobs = read_frame(sys.stdin.buffer.read, MOST_BYTES)
        except NoFrameError:
            return None
        signal.alarm(int(words["seconds"]) + GRACE_S)
        answer, lines = _look(detector, words, blobs, settings.pixel_limit)
        blobs = []
        signal.alarm(0)
        ends = answer.pop("ends", False) or _still_decodes()
        _answer(answers, {**answer, "ends": ends}, lines)
        if ends:
            return None


def _open(settings: LookSettings, memory_bytes: int) -> tuple[Any, dict[str, Any]]:
    import numpy as np  # noqa: PLC0415 - native libraries come when the process is prepared

    from shoal_worker.assemble import worker_version  # noqa: PLC0415
    from shoal_worker.predict import ThenFile, open_detector  # noqa: PLC0415
    from shoal_worker.sight import Original  # noqa: PLC0415
    from shoal_worker.trial import bound_memory  # noqa: PLC0415

    bound_memory(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    then = None if settings.then is None else ThenFile(settings.then, settings.pad, settings.square)
    detector = open_detector(settings.model, settings.imgsz, settings.conf, settings.iou, settings.pixel_limit, then)
    # What ends this process after a blank image is the image that it looks at then.
    blank = np.zeros((*detector.imgsz, 3), np.uint8)
    frame = detector.frame(blank, Original("", b""))
    detector.detect_frame(frame, detector.imgsz, nullcontext)
    detector.rehearse(frame)
    told = {
        "model": _describe(settings.model),
        "task": detector.task.name,
        "names": list(detector.names),
        "imgsz": list(detector.imgsz),
        "conf": settings.conf,
        "iou": settings.iou,
        "pixel_limit": settings.pixel_limit,
        "then": None if then is None else {**_describe(then.file), "pad": then.pad, "square": then.square},
        "on_gpu": detector.on_gpu,
        "worker_version": worker_version(),
    }
    return detector, {"told": told, "column": detector.task.columns[0]}


def _describe(path: Path) -> dict[str, Any]:
    """Say which model a file is: all that belongs to it, by its bytes."""
    data = path.read_bytes()
    graph = read_model(data, path.parent)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "beside": [one.to_json() for one in read_beside(graph.outside, path.parent)],
        "family": family_name(understand(graph)),
    }


def _look(
    detector: Any, words: Mapping[str, Any], blobs: Sequence[bytes], pixel_limit: int
) -> tuple[dict[str, Any], list[bytes]]:
    from shoal_worker.predict import look_at  # noqa: PLC0415
    from shoal_worker.sight import GpuFailedError  # noqa: PLC0415

    try:
        line = look_at(detector, words["image"], blobs[0], pixel_limit)
    except MemoryError as err:
        return {"failed": one_line(f"No room for this image: {err} - give the server more memory")}, []
    except ShoalError as err:  # a GPU that has failed stays so in this process
        return {"failed": one_line(err), "ends": isinstance(err, GpuFailedError)}, []
    except Exception as err:
        log.exception("An image could not be looked at")
        return {"failed": one_line(f"{type(err).__name__}: {err}", 200)}, []
    return {}, [line.encode("utf-8", "surrogatepass")]


def _still_decodes() -> bool:
    """Whether a decode that was given up goes on: nothing ends its thread but the end of this process."""
    decoding = [thread for thread in threading.enumerate() if thread.name == "decode"]
    for thread in decoding:
        thread.join(DECODE_ENDS_S)
    return any(thread.is_alive() for thread in decoding)


def _answer(answers: IO[bytes], words: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    for piece in write_frame(words, blobs):
        answers.write(piece)
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
    os._exit(0)  # threads may hang in native code
