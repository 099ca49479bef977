"""What of a run is to be inferred: its shards, on what room, and how long they are expected to take."""

from dataclasses import dataclass
from math import ceil, floor
from os.path import commonprefix

from shoal.capacity.share import Capacity
from shoal.contract.errors import shown
from shoal.models.approval import Rate

WORTH_A_POD_S = 30.0
"""A shard of less expected work than this costs more to start than to run."""

LABEL_KEY = 32
"""Most characters of a key that the label of a shard shows."""


def images_in_budget(pods: int, budget_s: float, seconds_per_image: float) -> int:
    """Count the images `pods` workers can do in one time box."""
    return max(1, floor(pods * budget_s / seconds_per_image))


def shard_count(images: int, pods: int, seconds_per_image: float, max_shards: int) -> int:
    """Decide how many shards: one per pod, fewer when a shard would not be worth a pod's start.

    Args:
        images: Images to infer.
        pods: Pods that may start.
        seconds_per_image: Expected seconds of one worker per image.
        max_shards: Airflow's max_map_length.
    """
    worth = ceil(images * seconds_per_image / WORTH_A_POD_S)
    return min(images, pods, max_shards, max(1, worth))


UNMEASURED = Rate(1.0, "assumed")
"""Until the variant has rows of its own."""


@dataclass(frozen=True)
class PlannedShard:
    """One shard: a contiguous range of keys, balanced by expected seconds."""

    shard: int
    images: int
    first_key: str
    last_key: str

    @property
    def label(self) -> str:
        """Name the shard for people, never longer than 100 characters: its number, and where its images begin and end."""
        # Keys are not paths: what counts is what they share as text.
        shared = commonprefix([self.first_key, self.last_key]).rpartition("/")[0]  # noqa: RUF071
        first, last = (_shorten(shown(key[len(shared) :].removeprefix("/"))) for key in (self.first_key, self.last_key))
        return f"shard {self.shard}: {first}" + (f" to {last}" if last != first else "")


def _shorten(key: str) -> str:
    """Keep both ends of a long key: cameras stand in front, times often at the end."""
    return key if len(key) <= LABEL_KEY else f"{key[: LABEL_KEY // 2 - 1]}…{key[-LABEL_KEY // 2 :]}"


@dataclass(frozen=True)
class PlannedWork:
    """What is to be inferred, and on what room.

    Attributes:
        capacity: What fits; None when nothing is to be inferred.
        rate: Expected speed.
        shards: The manifest's shards.
    """

    capacity: Capacity | None
    rate: Rate
    shards: tuple[PlannedShard, ...]

    @property
    def images(self) -> int:
        """Images in the manifest."""
        return sum(shard.images for shard in self.shards)

    @property
    def why_fewer(self) -> str:
        """Say why there are fewer shards than workers that fit; empty where there are not."""
        pods, shards = self.capacity.pods if self.capacity else 0, len(self.shards)
        if shards >= pods:
            return ""
        if shards == self.images:
            return f" of one image (though {pods} workers fit)"
        if shards >= ceil(self.images * self.rate.seconds_per_image / WORTH_A_POD_S):
            return f" (though {pods} workers fit: so little work that another one's start would cost more)"
        return f" (though {pods} workers fit: Airflow maps no more, see core.max_map_length)"

    @property
    def eta_s(self) -> float:
        """Expected seconds of inference: that of the largest shard."""
        return max((shard.images for shard in self.shards), default=0) * self.rate.seconds_per_image
