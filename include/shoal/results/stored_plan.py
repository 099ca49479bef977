"""plan.json as every reader takes it: parsed once, with what earlier releases did not write yet filled in here.

Its writer is `plan.document`. Settings and params are checked when somebody asks for them: whoever reads a hundred plans to
find one run pays for none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from shoal.contract.damaged_objects import DAMAGED_PLAN
from shoal.contract.errors import ContractError, one_line
from shoal.contract.job import ShardJob
from shoal.contract.service import Service
from shoal.contract.stored_json import checked, pick, picked, reading, take
from shoal.contract.tasks.detect import DETECT
from shoal.results.plan_parts import (
    ComparedWith,
    PlannedBy,
    StoredApproval,
    StoredCapacity,
    StoredCounts,
    StoredDrift,
    StoredListing,
    StoredModel,
    StoredPassedOver,
    StoredRate,
    StoredRunKeys,
    StoredScope,
    StoredShard,
    StoredSilent,
    StoredThen,
    StoredVariant,
)
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.tables.clock_table import ClockTable


@dataclass(frozen=True)
class StoredPlan:
    """A run as it was planned; `plan.document.Plan` says more of each field.

    Attributes:
        json: The object as it is stored.
        kind: `run`, as in plans before that was kept, `resummary`, or a word of a later release.
        run_key: The run.
        of_run: Of a resummary the run whose images, rows and first balance it has; None of any other.
        dag_run: Who planned it.
        params_json: What the person who started the run said, see `params`.
        settings_json: The dataset file as it was, see `settings`.
        scope: What it looked at.
        may_become_current: Whether the run, once complete, may become the dataset's answer.
        model: The model version.
        variant: The variant.
        task: What the model is for, one of `contract.tasks`, or a word of a later release; `detect` in plans before it was kept.
        names: Class names by class_id: those of the model, then those that only a second one in a row has.
        listing: The frozen listing.
        counts: What becomes of the listed images.
        clock: What the clock understood of the listing; None in plans before that was kept.
        remarks: What deployments made of the listing's times, and what is odd in its names; empty in plans before that was kept.
        credentials: Kind of login by role; empty in plans before that was kept.
        run_keys: What pods log in with.
        silent: Who stopped sending; None where that was not looked for, as in plans before it was.
        drift: None in plans before it was counted.
        approval: None in plans before anybody was asked.
        passed_over: Better versions that were not used.
        capacity: What fits; None when nothing was to be inferred.
        seconds_per_image: Expected speed.
        eta_s: Expected seconds of inference.
        shards: What each worker was given.
        ledgers: Ledgers counted as reused.
        parts: Parts counted as reused.
        compared_with: The run with which the report compares this one; None in plans before that was kept, too.
        key_points: Key points that the model says to give each box; None where it says nothing of any, and in plans before that
            was kept.
        cited: Licence and citation of the model, as far as its card says them.
        drops_below: Score below which the model's file drops boxes itself; None where it drops none that would be stored.
        then: The second model in a row; None where there is none.
    """

    json: Mapping[str, Any] = field(repr=False, compare=False)
    kind: str
    run_key: str
    of_run: str | None
    dag_run: PlannedBy
    params_json: Mapping[str, Any]
    settings_json: Mapping[str, Any]
    scope: StoredScope
    may_become_current: bool
    model: StoredModel
    variant: StoredVariant
    task: str
    names: tuple[str, ...]
    listing: StoredListing
    counts: StoredCounts
    clock: ClockTable | None
    remarks: tuple[str, ...]
    credentials: Mapping[str, str]
    run_keys: StoredRunKeys
    silent: tuple[StoredSilent, ...] | None
    drift: StoredDrift | None
    approval: StoredApproval | None
    passed_over: tuple[StoredPassedOver, ...]
    capacity: StoredCapacity | None
    seconds_per_image: StoredRate
    eta_s: float
    shards: tuple[StoredShard, ...]
    ledgers: tuple[str, ...]
    parts: tuple[str, ...]
    compared_with: ComparedWith | None = None
    key_points: int | None = None
    cited: Mapping[str, str] = field(default_factory=dict)
    drops_below: float | None = None
    then: StoredThen | None = None

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "StoredPlan":
        """Read a plan of this release or an earlier one; what a later one added is passed over.

        Raises:
            ContractError: A field is missing or is no such thing.
        """
        with reading(f"plan.json of run {stored.get('run_key')}", DAMAGED_PLAN):
            clock, silent, drift, approval = (stored.get(name) for name in ("clock", "silent", "drift", "approval"))
            capacity, compared_with, then = stored["capacity"], stored.get("compared_with"), stored.get("then")
            take(stored["params"], "plan_only", bool)
            take(stored["settings"], "name", str)
            take(stored["settings"], "source", dict)
            return checked(
                cls(
                    json=stored,
                    kind=stored.get("kind", "run"),
                    run_key=stored["run_key"],
                    of_run=stored.get("of_run"),
                    dag_run=pick(PlannedBy, stored["dag_run"]),
                    params_json=stored["params"],
                    settings_json=stored["settings"],
                    scope=pick(StoredScope, stored["scope"]),
                    may_become_current=stored["may_become_current"],
                    model=pick(StoredModel, stored["model"]),
                    variant=pick(StoredVariant, stored["variant"]),
                    task=stored.get("task", DETECT.name),
                    names=tuple(take(stored, "names", list)),
                    listing=pick(StoredListing, stored["listing"]),
                    counts=pick(StoredCounts, stored["counts"]),
                    clock=ClockTable.parse(clock) if clock else None,
                    remarks=tuple(stored.get("remarks") or ()),
                    credentials=stored.get("credentials") or {},
                    run_keys=StoredRunKeys.parse(keys) if (keys := stored.get("run_keys")) else StoredRunKeys(),
                    silent=None if silent is None else picked(StoredSilent, silent),
                    drift=pick(StoredDrift, drift) if drift else None,
                    approval=pick(StoredApproval, approval) if approval else None,
                    passed_over=picked(StoredPassedOver, stored.get("passed_over") or ()),
                    capacity=StoredCapacity.parse(capacity) if capacity is not None else None,
                    seconds_per_image=pick(StoredRate, stored["seconds_per_image"]),
                    eta_s=stored["eta_s"],
                    shards=picked(StoredShard, stored["shards"]),
                    ledgers=tuple(take(stored, "ledgers", list)),
                    parts=tuple(take(stored, "parts", list)),
                    compared_with=pick(ComparedWith, compared_with) if compared_with else None,
                    key_points=stored.get("key_points"),
                    cited=stored.get("cited") or {},
                    drops_below=stored.get("drops_below"),
                    then=StoredThen.parse(then) if then else None,
                )
            )

    @property
    def format_version(self) -> int:
        """In which format the run was planned, and all of its variant's rows are stored."""
        return int(self.json["format_version"])

    @property
    def rows_run(self) -> str:
        """The run that looked at the images: whose manifest, parts and rows are this one's own."""
        return self.run_key if self.of_run is None else self.of_run

    @property
    def root(self) -> str:
        """Key prefix of everything of the dataset."""
        return self.listing.key[: self.listing.key.rfind("listings/")]

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.settings_json["name"])

    @property
    def models(self) -> str:
        """Name what looked at the images for people."""
        return str(self.model) if self.then is None else f"{self.model}, then {self.then.model}"

    @property
    def models_with_hash(self) -> str:
        """Name it so that no other files are meant."""
        first = self.model.with_hash
        return first if self.then is None else f"{first}, then {self.then.model.with_hash}"

    @property
    def plan_only(self) -> bool:
        """Whether the run was to write its plan and no more."""
        return bool(self.params_json["plan_only"])

    @property
    def question(self) -> StoredApproval:
        """What a person is asked about.

        Raises:
            ContractError: The plan is of a release that asked nobody.
        """
        if self.approval is None:
            raise ContractError(f"plan.json of run {self.run_key} has no approval to ask for - start a new run")
        return self.approval

    @cached_property
    def settings(self) -> Dataset:
        """The dataset's settings as they were; fields of a later release are ignored, as after a rollback.

        Raises:
            ContractError: They are not valid; a later release wrote them.
        """
        try:
            return Dataset.model_validate(self.settings_json, extra="ignore")
        except ValidationError as err:
            first = err.errors()[0]
            where = ".".join(("settings", *map(str, first["loc"])))
            raise ContractError(
                f"plan.json of run {self.run_key} cannot be read ({where}: {first['msg']}) - upgrade Shoal"
            ) from err

    @cached_property
    def params(self) -> RunParams:
        """What the person who started the run said.

        Raises:
            ConfigError: It is not valid.
        """
        return RunParams.parse(dict(self.params_json))

    @cached_property
    def job(self) -> ShardJob:
        """What the workers were told.

        Raises:
            ContractError: It is not valid.
        """
        return ShardJob.from_plan(self.json)

    @property
    def budget_s(self) -> float | None:
        """Seconds after its own start at which a worker begins no further image; None where the plan does not say so."""
        said = (self.json.get("job") or {}).get("budget_s")
        return float(said) if isinstance(said, int | float) and not isinstance(said, bool) and said > 0 else None

    @cached_property
    def service(self) -> Service | None:
        """Somebody's own program that is the model; None where that is a file.

        Raises:
            ContractError: It is not valid.
        """
        stored = (self.json.get("job") or {}).get("service")
        with reading(f"plan.json of run {self.run_key}", DAMAGED_PLAN):
            return None if stored is None else Service.from_json(stored)

    @property
    def inference_json(self) -> Mapping[str, Any]:
        """How its workers look, as the worker that reads it knows it.

        Raises:
            ContractError: The plan does not say it.
        """
        with reading(f"plan.json of run {self.run_key}", DAMAGED_PLAN):
            return take(self.json["job"], "inference", dict)

    @property
    def stored_conf(self) -> float:
        """The lowest score that its workers store, also of a plan that none of today's would continue."""
        return float(self.json["job"]["inference"]["stored_conf"])

    @property
    def least_score(self) -> float:
        """The lowest score that a box of its answer can have: of what the model's file drops nothing is stored."""
        return max(self.stored_conf, self.drops_below or 0.0)

    @property
    def cite_model(self) -> str:
        """Say in a few words how the model is cited, and its licence; empty where its card says neither."""
        return "; ".join(filter(None, [self.cite_first, self.cite_then]))

    @property
    def cite_first(self) -> str:
        """Likewise of the model that looks at images."""
        return _cite("the model", self.cited)

    @property
    def cite_then(self) -> str:
        """Likewise of the second one in a row; empty where there is none."""
        return "" if self.then is None else _cite("the second model", self.then.cited)

    def copied(self, *names: str) -> dict[str, Any]:
        """Copy fields as they are stored, for an object that repeats them word for word."""
        return {name: self.json[name] for name in names}


def _cite(model: str, cited: Mapping[str, str]) -> str:
    words = {"citation": f"cite {model} as: ", "licence": f"licence of {model}: "}
    return "; ".join(said + one_line(cited[name]) for name, said in words.items() if name in cited)
