"""A service in place of a model: what the examiner asks of either."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import BrokeOffError, ConfigError, ServiceError, one_line
from shoal.contract.inference import Inference
from shoal.contract.service import Service
from shoal.contract.tasks import TASKS
from shoal_worker.image.letterbox import Image
from shoal_worker.services.asking import LONGEST_FILE_NAME, SAID, Answer, BusyError, RefusedError, file_name
from shoal_worker.services.mapping import AnswerMapping
from shoal_worker.services.picture import HEIGHT, NAME, WIDTH, rehearsal_jpeg
from shoal_worker.services.table import KINDS
from shoal_worker.sight import InferenceCancelledError, Noting, Original
from shoal_worker.tasks.found import Found
from shoal_worker.underway import PATIENCE_S

log = logging.getLogger(__name__)

Storing = Callable[[str, str, bytes], str]
"""Stores a file of an image, by the image's key and the file's name; returns the file's key."""


@dataclass(frozen=True)
class FoundBesides:
    """What a service found, and the keys of its files."""

    found: Found
    files: tuple[str, ...]

    def to_columns(self) -> dict[str, Any]:
        """Fill the row's columns."""
        return {**self.found.to_columns(), "files": list(self.files)}

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """Write it for people."""
        return {**self.found.describe(names), "files": list(self.files)}


class ServiceDetector:
    """Asks a service what images show.

    Thread-safe as `Detector` is: `detect_frame` and `await_ready` are one thread's, `cancel` may come from any.
    """

    on_gpu = False
    keeps_image = False
    keeps_bytes = True
    imgsz = (HEIGHT, WIDTH)
    most_at_once: int | None = 1

    def __init__(self, service: Service, inference: Inference, store: Storing | None = None) -> None:
        """Nothing is started yet.

        Args:
            service: As the plan has it.
            inference: What of the plan's settings applies to boxes that are found: lowest confidence, most boxes.
            store: Keeps files that it makes of images; None where nobody does.

        Raises:
            ConfigError: Its mapping is none.
        """
        self.task = TASKS[service.task]
        self.names: Sequence[str] = service.names
        self.limit_s: float | None = service.timeout_s
        self.start_limit_s: float | None = service.start_timeout_s + PATIENCE_S
        self._service = service
        self._mapping = AnswerMapping(service, inference)
        self._asked = KINDS[service.kind](service)
        self._store = store
        self._rehearsal = rehearsal_jpeg()
        self._cancelled = threading.Event()

    def frame(self, image: Image, original: Original) -> Original:  # noqa: ARG002 - it is shown the image's own bytes
        """Take what it is to be shown."""
        return original

    def await_ready(self) -> None:
        """Start it where it is not there, and have it look at an image that belongs to nobody.

        Raises:
            ServiceError: It does not begin to answer, or not for that image.
            ConfigError: It is not what the plan says.
            InferenceCancelledError: `cancel` was called.
        """
        if self._asked.is_up():
            return
        deadline = time.monotonic() + self._service.start_timeout_s
        began = time.monotonic()
        try:
            self._asked.start(deadline)
            self._rehearse(max(deadline - time.monotonic(), 0.0))
        except RefusedError as err:
            raise ServiceError(f"The service does not look at an image of Shoal's own: {err} - see its log") from err
        except ServiceError as err:
            if self._cancelled.is_set():
                raise InferenceCancelledError("service cancelled") from err
            if isinstance(err, BrokeOffError):  # no image of anybody's
                raise ServiceError(f"{err}, and was shown an image of Shoal's own - see its log") from err
            raise
        log.info("The service answers after %.0f s", time.monotonic() - began)

    def _rehearse(self, limit_s: float) -> None:
        answer = self._asked.ask(NAME, self._rehearsal, limit_s)
        self._mapping.read(answer.value, NAME, (HEIGHT, WIDTH))

    def detect_frame(self, frame: Original, image_hw: tuple[int, int], noting: Noting) -> Found:
        """Ask what an image shows.

        Args:
            frame: What `frame` returned.
            image_hw: (height, width) of the image in pixels.
            noting: Entered while it looks.

        Raises:
            RefusedError: It refuses this image twice, or answers nothing that can be read, and answers for another one.
            BrokeOffError: It ended or fell silent.
            InferenceCancelledError: `cancel` was called.
            ServiceError: It is not there.
            StoreError: A file that it made was not stored.
        """
        try:
            try:
                found, answer = self._look(frame, image_hw, noting)
            except RefusedError as err:
                self._need_well(err, noting)
                found, answer = self._look(frame, image_hw, noting)  # once it may have been a passing trouble
        except ServiceError as err:
            if self._cancelled.is_set():
                raise InferenceCancelledError("service cancelled") from err
            raise
        if self._store is None or not answer.files:
            return found
        return FoundBesides(found, self._keep(frame.key, answer.files))

    def _look(self, frame: Original, image_hw: tuple[int, int], noting: Noting) -> tuple[Found, Answer]:
        name = file_name(frame.key)
        with noting():
            answer = self._asked.ask(name, frame.data, self._service.timeout_s)
            try:
                return self._mapping.read(answer.value, name, image_hw), answer
            except ConfigError as err:  # it was mapped of another image: this answer is odd, not the mapping
                raise RefusedError(str(err)) from err

    def rehearse(self, frame: Original) -> None:
        """Nothing: `await_ready` has shown it an image."""

    def _need_well(self, refused: RefusedError, noting: Noting) -> None:
        """Tell an image that is refused from a service that refuses everything, perhaps since this image.

        Raises:
            BrokeOffError: It answers for no other image either.
            BusyError: It cannot answer now.
        """
        try:
            with noting():
                self._rehearse(self._service.timeout_s)
        except BusyError:
            raise
        except (RefusedError, ServiceError) as err:
            if self._cancelled.is_set():
                raise InferenceCancelledError("service cancelled") from err
            said = one_line(refused, SAID)
            raise BrokeOffError(f"The service refused an image, and then answered for none ({said})") from err

    def _keep(self, key: str, files: Mapping[str, bytes]) -> tuple[str, ...]:
        assert self._store is not None  # noqa: S101 - for mypy
        return tuple(sorted(self._store(key, _plain(name), data) for name, data in files.items()))

    def cancel(self) -> None:
        """End what is asked, and all later questions."""
        self._cancelled.set()
        self._asked.cancel()

    def end(self) -> None:
        """End what was started."""
        self._asked.end()


def _plain(name: str) -> str:
    """Make a name of a file that may lie in folders one of its own."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-LONGEST_FILE_NAME:].lstrip("._-") or "file"
