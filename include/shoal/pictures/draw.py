"""The room's door: images of a store with their boxes drawn, and sheets of them."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import asdict
from functools import partial
from threading import Semaphore, Thread

from shoal.contract.errors import ConfigError, NoAnswerError, ShoalError, one_line
from shoal.pictures.drawing import Drawing, Drawn, PictureLimits
from shoal.pictures.process import CannotPaintError, NoPictureError, Painter
from shoal.stores.images import ImageArchived, ImageChanged, ImageDenied, ImageGone, ImageMissing, ImageSource

AHEAD = 2
"""Images that are fetched while another one is drawn."""

MOST_LATE = 3
"""After so many images that did not come in time no more are asked for: each would be waited for as long."""


def draw(source: ImageSource, drawings: Sequence[Drawing], limits: PictureLimits) -> Iterator[Drawn]:
    """Draw images in the order asked.

    They are fetched here, one version and a bounded number of bytes, and decoded, drawn and encoded in another process.
    Nothing is raised for an image, nor where the store fails: `why` says it. The same bytes give the same picture.

    Args:
        source: The store of the images.
        drawings: What to draw; images with people are left out by whoever asks (`shoal.pictures.people`).
        limits: What one picture may cost.
    """
    hopeless = _Hopeless()
    with Painter(limits) as painter:
        for drawing, outcome in _fetch(source, drawings, limits, hopeless):
            why = outcome if isinstance(outcome, str) else hopeless.why(drawing)
            if isinstance(outcome, str) or why:
                yield Drawn(drawing, None, why=why)
            else:
                yield paint_one(painter, drawing, outcome, limits, partial(hopeless.add, drawing))


def sheet(drawn: Sequence[Drawn], columns: int, title: str = "", limits: PictureLimits | None = None) -> bytes:
    """Lay drawn pictures out as a contact sheet with their captions; one that could not be drawn is a grey field with the reason.

    Args:
        drawn: The pictures, row by row.
        columns: Pictures in a row.
        title: Above all of them.
        limits: What the sheet may cost.

    Returns:
        A JPEG.

    Raises:
        ConfigError: Nothing can be painted on this machine, or no sheet of that size.
    """
    words = {
        "do": "sheet",
        "columns": columns,
        "title": title,
        "quality": 88,
        "captions": [one.drawing.caption for one in drawn],
        "whys": [one.why for one in drawn],
    }
    with Painter(limits or PictureLimits()) as painter:
        try:
            answer, picture = painter.ask(words, [one.jpeg or b"" for one in drawn])
        except NoPictureError as err:
            raise ConfigError(f"The sheet of {len(drawn)} pictures was not made: {err}") from err
    if picture is None:
        raise ConfigError(f"The sheet of {len(drawn)} pictures was not made: {answer.get('why')} - ask for fewer")
    return picture


class _Hopeless:
    """What need not be tried again: an image that cost the painter its process or its time, or any where none can paint."""

    def __init__(self) -> None:
        self._of_all = ""
        self._images: dict[tuple[str, str], str] = {}

    def add(self, drawing: Drawing, err: NoPictureError) -> str:
        why = one_line(err)
        if isinstance(err, CannotPaintError):
            self._of_all = why
        else:
            self._images[drawing.key, drawing.object_version] = why
        return why

    def why(self, drawing: Drawing) -> str:
        return self._of_all or self._images.get((drawing.key, drawing.object_version), "")


def fetch_bytes(source: ImageSource, drawing: Drawing, limits: PictureLimits, at_once: Semaphore) -> bytes | str:
    """Fetch one image, for whoever waits for it alone.

    Args:
        source: The store of the images.
        drawing: What will be drawn.
        limits: What it may cost.
        at_once: Bounds how many are on their way, those that a store never gives among them.

    Returns:
        Its bytes, or why there are none.
    """
    if why := _too_large(drawing, limits):
        return why
    if not at_once.acquire(timeout=limits.fetch_seconds):
        return f"its store does not answer: others asked for have not come within {limits.fetch_seconds:g} s"
    future = _in_background(source, drawing)
    future.add_done_callback(lambda _: at_once.release())
    try:
        return future.result(limits.fetch_seconds)
    except NotInTime:
        return f"it did not come from its store within {limits.fetch_seconds:g} s"
    except ShoalError as err:
        return one_line(err)


def paint_one(
    painter: Painter,
    drawing: Drawing,
    data: bytes,
    limits: PictureLimits,
    tell: Callable[[NoPictureError], str] = one_line,
) -> Drawn:
    """Have one image drawn from its bytes; nothing is raised.

    Args:
        painter: A process for pictures.
        drawing: What is drawn.
        data: The image.
        limits: What it may cost.
        tell: Is told where the process cannot, and says it in a line.
    """
    words = {
        "do": "draw",
        "boxes": [asdict(box) for box in drawing.boxes],
        "crop": drawing.crop,
        "long_side_px": drawing.long_side_px,
        "quality": drawing.quality,
        "pixel_limit": limits.pixel_limit,
        "scan_limit": limits.scan_limit,
    }
    try:
        answer, picture = painter.ask(words, [data])
    except NoPictureError as err:
        return Drawn(drawing, None, why=tell(err))
    size = int(answer.get("width", 0)), int(answer.get("height", 0))
    why = None if picture is not None else one_line(answer.get("why") or "no picture came")
    return Drawn(drawing, picture, *size, why=why)


def _fetch(
    source: ImageSource, drawings: Sequence[Drawing], limits: PictureLimits, hopeless: _Hopeless
) -> Iterator[tuple[Drawing, bytes | str]]:
    """Fetch images, some ahead; what comes with each is its bytes, or why there are none.

    Those ahead have no more bytes together than a single one may have.
    """
    to_come = deque(drawings)
    under_way: deque[tuple[Drawing, Future[bytes | str] | str]] = deque()
    store_fails, late = "", 0

    def begin() -> None:
        while to_come and len(under_way) <= AHEAD:
            drawing = to_come[0]
            why = store_fails or hopeless.why(drawing) or _too_large(drawing, limits)
            ahead = sum(one.size_bytes for one, future in under_way if not isinstance(future, str))
            if not why and ahead and ahead + drawing.size_bytes > limits.byte_limit:
                return
            under_way.append((to_come.popleft(), why or _in_background(source, drawing)))

    begin()
    while under_way:
        drawing, future = under_way.popleft()
        if isinstance(future, str) or store_fails:
            yield drawing, future if isinstance(future, str) else store_fails
        else:
            try:
                yield drawing, future.result(limits.fetch_seconds)
            except NotInTime:
                late += 1
                why = f"it did not come from its store within {limits.fetch_seconds:g} s"
                store_fails = f"{why}, nor did others before it" if late == MOST_LATE else ""
                yield drawing, why
            except (ConfigError, NoAnswerError) as err:  # of the store: the next one would wait for the same
                store_fails = one_line(err)
                yield drawing, store_fails
            except ShoalError as err:
                yield drawing, one_line(err)
        begin()


def _too_large(drawing: Drawing, limits: PictureLimits) -> str:
    if drawing.size_bytes <= limits.byte_limit:
        return ""
    return f"{drawing.size_bytes} bytes, pictures are drawn of images up to {limits.byte_limit}"


def _in_background(source: ImageSource, drawing: Drawing) -> "Future[bytes | str]":
    """Read an image in a thread that the end of the process does not wait for: its store may never answer."""
    future: Future[bytes | str] = Future()

    def read() -> None:
        try:
            future.set_result(_read(source, drawing))
        except BaseException as err:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(err)

    Thread(target=read, name="pictures", daemon=True).start()
    return future


def _read(source: ImageSource, drawing: Drawing) -> bytes | str:
    try:
        data = source.read(drawing.key, drawing.object_version, drawing.size_bytes).data
    except ImageGone:
        return "it is gone from the bucket since the run looked at it"
    except ImageChanged as err:
        return f"it has changed since the run looked at it: {_without_key(err, drawing.key)}"
    except ImageArchived as err:
        return one_line(err)
    except ImageDenied as err:
        return one_line(err if isinstance(err, ImageMissing) else f"the store does not give it: {err}")
    if drawing.content_sha256 and (now := hashlib.sha256(data).hexdigest()) != drawing.content_sha256:
        return f"it has changed since the run looked at it: sha256 {now[:12]}, then {drawing.content_sha256[:12]}"
    return data


def _without_key(err: ImageChanged, key: str) -> str:
    return one_line(str(err).removeprefix(f"{key}: ") or "the bucket has another version")
