"""What `serve` was told: which model, how it looks, and what one client may cost."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shoal.contract.cgroup import read_memory_limit
from shoal.contract.errors import ConfigError
from shoal.contract.image_limits import BYTES_PER_PIXEL, too_many_bytes

MIB = 1024**2

SERVER_BYTES = 256 * MIB
"""What the server itself takes beside the images that it holds, and its two processes before they have opened anything."""

LEAST_BYTES = 512 * MIB
"""Less than this lets no model look at anything."""

MOST_BYTES = 8 * 1024 * MIB
"""What the model's process may take where nothing bounds the memory of this one; `try` gives as much."""


@dataclass(frozen=True)
class LookSettings:
    """How images are looked at; the options of `predict`.

    Attributes:
        model: The model file, a whole path; card and weights lie beside it.
        imgsz: Side of its input in px; None for the model's own.
        conf: Lowest confidence shown.
        iou: Overlap above which the weaker box is dropped.
        pixel_limit: Most pixels of an image.
        then: A classifier that looks at each box; None for none.
        pad: Share of a box's longer side by which a crop is wider on each side.
        square: Whether crops are made square.
    """

    model: Path
    imgsz: int | None
    conf: float
    iou: float
    pixel_limit: int
    then: Path | None = None
    pad: float = 0.0
    square: bool = True

    def to_word(self) -> str:
        """Write them as one word of a command line."""
        paths = {"model": str(self.model), "then": None if self.then is None else str(self.then)}
        return json.dumps({**asdict(self), **paths})

    @classmethod
    def from_word(cls, word: str) -> "LookSettings":
        """Read what `to_word` wrote."""
        said: dict[str, Any] = json.loads(word)
        then = said.pop("then")
        return cls(**{**said, "model": Path(said["model"])}, then=None if then is None else Path(then))


@dataclass(frozen=True)
class Limits:
    """What clients may cost.

    Attributes:
        size_bytes: Most bytes of a body.
        waiting: Images that may be sent or wait while one is looked at.
        deadline_s: Seconds from when an image has come until it is answered.
        read_s: Seconds in which it must have come.
    """

    size_bytes: int
    waiting: int
    deadline_s: float
    read_s: float

    def why_too_large(self, size_bytes: int, pixel_limit: int) -> str | None:
        """Say why a body is not taken, by the rule that is the tighter one: a run's, or ours; None where it is."""
        if size_bytes <= self.most_bytes(pixel_limit):
            return None
        ours = f"{size_bytes} bytes, the limit is {self.size_bytes} (--size-limit)"
        return ours if self.size_bytes < pixel_limit * BYTES_PER_PIXEL else too_many_bytes(size_bytes, pixel_limit)

    def most_bytes(self, pixel_limit: int) -> int:
        """Say how many bytes a body may have."""
        return min(self.size_bytes, pixel_limit * BYTES_PER_PIXEL)


@dataclass(frozen=True)
class Shares:
    """How many bytes the processes may take that hold what images become.

    Attributes:
        looker_bytes: The model's.
        drawer_bytes: That of pictures.
    """

    looker_bytes: int
    drawer_bytes: int


def share_memory(limits: Limits, pixel_limit: int) -> Shares:
    """Share out what images that wait leave, lest they cost the server its life: two parts to the model, one to pictures.

    Raises:
        ConfigError: They leave it too few.
    """
    whole, most = read_memory_limit(), limits.most_bytes(pixel_limit)
    if whole is None:
        return Shares(MOST_BYTES, MOST_BYTES // 2)
    held = (
        limits.waiting + 2
    ) * most  # who hangs up while his image is looked at gives back its place, and not yet its bytes
    drawer = max(0, whole - SERVER_BYTES - held) // 3
    if 2 * drawer < LEAST_BYTES:
        raise ConfigError(
            f"This container has {whole // MIB} MiB, and {limits.waiting + 1} images of up to {most // MIB} MiB may be held: "
            f"{2 * drawer // MIB} MiB are left to the model, {LEAST_BYTES // MIB} are the least, "
            "and pictures have half as much - lower --waiting or --size-limit, or give it more memory"
        )
    return Shares(min(2 * drawer, MOST_BYTES), min(drawer, MOST_BYTES // 2))
