"""The processes that look at images and draw on them, as the server sees them; another one takes the place of one that died."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from signal import SIGKILL, Signals
from typing import Any

from shoal.contract.asked_process import BROKEN, PAINTER, AskedProcess, how_it_ended
from shoal.contract.cgroup import count_oom_kills
from shoal.contract.errors import ModelRefusedError, ServiceError, one_line
from shoal.contract.exit_codes import CRASH_SIGNALS
from shoal.contract.frames import write_frame
from shoal.contract.image_limits import SCAN_LIMIT
from shoal_worker.serving.settings import LookSettings

LOOKER = "shoal_worker.serving.looker"

START_S = 300.0
"""Seconds in which the model must have opened and looked at a blank image."""

PAINTER_START_S = 60.0
PAINT_S = 60.0

MOST_LINE_BYTES = 256 * 1024**2
"""Of one answer: all masks of an image can be 64 MiB."""

QUALITY = 88


class EndedError(Exception):
    """A process ended over an image.

    Attributes:
        code: Its exit status, below 0 the signal.
        crashed: How, where it was what it did itself; else None.
    """

    def __init__(self, code: int, oom_kills: int) -> None:
        super().__init__(how_it_ended(code))
        self.code = code
        self.crashed = f"killed by {Signals(-code).name}" if -code in CRASH_SIGNALS else None
        if -code == SIGKILL and count_oom_kills() > oom_kills:
            self.crashed = "killed for want of memory"


class Looker(AskedProcess):
    """The process that has the model.

    Args:
        settings: How it looks.
        memory_bytes: What it may take.
    """

    def __init__(self, settings: LookSettings, memory_bytes: int) -> None:
        super().__init__(LOOKER, (settings.to_word(), str(memory_bytes)), MOST_LINE_BYTES, tells=True)
        self.told: dict[str, Any] = {}
        """What it said of the model when it was started first."""
        self.column = ""
        self._opened = False

    @property
    def ready(self) -> bool:
        """Whether it has opened the model, and runs."""
        return self._opened and self._runs

    def start(self) -> None:
        """Start it, unless it runs.

        Raises:
            ModelRefusedError: It opens no such model, or another one than at first.
            ServiceError: It did not start.
        """
        if self.ready:
            return
        self._opened = False
        try:
            hello = self._begin(START_S)
        except TimeoutError:
            raise ServiceError(
                f"Model did not open and look at a blank image within {START_S:g} s - take a smaller one"
            ) from None
        except BROKEN as err:
            raise ServiceError(f"Model ended the process that opens it: {one_line(err)} - see the lines above") from err
        if "model" not in hello:
            self._end()
            if "refused" in hello:
                raise ModelRefusedError(str(hello["refused"]))
            raise ServiceError(str(hello.get("failed")))
        told = hello["model"]["told"]
        if self.told and any(told[name] != self.told[name] for name in ("model", "then")):
            self._end()
            raise ModelRefusedError(
                "Model file is another one than when the server was started - start the server again"
            )
        self.told, self.column = told, hello["model"]["column"]
        self._opened = True

    def look(self, image: str, data: bytes | bytearray, seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        """Let it look at an image.

        Raises:
            TimeoutError: It took longer; the process is ended.
            EndedError: It ended.
        """
        oom_kills = count_oom_kills()
        try:
            said, lines = self._exchange(write_frame({"image": image, "seconds": seconds}, [data]), seconds)
        except TimeoutError:
            self._end()
            raise
        except BROKEN:
            raise EndedError(self._await_end(), oom_kills) from None
        if said.get("ends"):  # it has said so: the next image is another one's
            self._end()
        return said, lines

    def kill(self) -> None:
        """End what it is looking at, from any thread."""
        if (process := self._process) is not None:
            process.kill()

    def end(self) -> None:
        """End it."""
        self._end()


class Drawer(AskedProcess):
    """The process that draws boxes, of the room for pictures; it is asked by name, since the worker imports no room.

    Args:
        memory_bytes: What it may take.
        pixel_limit: Most pixels of an image.
    """

    def __init__(self, memory_bytes: int, pixel_limit: int) -> None:
        super().__init__(PAINTER, (str(memory_bytes), str(PAINT_S)), MOST_LINE_BYTES)
        self._pixel_limit = pixel_limit
        self.there = find_spec(PAINTER.rpartition(".")[0]) is not None
        """Whether it is installed here: an image that has the worker alone draws nothing."""

    def draw(
        self, answer: Mapping[str, Any], names: Sequence[str], data: bytes | bytearray, seconds: float
    ) -> bytes | str:
        """Draw what was found; the picture, or why there is none."""
        if not self.there:
            return "pictures are not installed here"
        words = {
            "do": "answer",
            "answer": answer,
            "names": names,
            "quality": QUALITY,
            "pixel_limit": self._pixel_limit,
            "scan_limit": SCAN_LIMIT,
        }
        try:
            if not self._runs and (missing := self._begin(PAINTER_START_S).get("cannot")):
                return f"pictures need {missing}"
            said, pictures = self._exchange(write_frame(words, [data]), min(seconds, PAINT_S))
        except TimeoutError:
            self._end()
            return "it was not drawn in time"
        except BROKEN:
            self._end()
            return "it ended the process that draws it"
        return pictures[0] if pictures else one_line(said.get("why") or "no picture came")

    def end(self) -> None:
        """End it."""
        self._end()
