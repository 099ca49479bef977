"""After a crash: the first images go one by one, each named in the results bucket before it is tried.

A worker that crashes cannot say at which image. When it was alone with one, and that one is named, the operator can.
"""

import io
import json
import threading
from dataclasses import asdict

from PIL import Image as Pillow

from shoal.contract.errors import StoreError
from shoal.contract.layout import FORMAT_VERSION
from shoal.stores.object_store import ObjectStore
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.fetch_ahead import FETCHERS, MOST_FETCHERS
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.outcome import BrokeOff, Checkpoint, Fatal, Outcome, Unreached
from shoal_worker.loop.pipeline import Pipeline
from shoal_worker.ready import Ready
from shoal_worker.rows.parts import ListedImage, Row


class Naming:
    """The small object that names the image being tried."""

    def __init__(self, results: ObjectStore, key: str, worker_version: str) -> None:
        """Nothing is named yet."""
        self._results = results
        self._key = key
        self._worker_version = worker_version

    def name(self, image: ListedImage) -> None:
        """Name an image in place of the one before.

        Raises:
            ConfigError: No right to write.
            StoreError: The store did not take it: the image must not be tried.
        """
        value = {"format_version": FORMAT_VERSION, **asdict(image), "worker_version": self._worker_version}
        self._results.write_bytes(self._key, json.dumps(value, ensure_ascii=False).encode())

    def clear(self) -> None:
        """Name none any more.

        Raises:
            ConfigError: No right to delete.
            StoreError: The store did not do it: several images must not be tried at once.
        """
        self._results.delete([self._key])


class OneByOne(Pipeline):
    """Tries as many images alone as the crashed attempt may have lost, then goes on as ever."""

    def __init__(
        self,
        intake: Intake,
        examiner: Examiner,
        naming: Naming,
        imgsz: tuple[int, int],
        part_interval_s: float,
        *,
        batches: Batches | None = None,
        fetchers: int = FETCHERS,
        lost_reads: int = MOST_FETCHERS,
    ) -> None:
        """Nothing is begun yet.

        Args:
            intake: Hands out the images.
            examiner: Turns them into rows.
            naming: Names each image first.
            imgsz: (height, width) of the model's input: that of the blank image that is tried before all others.
            part_interval_s: Seconds between two parts: so much work may have been lost.
            batches: As of any pipeline, for what comes behind these images.
            fetchers: Likewise, and for good: what crashed once is not given more to hold.
            lost_reads: How many reads at once the crashed attempt may have grown to.
        """
        super().__init__(intake, examiner, batches, fetchers, most_reads=fetchers)
        self._lost_reads = max(fetchers, lost_reads)
        self._naming = naming
        self._imgsz = imgsz
        self._part_interval_s = part_interval_s

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._begin_alone, name="one by one", daemon=True).start()

    def _begin_alone(self) -> None:
        try:
            self.examiner.rehearse(_blank_jpeg(*self._imgsz))
            if not self._try_alone():
                return  # the image stays named
            self._naming.clear()
        except MemoryError as err:
            self.outcomes.put(Fatal(StoreError(f"No room for any image: {err} - give the worker more memory")))
        except Exception as err:  # noqa: BLE001 - the main thread raises it again
            self.outcomes.put(Fatal(err))
        else:
            checkpoint = Checkpoint()  # the next careful attempt begins behind what is done
            self.outcomes.put(checkpoint)
            checkpoint.done.wait()
            super().start()

    def _try_alone(self) -> bool:
        """Try what two minutes of work, and then what was in flight, may hold; whether the service came through."""
        work_s, in_flight = 0.0, self.in_flight(self._lost_reads)
        while in_flight and (image := self._take()) is not None:
            outcome = self._try(image)
            self._put(outcome)
            if isinstance(outcome, BrokeOff):
                return False
            if work_s >= self._part_interval_s:
                in_flight -= 1
            elif isinstance(outcome, Row):
                work_s += outcome.seconds or 0.0
        return True

    def _take(self) -> ListedImage | None:
        self._wait_for_room()
        return self._intake.take()

    def _try(self, image: ListedImage) -> Outcome:
        try:
            self._naming.name(image)
        except StoreError as err:
            return Unreached(image, err)
        prepared = self._each.prepare(image)
        return self._each.finish(prepared) if isinstance(prepared, Ready) else prepared


def _blank_jpeg(height: int, width: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (width, height)).save(file, "JPEG")
    return file.getvalue()
