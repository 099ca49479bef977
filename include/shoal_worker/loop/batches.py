"""How many images go into one inference, and which: as many as are wanted, as memory holds, or as make it faster."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.cgroup import read_free_memory
from shoal.contract.job import AUTO, MOST_BATCH

log = logging.getLogger(__name__)

Shape = tuple[int, ...] | None

MOST_AUTO = 64
"""Images that `auto` takes at once at most: a GPU that these do not fill computes one of them in a fraction of a millisecond."""

WARM_UP, MEASURED = 1, 3
"""Full batches of a size that are not measured, since a GPU looks for its way first, and those of which the fastest counts."""

WORTH = 0.95
"""Seconds of an image, as a share of those at half the size, above which the larger batch is not worth its memory."""

MEMORY_SHARE = 0.5
"""Of the memory that the process may still take: so much may one step to a larger batch be expected to need."""


@dataclass(frozen=True)
class Memory:
    """Reads what the process has taken and may take, in bytes; None where the system does not say."""

    peak: Callable[[], int | None]
    free: Callable[[], float | None]


_WAY_OUT = "leave worker.batch out, or export with dynamic=True and without nms=True"
_WAY_OUT_OF_FIXED = "export it with batch=1, or with dynamic=True and without nms=True"


class Batches:
    """The size of batches; one thread's.

    Args:
        wanted: Images, or `AUTO`.
        most: Images that the graph takes at once; None where it leaves that open.
        memory: For `AUTO`.
    """

    def __init__(self, wanted: int | str, most: int | None, memory: Memory | None = None) -> None:
        self._memory = memory or Memory(_read_peak, _read_free)
        self._filled = most if most is not None and most > 1 else None
        """Images that the graph computes each time, however few there are; None where it computes those that there are."""
        # A batch that the export fixed costs as much with one image as with all: there is nothing to find out.
        self._grows = wanted == AUTO and most is None
        self.most = min(MOST_AUTO if isinstance(wanted, str) else wanted, most or MOST_BATCH)
        """More are never taken."""
        self.size = 1 if self._grows else self.most
        """Images of the next one, where so many are there; for `AUTO` it may grow."""
        self._short: dict[Shape, int] = {}
        """What there is room for of frames of one size, where that is less."""
        self._seconds: list[float] = []
        self._before_s: float | None = None
        self._peak_before = self._memory.peak()

    def size_of(self, shape: Shape) -> int:
        """Say how many frames of this shape go together at most."""
        return min(self.size, self._short.get(shape, self.size))

    def count(self, ready: int, shape: Shape) -> int:
        """Say how many of those of one shape that are ready go together: all that fit, or a power of two.

        A GPU looks for its way anew with every number, so few of them occur.
        """
        size = self.size_of(shape)
        return min(ready, size) if self._filled or ready >= size else 1 << (ready.bit_length() - 1)

    def note(self, images: int, seconds: float) -> None:
        """Learn from an inference that was done."""
        if not self._grows or images != self.size:
            return
        self._seconds.append(seconds / images)
        if len(self._seconds) == WARM_UP + MEASURED:
            self._settle(min(self._seconds[WARM_UP:]))

    def shrink(self, images: int, shape: Shape) -> bool:
        """Take half of so many frames of this shape from now on: there was no room for them. Others are smaller, or will say it.

        Returns:
            Whether fewer need less: a batch that the export fixed takes as much with one image, whenever there is room again.
        """
        if self._filled:
            return False
        self._short[shape] = max(1, images // 2)
        size = "x".join(str(side) for side in shape[:2]) if shape else "this size"
        log.info("%d images of %s in one inference from now on (no room for %d)", self._short[shape], size, images)
        return True

    def give_up(self, why: object) -> None:
        """Take images one by one from now on."""
        if self.size > 1:
            cost = f", each at the cost of the {self._filled} that the file always takes" if self._filled else ""
            way_out = _WAY_OUT_OF_FIXED if self._filled else _WAY_OUT
            log.warning("Images go through the model one by one%s: %s - %s", cost, why, way_out)
        self._grows, self.size = False, 1

    def _settle(self, each_s: float) -> None:
        """Judge the size that was measured: back where it is not worth it, on where there is more to gain."""
        before_s, self._before_s, self._seconds = self._before_s, each_s, []
        if before_s is not None and each_s > WORTH * before_s:
            self._stop(self.size // 2, f"{each_s:.3g} s an image, {before_s:.3g} s by {self.size // 2}")
        elif self.size >= self.most:
            self._stop(self.size, f"{each_s:.3g} s an image")
        elif not self._has_room():
            self._stop(self.size, f"{each_s:.3g} s an image, and no memory for twice as many")
        else:
            self.size = min(2 * self.size, self.most)

    def _has_room(self) -> bool:
        """Whether memory has room for twice as many, going by what the last step took."""
        peak, free = self._memory.peak(), self._memory.free()
        if peak is None or free is None or self._peak_before is None:
            return True  # back off when it turns out that there was none
        step, self._peak_before = peak - self._peak_before, peak
        return 2 * step <= MEMORY_SHARE * free

    def _stop(self, size: int, why: str) -> None:
        self._grows, self.size = False, size
        log.info("%s in one inference from now on (%s)", f"{size} images" if size > 1 else "One image", why)


def choose(shapes: Sequence[Shape], batches: Batches) -> list[int]:
    """Choose what goes into the next inference.

    Args:
        shapes: Of the frames that wait, in their order; None of what is not to be looked at.
        batches: How many may go together.

    Returns:
        Places of the first frame and of others of its shape.
    """
    looked_at = [place for place, shape in enumerate(shapes) if shape is not None]
    alike = [place for place in looked_at if shapes[place] == shapes[looked_at[0]]]
    return alike[: batches.count(len(alike), shapes[alike[0]])] if alike else []


def is_enough(shapes: Sequence[Shape], batches: Batches) -> bool:
    """Whether nothing more is waited for: the first frame has its batch, or as many wait as may."""
    return bool(shapes) and (len(shapes) >= 2 * batches.size or shapes.count(shapes[0]) >= batches.size_of(shapes[0]))


def _read_peak() -> int | None:
    return _kib(Path("/proc/self/status"), "VmHWM:")


def _read_free() -> float | None:
    machine, group = _kib(Path("/proc/meminfo"), "MemAvailable:"), read_free_memory()
    return min((one for one in (machine, group) if one is not None), default=None)


def _kib(path: Path, name: str) -> int | None:
    """Read one line of what the kernel says, in bytes; None on systems without it."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), None)
