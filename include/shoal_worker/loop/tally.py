"""What a shard has done so far, and the sentences that say it."""

from collections import Counter
from dataclasses import dataclass, field

from shoal.contract.rows import NO_IMAGES, Status
from shoal_worker.rows.parts import Row


@dataclass
class Tally:
    """Counts of one shard's images.

    Attributes:
        shard: Number of the shard.
        total: Images in its manifest.
        statuses: Rows per status.
        no_images: Failed ones that are no images at all.
        unreached: Images without a row because the infrastructure failed.
    """

    shard: int
    total: int
    statuses: Counter[Status] = field(default_factory=Counter)
    no_images: int = 0
    unreached: int = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        self.statuses[row.status] += 1
        self.no_images += row.reason in NO_IMAGES

    @property
    def rows(self) -> int:
        """Images that have a row."""
        return self.statuses.total()

    @property
    def failed(self) -> int:
        """Images whose bytes cannot be used; what is no image at all is not counted."""
        return self.statuses[Status.FAILED] - self.no_images

    @property
    def tried(self) -> int:
        """Images whose bytes were examined, whatever came out."""
        return self.failed + self.statuses[Status.PROCESSED]

    def progress(self, seconds: float, budget_left_s: float) -> str:
        """Say how far it is: `shard 3: 400/1200 images, 8.1 images/s, ETA 99 s`."""
        rate = self.rows / seconds
        left = self.total - self.rows - self.unreached
        eta = f"ETA {min(left / rate, max(budget_left_s, 0.0)):.0f} s" if rate else "ETA unknown"
        return f"shard {self.shard}: {self.rows}/{self.total} images, {rate:.1f} images/s, {eta}"

    def story(self, seconds: float) -> str:
        """Say how it ended; `open` images have no row."""
        counts = ", ".join(f"{self.statuses[status]} {status}" for status in Status)
        rate = self.rows / seconds if seconds else 0.0
        return (
            f"shard {self.shard}: {self.rows} images in {seconds:.0f} s ({rate:.1f} images/s): "
            f"{counts}, {self.total - self.rows} open"
        )
