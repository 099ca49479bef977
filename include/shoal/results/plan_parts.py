"""What plan.json consists of: one class for each of its objects, as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shoal.contract.stored_json import checked, pick, picked, take
from shoal.tables.frozen_listing import FrozenAt


@dataclass(frozen=True)
class PlannedBy:
    """The Dag run that planned.

    Attributes:
        dag_id: Its DAG; empty when none planned.
        run_id: The run; empty when none planned.
        installation: Its Airflow; empty in plans before that was kept. Two Airflows give runs the same names.
    """

    dag_id: str
    run_id: str
    installation: str = ""


@dataclass(frozen=True)
class StoredScope:
    """What a run looked at; times as they are stored, UTC.

    Attributes:
        prefix: Keys that begin so.
        limit: No more than so many of them, None for all.
        window_start: Only images captured then or later.
        window_end: Only images captured before.
        full: Whether that is the whole dataset.
    """

    prefix: str
    limit: int | None
    window_start: str | None
    window_end: str | None
    full: bool


@dataclass(frozen=True)
class ComparedWith:
    """The run of another variant with which a run's report compares it: its key, and the folder of its variant."""

    run_key: str
    directory: str


@dataclass(frozen=True)
class StoredModel:
    """A model version: its file in the models bucket, and what that hashes to."""

    name: str
    version: str
    key: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def with_hash(self) -> str:
        """Name it so that no other file is meant."""
        return f"{self} (sha256 {self.sha256})"


@dataclass(frozen=True)
class StoredThen:
    """A second model in a row.

    Attributes:
        model: Its version.
        names: What the class ids of the rows' `reclassified` are called: its classes, then the taxa above that it may roll up to.
        first_classes: How many classes the first model has: those of the plan's names that come first.
        cited: Its licence and citation, as far as its card says them.
    """

    model: StoredModel
    names: tuple[str, ...]
    first_classes: int
    cited: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "StoredThen":
        """Read it with its model."""
        return checked(
            cls(
                pick(StoredModel, stored),
                tuple(take(stored, "names", list)),
                stored["first_classes"],
                stored.get("cited") or {},
            )
        )


@dataclass(frozen=True)
class StoredVariant:
    """Identity of a variant, and its folder."""

    sha256: str
    directory: str


@dataclass(frozen=True)
class StoredListing:
    """The frozen listing: its key, the size of the images in scope, and what lies beside them.

    Attributes:
        key: Its object in the results bucket.
        size_bytes: Of all images in scope.
        not_images: Objects with another ending.
        ignored: Images that are left out.
        ignored_by: How many each line of `source.ignore` leaves out; none in plans before it had patterns.
        videos: Videos that nobody looks at, by ending.
        unread: Photos in formats that `source.suffixes` does not name, by ending.
        below_images: Images in folders named like an image.
        listed_at: When the bucket was listed, by its store's clock; None in plans before that was asked.
        unlisted: What lies in a folder and is not listed, by why.
    """

    key: str
    size_bytes: int
    not_images: int
    ignored: int
    ignored_by: Mapping[str, int] = field(default_factory=dict)
    videos: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    below_images: int = 0
    listed_at: str | None = None
    unlisted: Mapping[str, int] = field(default_factory=dict)

    @property
    def frozen_at(self) -> FrozenAt:
        """The listing, and when it was made."""
        return FrozenAt.of(self.key, self.listed_at)


@dataclass(frozen=True)
class StoredCounts:
    """Images: listed = reused + chosen + archived + pending; plans before archives were told apart have none archived."""

    listed: int
    reused: int
    chosen: int
    pending: int
    archived: int = 0


@dataclass(frozen=True)
class StoredSilent:
    """A camera that should have sent images and did not, None for the whole dataset; when its newest one was taken."""

    camera: str | None
    newest_image: str | None


@dataclass(frozen=True)
class StoredDrift:
    """How the bucket differs from what was known of it, in images."""

    known: int
    gone: int
    settled: int
    changed: int
    copied: int
    left_out: int = 0
    lost_listing: str | None = None
    unsettled: int = 0


@dataclass(frozen=True)
class StoredApproval:
    """Whether a person has to be asked, and about how much work.

    Attributes:
        decision: A word of `models.approval.Decision`, or one of a later release.
        images: All that the variant still has to infer in the run's scope.
        cpu_hours: Hours of one core: a worker takes those that its pod asks for.
        threshold_cpu_hours: More than this is asked for; None for never.
        answered_by: Who had answered before; None when nobody had.
        answered_at: When.
        void_at: When something was said that does not count, as it was about other images; None where nothing was.
    """

    decision: str
    images: int
    cpu_hours: float
    threshold_cpu_hours: float | None
    answered_by: str | None
    answered_at: str | None
    void_at: str | None = None


@dataclass(frozen=True)
class StoredPassedOver:
    """A better version that is not used, and why."""

    version: str
    reason: str


@dataclass(frozen=True)
class StoredNode:
    """What one node takes, and the resources that forbid one more."""

    name: str
    pods: int
    binds: tuple[str, ...]


@dataclass(frozen=True)
class StoredCapacity:
    """Workers that may start, those that fit, why, and where."""

    pods: int
    fit: int
    reason: str
    nodes: tuple[StoredNode, ...]

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "StoredCapacity":
        """Read it with its nodes."""
        nodes = picked(StoredNode, stored["nodes"])
        return checked(cls(stored["pods"], stored["fit"], stored["reason"], nodes))


@dataclass(frozen=True)
class StoredRunKeys:
    """What pods log in with; nothing in plans before that was kept.

    Attributes:
        roles: For these they get a key of the run's own.
        why_not: Why they get the connection's, by role.
    """

    roles: tuple[str, ...] = ()
    why_not: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "StoredRunKeys":
        """Read it, its roles as a list."""
        return checked(cls(tuple(take(stored, "roles", list)), take(stored, "why_not", dict)))


@dataclass(frozen=True)
class StoredRate:
    """Expected seconds of one worker per image, and where the figure comes from."""

    value: float
    source: str


@dataclass(frozen=True)
class StoredShard:
    """One shard: a contiguous range of keys."""

    shard: int
    images: int
    first_key: str
    last_key: str
