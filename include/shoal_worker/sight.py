"""What looks at images, a model in this process or somebody's service beside it, as the examiner asks it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from shoal.contract.errors import ShoalError
from shoal.contract.tasks.task import Task
from shoal_worker.image.letterbox import Image
from shoal_worker.tasks.found import Found


class InferenceCancelledError(Exception):
    """The running inference was ended on purpose."""


class GpuFailedError(ShoalError):
    """The GPU or its driver failed, not the model: another node, or another time, may run it."""


Noting = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Original:
    """An image as it is stored.

    Attributes:
        key: Its whole key.
        data: Its bytes.
    """

    key: str
    data: bytes


class Sight(Protocol):
    """Says what images show."""

    task: Task
    on_gpu: bool
    imgsz: tuple[int, int]
    """(height, width) in pixels of the image that is tried before careful attempts."""
    limit_s: float | None
    """Seconds that one image may take; None for those of a model."""
    start_limit_s: float | None = None
    """Seconds that `await_ready` may take; None where it returns at once."""
    keeps_bytes: bool
    """Whether a frame is the image's own bytes."""

    @property
    def most_at_once(self) -> int | None:
        """Images that are looked at together; None where that is open."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Names of the classes."""
        ...

    @property
    def keeps_image(self) -> bool:
        """Whether a frame is the decoded image."""
        ...

    def await_ready(self) -> None:
        """Wait until an image can be looked at; whatever time that takes is no image's fault."""

    def frame(self, image: Image, original: Original) -> Any:
        """Make of an image what is looked at."""
        ...

    def detect_frame(self, frame: Any, image_hw: tuple[int, int], noting: Noting) -> Found:
        """Look at a frame.

        Args:
            frame: What `frame` returned.
            image_hw: (height, width) of the image in pixels.
            noting: Entered around each look.
        """
        ...

    def rehearse(self, frame: Any) -> None:
        """Let what looks only where something was found look at a frame, too."""

    def cancel(self) -> None:
        """End the look that is under way, and every later one; from any thread."""

    def end(self) -> None:
        """Give back what was started."""


@runtime_checkable
class Together(Protocol):
    """What can look at several frames at once: a `Sight` whose `most_at_once` is not 1."""

    @property
    def proof_s(self) -> float:
        """Seconds in which frames were looked at alone, too, so far: until each place of a batch has proved itself."""
        ...

    def detect_frames(self, frames: Sequence[Any], images_hw: Sequence[tuple[int, int]]) -> list[Found]:
        """Look at several frames of one size at once."""
        ...
