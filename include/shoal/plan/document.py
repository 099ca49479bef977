"""What a run will do, decided and written down before any pod starts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from shoal.bucket.arrived import Arrived
from shoal.bucket.drift import Drift
from shoal.bucket.listing import Scope
from shoal.bucket.listing_record import Moment
from shoal.bucket.sieve import ListingCounts
from shoal.bucket.silent_cameras import Silent
from shoal.capacity.share import Capacity
from shoal.contract.job import ShardJob
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.rows import RESTORE
from shoal.contract.units import counted, utc_text
from shoal.models.approval import Approval
from shoal.models.release import ModelRelease
from shoal.models.variant import Variant
from shoal.models.versions import PassedOver
from shoal.plan.doubts import describe_doubts
from shoal.plan.planned_work import PlannedWork
from shoal.plan.run_keys import RunKeys
from shoal.results.plan_parts import ComparedWith
from shoal.settings.changed import stored_settings
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.tables.clock_table import ClockTable

KIND, ARRIVALS = "run", "arrivals"
"""What plans of this release are: runs that list and infer; the latter where events say that images arrived."""


@dataclass(frozen=True)
class Plan:
    """A run, frozen: `plan.json`.

    Attributes:
        run_key: The run.
        dag_id: DAG that planned it, empty when none did.
        run_id: Its Dag run.
        dataset: Settings as they were.
        params: What the person who started the run said.
        scope: Prefix and limit.
        variant: Model and inference settings.
        listing_key: Object of the frozen listing.
        listing: What the listing saw.
        listed_at: When the bucket was listed, and by whose clock.
        listed: Images in scope.
        reused: Listed images that are settled and not reopened.
        drift: How the bucket differs from what is known of it.
        work: What is to be inferred.
        ledgers: Ledgers counted as reused.
        parts: Parts counted as reused; this run's summary takes them into its ledger.
        job: What the workers are told.
        approval: Whether a person has to be asked first.
        selected: Whether the model is the one the dataset's own setting means now.
        passed_over: Better versions that are not used.
        silent: What should have sent images and did not; None where that was not looked for.
        archived: Unsettled images in an archive: no run can take them.
        starts_over: Whether the answer so far is of an earlier format, whose rows are not used again.
        clock: What the dataset's clock understood of the listing.
        remarks: What is odd in the listing's names and corrected times, besides the clock's table.
        credentials: Kind of login by role, nothing secret.
        login_words: Which logins may end before the run does.
        run_keys: What the pods log in with.
        nothing: Why no image is in the run's window; empty where one is.
        installation: The Airflow that planned it, empty when none did.
        compared_with: The run with which the report compares this one, see `results.compared_with`.
        arrived: Where events said that something is new; None where none started the run.
        versions: All versions of the model that have a file, the highest first; of no run's settings, and not stored.
    """

    run_key: str
    dag_id: str
    run_id: str
    dataset: Dataset
    params: RunParams
    scope: Scope
    variant: Variant
    listing_key: str
    listing: ListingCounts
    listed_at: Moment
    listed: int
    reused: int
    drift: Drift
    work: PlannedWork
    ledgers: Sequence[str]
    parts: Sequence[str]
    job: ShardJob
    approval: Approval
    selected: bool
    passed_over: Sequence[PassedOver]
    silent: Sequence[Silent] | None = None
    nothing: str = ""
    starts_over: bool = False
    archived: int = 0
    clock: ClockTable = field(default_factory=ClockTable)
    remarks: Sequence[str] = ()
    credentials: Mapping[str, str] = field(default_factory=dict)
    login_words: Sequence[str] = ()
    run_keys: RunKeys = field(default_factory=RunKeys)
    installation: str = ""
    compared_with: ComparedWith | None = None
    versions: Sequence[str] = ()
    arrived: Arrived | None = None

    @property
    def pending(self) -> int:
        """Images in scope that this run leaves to the next."""
        return self.listed - self.reused - self.archived - self.work.images

    @property
    def may_become_current(self) -> bool:
        """Whether a complete run of this plan is the dataset's answer: reanalyse, whole scope, the file's own settings."""
        return self.selected and self.params.makes_answer(self.dag_id)

    def describe(self) -> list[str]:
        """Tell the plan in a few lines."""
        release = self.variant.release
        lines = [
            *([self.nothing] if self.nothing else []),
            f"run {self.run_key}: model {self.variant.title}, variant {self.variant.sha256[:12]}",
            *([f"the model is a {release.service.describe()}"] if release.service else []),
            (
                f"listed {self.listed} images ({self.listing.size_bytes / 1e6:.1f} MB; {self.listing.not_images} other objects, "
                f"{self.listing.ignored} ignored)"
            ),
            f"reused {self.reused}, to infer {self.work.images}, left for later {self.pending}",
            *self.listing.describe(),
            *self.drift.describe(),
            *self.clock.describe(),
            *self.remarks,
            *self.login_words,
            *self.run_keys.describe(),
            *self._describe_listing(),
            *describe_doubts(self.dataset, self.variant, self.job.inference.imgsz),
            *(f"model {release.name} {passed.version} is passed over: {passed.reason}" for passed in self.passed_over),
            *self.approval.describe(),
            *(silent.describe(self.dataset) for silent in self.silent or ()),
        ]
        if self.work.capacity is None:
            return [*lines, "nothing new: no inference" if self.approval.decision.starts else "no inference"]
        return [
            *lines,
            self.work.capacity.reason,
            (
                f"{counted(len(self.work.shards), 'shard')}{self.work.why_fewer}, "
                f"{self.work.rate.seconds_per_image:.3g} s per image ({self.work.rate.source}), "
                f"about {self.work.eta_s:.0f} s"
            ),
        ]

    def _describe_listing(self) -> Iterator[str]:
        """Tell what a reader of the numbers should know of the listing."""
        if not self.listed_at.by_store:
            yield "the image store does not say what time it is: this machine's clock stands for the listing's time"
        if self.archived:
            yield f"archived {self.archived} images: {RESTORE}"
        if self.starts_over:
            yield (
                "the answer so far is of format 1: it stays readable, its rows are not used again, every image is looked at anew"
            )

    def to_json(self) -> dict[str, Any]:
        """Write `plan.json`."""
        release = self.variant.release
        return {
            "format_version": FORMAT_VERSION,
            "kind": KIND if self.arrived is None else ARRIVALS,
            "run_key": self.run_key,
            "of_run": None,
            "dag_run": {"dag_id": self.dag_id, "run_id": self.run_id, "installation": self.installation},
            **({} if self.arrived is None else {"arrived": self.arrived.to_json()}),
            "params": self.params.model_dump(mode="json"),
            "settings": stored_settings(self.dataset),
            "scope": {**self.scope.to_json(), "full": self.params.full_scope},
            "may_become_current": self.may_become_current,
            "credentials": dict(self.credentials),
            "run_keys": {"roles": list(self.run_keys.roles), "why_not": dict(self.run_keys.why_not)},
            "model": _model_json(release),
            **release.said,
            "variant": {"sha256": self.variant.sha256, "directory": self.variant.directory},
            "task": self.variant.task,
            "names": list(self.variant.names),
            **_then_json(self.variant),
            "key_points": release.key_points,
            "listing": {
                "key": self.listing_key,
                "listed_at": utc_text(self.listed_at.at),
                "size_bytes": self.listing.size_bytes,
                **self.listing.left_out(),
            },
            "counts": {
                "listed": self.listed,
                "reused": self.reused,
                "chosen": self.work.images,
                "archived": self.archived,
                "pending": self.pending,
            },
            "clock": self.clock.to_json(),
            "remarks": list(self.remarks),
            "silent": None if self.silent is None else [silent.to_json() for silent in self.silent],
            "drift": self.drift.to_json(),
            "approval": self.approval.to_json(),
            "passed_over": [{"version": passed.version, "reason": passed.reason} for passed in self.passed_over],
            "capacity": None if self.work.capacity is None else _capacity_json(self.work.capacity),
            "seconds_per_image": self.work.rate.to_json(),
            "eta_s": round(self.work.eta_s, 3),
            "shards": [
                {"shard": s.shard, "images": s.images, "first_key": s.first_key, "last_key": s.last_key}
                for s in self.work.shards
            ],
            "ledgers": list(self.ledgers),
            "parts": list(self.parts),
            "compared_with": None if self.compared_with is None else asdict(self.compared_with),
            "job": self.job.to_json(),
        }


def _model_json(release: ModelRelease) -> dict[str, Any]:
    return {"name": release.name, "version": release.version, "key": release.key, "sha256": release.sha256}


def _then_json(variant: Variant) -> dict[str, Any]:
    """Tell of a second model in a row, and what its class ids in the rows are called; nothing where there is none."""
    if variant.then is None:
        return {}
    told = {"names": list(variant.then_names), "first_classes": len(variant.release.info.names)}
    cited = {"cited": dict(variant.then.cited)} if variant.then.cited else {}
    return {"then": {**_model_json(variant.then), **told, **cited}}


def _capacity_json(capacity: Capacity) -> dict[str, Any]:
    nodes = [{"name": node.name, "pods": node.pods, "binds": list(node.binds)} for node in capacity.nodes]
    return {"pods": capacity.pods, "fit": capacity.fit, "reason": capacity.reason, "nodes": nodes}
