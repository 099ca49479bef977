"""What happens to one image, in two steps: up to the model's input, and through the model to its row."""

import hashlib
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from shoal.contract.errors import one_line
from shoal.contract.image_limits import too_many_bytes
from shoal.contract.rows import Reason, Status
from shoal.stores.images import (
    Fetched,
    ImageArchived,
    ImageChanged,
    ImageGone,
    ImageMissing,
    ImageSource,
    ImageUnnamable,
)
from shoal_worker.budget import Budget
from shoal_worker.image.decode import decode_pixels
from shoal_worker.image.exif import read_exif
from shoal_worker.image.header import Undecodable, read_header
from shoal_worker.image.quality import measure
from shoal_worker.login import Login
from shoal_worker.loop.fetch_ahead import Spent
from shoal_worker.ready import Decoder, Ready, here
from shoal_worker.rows.parts import ListedImage, Row, Stamp, new_row
from shoal_worker.services.asking import RefusedError
from shoal_worker.sight import Original, Sight, Together
from shoal_worker.underway import Underway

TOGETHER = "+batch"
"""Behind the version of the worker, in rows of images that went through the model with others."""

_OF_FAILED = ("content_sha256", "version_checked", "exif", "width", "height")
"""What the row of an image that a service refused has of what is known of it, as that of one which cannot be decoded."""


class Examiner:
    """Turns listed images into rows; `prepare` is thread-safe, `finish` is one thread's.

    Args:
        source: Reads them.
        detector: The model, or a service.
        pixel_limit: Most pixels an image may have.
        stamp: Who writes the rows.
        scan_limit: Most scans a progressive JPEG may have.
        witnesses: Tell whether the login is good, one after another, where no image of the shard does.
    """

    def __init__(
        self,
        source: ImageSource,
        detector: Sight,
        pixel_limit: int,
        stamp: Stamp,
        *,
        scan_limit: int,
        witnesses: Sequence[ListedImage] = (),
    ) -> None:
        self._source = source
        self._detector = detector
        self._pixel_limit = pixel_limit
        self._scan_limit = scan_limit
        self._stamp = stamp
        self.login = Login(source, witnesses)
        """Whether it still reads, which is asked where the store refuses images."""
        self.underway = Underway()
        """What is decoded and inferred right now."""
        self.reads = Spent()
        """Seconds that reads took."""
        self._bytes = Budget(pixel_limit)
        self._pixels = Budget(pixel_limit)  # never waited for while holding pixels, so the two cannot lock each other

    def prepare(self, image: ListedImage, decoding: Decoder = here) -> Ready | Row:
        """Fetch and decode an image; a row where that already says what became of it.

        Args:
            image: As listed.
            decoding: Does what is to be done once its bytes are here, when and where there is room for it.

        Raises:
            ImageDenied: The store refuses it: a fact about the image only if the login still reads another one.
            StoreError: Infrastructure failed.
            ConfigError: Wrong bucket or credentials.
            MemoryError: No room to decode it.
        """
        if detail := too_many_bytes(image.size_bytes, self._pixel_limit):
            return self._row(image, Status.FAILED, reason=Reason.TOO_LARGE, detail=detail)
        with self._bytes.hold(image.size_bytes) as held:
            try:
                with self.reads.counted():
                    fetched = self._source.read(image.key, image.object_version, image.size_bytes)
            except ImageChanged:
                return self._row(image, Status.CHANGED)
            except ImageGone:
                return self._row(image, Status.GONE)
            except ImageArchived as err:  # in an archive that the listing did not tell of
                return self.denied(image, f"in an archive: restore it, then run again ({err})")
            except ImageUnnamable as err:  # no login would read it: nothing has to be proved
                return self.denied(image, err)
            self.login.has_read(image)
            return decoding(partial(self._decode, image, fetched, held))

    def denied(self, image: ListedImage, said: object) -> Row:
        """Make the row of an image that the store refuses to give, with what it said; of one that is not there, without."""
        if isinstance(said, ImageMissing):
            return self._row(image, Status.GONE)
        return self._row(image, Status.DENIED, detail=one_line(said))

    def rehearse(self, data: bytes) -> None:
        """Take an image that belongs to nobody all the way: what ends the worker afterwards is the image it tries then.

        Raises:
            ModelRefusedError: The model does not run.
            MemoryError: No room for any image.
        """
        blank = ListedImage("", "", len(data))
        prepared = self._decode(blank, Fetched(data, version_checked=False), ExitStack())
        if isinstance(prepared, Ready):
            with self.underway.inferring(blank, self._detector.limit_s):
                self._detector.rehearse(prepared.frame)
            self.finish(prepared)

    def finish(self, ready: Ready) -> Row:
        """Run the model on an image, or ask the service.

        Raises:
            InferenceCancelledError: The worker is to end.
            GpuFailedError: The GPU failed, not the model.
            ModelRefusedError: The model does not run.
            MemoryError: No room to run it.
            BrokeOffError: The service ended or fell silent.
            ServiceError: It is not there, or looks at nothing.
            StoreError: A file that it made was not stored.
        """
        with ready.held:
            with self.underway.waiting(self._detector.start_limit_s):
                self._detector.await_ready()
            started = time.perf_counter()
            noting = partial(self.underway.inferring, ready.image, self._detector.limit_s)
            try:
                found = self._detector.detect_frame(ready.frame, ready.image_hw, noting)
            except RefusedError as err:
                facts = {name: ready.facts[name] for name in _OF_FAILED}
                return self._row(
                    ready.image,
                    Status.FAILED,
                    reason=Reason.REFUSED_BY_SERVICE,
                    detail=one_line(err),
                    **facts,
                    seconds=ready.seconds + time.perf_counter() - started,
                )
        return self._row(
            ready.image,
            Status.PROCESSED,
            **ready.facts,
            **found.to_columns(),
            seconds=ready.seconds + time.perf_counter() - started,
        )

    @property
    def proof_s(self) -> float:
        """Seconds in which images of batches were looked at alone, too, so far."""
        return self._detector.proof_s if isinstance(self._detector, Together) else 0.0

    def finish_together(self, batch: Sequence[Ready]) -> list[Row]:
        """Run the model once on several images whose frames have one size; none of them is given up where that fails.

        Raises:
            UnlikeError: The model answers images together otherwise than alone.
            InferenceCancelledError, GpuFailedError, ModelRefusedError, MemoryError: As `finish`, of all of them.
        """
        if not isinstance(self._detector, Together):
            raise TypeError(f"{type(self._detector).__name__} looks at one image at a time")
        started, first = time.perf_counter(), batch[0]
        with self.underway.inferring(first.image, others=len(batch) - 1):
            found = self._detector.detect_frames([one.frame for one in batch], [one.image_hw for one in batch])
        share_s = (time.perf_counter() - started) / len(batch)
        stamp = replace(self._stamp, worker_version=self._stamp.worker_version + TOGETHER)
        return [
            new_row(one.image, stamp, Status.PROCESSED, **one.facts, **what.to_columns(), seconds=one.seconds + share_s)
            for one, what in zip(batch, found, strict=True)
        ]

    def _decode(self, image: ListedImage, fetched: Fetched, bytes_held: ExitStack) -> Ready | Row:
        started = time.perf_counter()
        facts = {
            "content_sha256": hashlib.sha256(fetched.data).hexdigest(),
            "version_checked": fetched.version_checked,
        }
        with self.underway.decoding(image):
            header = read_header(fetched.data, self._pixel_limit, self._scan_limit)
            facts["exif"] = read_exif(fetched.data).to_column()
        if isinstance(header, Undecodable):
            return self._failed(image, header, facts, time.perf_counter() - started)
        with self._pixels.hold(header.pixels) as held:
            started = time.perf_counter()
            with self.underway.decoding(image, header.pixels):
                decoded = decode_pixels(fetched.data, header)
            if isinstance(decoded, Undecodable):
                return self._failed(image, decoded, facts, time.perf_counter() - started)
            height, width = decoded.image.shape[:2]
            facts |= {"width": width, "height": height, "damaged": decoded.damaged, "detail": decoded.detail}
            facts |= vars(measure(decoded.image))
            frame = self._detector.frame(decoded.image, Original(image.key, fetched.data))
            seconds = time.perf_counter() - started
            kept = held.pop_all() if self._detector.keeps_image else ExitStack()
            if self._detector.keeps_bytes:
                kept = bytes_held.pop_all()
            return Ready(image, facts, frame, (height, width), seconds, kept)

    def _failed(self, image: ListedImage, failure: Undecodable, facts: dict[str, Any], seconds: float) -> Row:
        header = failure.header
        size = {} if header is None else {"width": header.width, "height": header.height}
        detail = None if failure.detail is None else one_line(failure.detail)
        return self._row(image, Status.FAILED, reason=failure.reason, detail=detail, **size, **facts, seconds=seconds)

    def _row(self, image: ListedImage, status: Status, **columns: Any) -> Row:
        return new_row(image, self._stamp, status, **columns)
