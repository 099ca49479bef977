"""`predict`: the worker's answer for single files, to look at, to compare, to debug."""

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from shoal.contract.errors import BrokeOffError, ConfigError, ModelRefusedError
from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT
from shoal.contract.inference import Inference
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.rows import Reason, Status
from shoal.contract.then import Then, need_boxes, need_classifier
from shoal_worker.answered import answer_line
from shoal_worker.detector import Detector
from shoal_worker.image.decode import Decoded, decode_pixels
from shoal_worker.image.header import Undecodable, read_header
from shoal_worker.rows.parts import ListedImage
from shoal_worker.services.asking import RefusedError
from shoal_worker.services.looking import ServiceDetector
from shoal_worker.services.picture import HEIGHT, WIDTH
from shoal_worker.services.written_service import read_service
from shoal_worker.session import OpenedModel, open_model
from shoal_worker.sight import Original, Sight
from shoal_worker.two_in_a_row import TwoInARow, inference_of
from shoal_worker.underway import Underway

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often a decode is looked at that is not done."""


@dataclass(frozen=True)
class ThenFile:
    """A second model that looks at what the first one finds.

    Attributes:
        file: Its file; its card and its weights lie beside it.
        pad: Share of a box's longer side by which a crop is wider on each side.
        square: Whether the shorter side is made as long as the longer one.
    """

    file: Path
    pad: float = 0.0
    square: bool = True


def open_detector(  # noqa: PLR0917 - a command line's
    model: Path,
    imgsz: int | None,
    conf: float,
    iou: float,
    pixel_limit: int = PIXEL_LIMIT,
    then: ThenFile | None = None,
) -> Sight:
    """Open a model file for single images, or two in a row.

    Args:
        model: The file; its card and its weights lie beside it.
        imgsz: Side of the input in pixels; None for the model's own.
        conf: Lowest confidence shown.
        iou: Overlap above which the weaker box is dropped.
        pixel_limit: Most pixels of an image.
        then: The second model; None for none.

    Raises:
        ModelRefusedError: A file is missing or of no family that Shoal runs, or the two do not go together.
    """
    cv2.setNumThreads(1)
    opened = _open(model)
    resolved = resolve_imgsz(opened.info, None if imgsz is None else (imgsz, imgsz))
    family = opened.understood.added
    inference = Inference(resolved, opened.info.rect, iou=iou, stored_conf=conf, pixel_limit=pixel_limit, family=family)
    first = Detector(opened, inference)
    return first if then is None else _add_then(model, first, then)


def open_planned(model: Path, then: Path | None, planned: Inference) -> Sight:
    """Open the model file of a run, or both, with everything that the run looks with.

    Args:
        model: The file; its card and its weights lie beside it.
        then: That of the second one; None for none.
        planned: The run's settings.

    Raises:
        ConfigError: A file is missing or another than the settings are for, or they are for one model and two are given.
    """
    if (then is None) != (planned.then is None):
        raise ConfigError(
            f"The planned settings are for {'one model' if planned.then is None else 'two models in a row'} - "
            f"{'leave --then out' if planned.then is None else 'name the second one with --then'}"
        )
    cv2.setNumThreads(1)
    first = Detector(_open(model, planned), planned)
    if then is None or planned.then is None:
        return first
    second = inference_of(planned.then)
    return TwoInARow(first, Detector(_open(then, second), second), planned.then)


def _open(model: Path, planned: Inference | None = None) -> OpenedModel:
    try:
        data = model.read_bytes()
    except OSError as err:
        raise ModelRefusedError(f"Model file {model} cannot be read: {err.strerror} - check the path") from err
    return open_model(data, planned=planned, folder=model.absolute().parent)


def _add_then(model: Path, first: Detector, asked: ThenFile) -> TwoInARow:
    opened = _open(asked.file)
    need_boxes(model.name, first.task.name, "--then")
    need_classifier(asked.file.name, opened.understood.family.task, "--then")
    then = Then(resolve_imgsz(opened.info, None), asked.pad, asked.square, family=opened.understood.added)
    return TwoInARow(first, Detector(opened, inference_of(then)), then)


UNREADABLE = "unreadable"
"""Reason of a file that is there and cannot be read. It is none of its bytes, so no row ever has it."""


def open_service(service: Path, conf: float, pixel_limit: int = PIXEL_LIMIT) -> Sight:
    """Open a service for single images; it is started with the first one.

    Args:
        service: The file that holds it as a dataset file does.
        conf: Lowest confidence shown.
        pixel_limit: Most pixels of an image.

    Raises:
        ConfigError: The file holds none.
    """
    cv2.setNumThreads(1)
    inference = Inference((HEIGHT, WIDTH), rect=False, stored_conf=conf, pixel_limit=pixel_limit)
    return ServiceDetector(read_service(service), inference)


def predict(
    detector: Sight, images: Sequence[str], pixel_limit: int = PIXEL_LIMIT, scan_limit: int = SCAN_LIMIT
) -> Iterator[tuple[bool, str]]:
    """Examine files one by one; yields whether it could be read and one line of JSON for each, in the order given."""
    for image in images:
        try:
            data = Path(image).read_bytes()
        except OSError as err:
            log.error("%s cannot be read: %s", image, err.strerror)  # noqa: TRY400 - no traceback for a wrong path
            yield False, _unread(detector, image, err)
        else:
            yield True, look_at(detector, image, data, pixel_limit, scan_limit)


def look_at(detector: Sight, image: str, data: bytes, pixel_limit: int, scan_limit: int = SCAN_LIMIT) -> str:
    """Examine the bytes of one image.

    Args:
        detector: What looks at it.
        image: What people call it.
        data: The whole file.
        pixel_limit: Most pixels it may have.
        scan_limit: Most scans a progressive JPEG may have.

    Returns:
        One line of JSON.

    Raises:
        MemoryError, GpuFailedError, ModelRefusedError: It is not the image's fault.
    """
    return answer_line(image, detector.task.columns[0], **_examine(detector, image, data, pixel_limit, scan_limit))


def _unread(detector: Sight, image: str, err: OSError) -> str:
    if isinstance(err, FileNotFoundError):
        return answer_line(image, detector.task.columns[0], Status.GONE)
    return answer_line(image, detector.task.columns[0], Status.FAILED, reason=UNREADABLE)


def _examine(detector: Sight, image: str, data: bytes, pixel_limit: int, scan_limit: int) -> dict[str, Any]:
    decoded = _decode(data, pixel_limit, scan_limit)
    if isinstance(decoded, Undecodable):
        header = decoded.header
        size = {} if header is None else {"width": header.width, "height": header.height}
        return {"status": Status.FAILED, "reason": decoded.reason, "detail": decoded.detail, **size}
    height, width = decoded.image.shape[:2]
    known: dict[str, Any] = {"width": width, "height": height}
    detector.await_ready()
    try:
        frame = detector.frame(decoded.image, Original(image, data))
        found = detector.detect_frame(frame, (height, width), nullcontext)
    except RefusedError as err:
        return {"status": Status.FAILED, "reason": Reason.REFUSED_BY_SERVICE, "detail": str(err), **known}
    except BrokeOffError as err:
        detector.end()  # the next image is shown to another one
        return {"status": Status.FAILED, "reason": Reason.KILLED_WORKER, "detail": str(err), **known}
    known |= {"detail": decoded.detail, "damaged": decoded.damaged}
    return {"status": Status.PROCESSED, **known, **found.describe(detector.names)}


def _decode(data: bytes, pixel_limit: int, scan_limit: int) -> Decoded | Undecodable:
    """Decode within the limits of a shard's worker; what takes longer goes on in its thread until the process ends."""
    underway, image, done = (
        Underway(),
        ListedImage("", "", len(data)),
        queue.SimpleQueue[Decoded | Undecodable | Exception](),
    )

    def work() -> None:
        try:
            with underway.decoding(image):
                header = read_header(data, pixel_limit, scan_limit)
            if isinstance(header, Undecodable):
                return done.put(header)
            with underway.decoding(image, header.pixels):
                decoded = decode_pixels(data, header)
            done.put(decoded)
        except Exception as err:  # noqa: BLE001 - raised again below
            done.put(err)

    threading.Thread(target=work, name="decode", daemon=True).start()
    while True:
        try:
            outcome = done.get(timeout=LOOK_S)
        except queue.Empty:
            if overdue := underway.overdue():
                return Undecodable(Reason.KILLED_WORKER, detail=f"Decoding took more than {overdue[1]}")
            continue
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
