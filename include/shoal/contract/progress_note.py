"""How far one attempt at one shard is, as its worker says it every few seconds: for people who watch, and for nothing else.

A run is judged by its rows. What is said here may be lost, or late, or be of rows that a crash took with it.
"""

from dataclasses import asdict, dataclass
from typing import Any

from shoal.contract.layout import FORMAT_VERSION

NODE_VARIABLE = "SHOAL_NODE"
"""Tells a worker the name of its node; a process that nobody told has none."""


@dataclass(frozen=True)
class ProgressNote:
    """What a worker says of its attempt.

    Attributes:
        shard: Number of the shard.
        images: Images of the attempt's manifest: of a later attempt what the earlier ones left.
        done: Of these, images with a row, whatever it says.
        failed: Of these, images whose row is `failed`.
        images_per_s: Images with a row per second of the last minute, or of the time that three take where that is longer; None
            in the first minute before the first one, 0 where that brought none.
        budget_left_s: Seconds until the worker begins no further image.
        started_at: When the worker began, UTC by its own clock.
        at: When it said this, UTC by its own clock; readers take the object's own time.
        node: Its node; None where it knows none.
        ended: How it ended, a name of `exit_codes.WorkerExit` in small letters; None while it is at work.
        waits_for_store: Share of the time since the note before in which the model waited for images to come; None where nobody
            counted, as in notes of earlier releases.
    """

    shard: int
    images: int
    done: int
    failed: int
    images_per_s: float | None
    budget_left_s: float
    started_at: str
    at: str
    node: str | None = None
    ended: str | None = None
    waits_for_store: float | None = None

    @property
    def left(self) -> int:
        """Images without a row."""
        return max(0, self.images - self.done)

    def to_json(self) -> dict[str, Any]:
        """Write it as it is stored, `left` beside the others for those who read it with nothing of Shoal's."""
        return {"format_version": FORMAT_VERSION, **asdict(self), "left": self.left}
