"""An image between its two steps: prepared, and not yet looked at."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from shoal_worker.rows.parts import ListedImage, Row


@dataclass(frozen=True)
class Ready:
    """An image on its way to the model; the decoded image is no longer held, unless it is to be cut.

    It is cut into tiles, or for a second model that looks at what is in the boxes.

    Attributes:
        image: As listed.
        facts: Row columns known so far.
        frame: As the model is to see it: `(H, W, …)`, or for a service the image's own bytes.
        image_hw: (height, width) of the decoded image in pixels.
        seconds: Spent on it so far, without waiting.
        held: What of the budgets of pixels or bytes it holds; whoever takes it closes this.
    """

    image: ListedImage
    facts: dict[str, Any]
    frame: Any
    image_hw: tuple[int, int]
    seconds: float
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames of one shape may go through a model together; bytes for a service have none."""
        return tuple(getattr(self.frame, "shape", ()))


Decoder = Callable[[Callable[[], Ready | Row]], Ready | Row]
"""Calls what decodes an image."""


def here(decode: Callable[[], Ready | Row]) -> Ready | Row:
    """Decode at once, in this thread."""
    return decode()
