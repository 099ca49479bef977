"""The run that the tasks after `plan` belong to: its settings as the plan froze them, and where they lie.

A dataset file may be edited, renamed or removed while a run is in flight. What the run needs of it stands in its plan.json;
where that lies, what it hashes to, and where the run works stands in the XCom of `plan`. Workers hold a key that may write where
plan.json lies, and its settings name connections and pods: one that is not as it was planned is refused.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.airflow.engine_of import engine_of
from shoal.contract.errors import ContractError
from shoal.contract.hashing import canonical_sha256
from shoal.engines.engine import Engine
from shoal.results.stored_plan import StoredPlan
from shoal.settings.changed import tell_changes
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.settings.results_place import ResultsPlace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrozenRun:
    """A planned run.

    Attributes:
        dataset: The settings it was planned with; who is told stands in the dataset file of now.
        plan: Its plan.json.
        stores: Its buckets.
        changed: What the dataset file says otherwise now; empty where it says the same.
    """

    dataset: Dataset
    plan: StoredPlan
    stores: Stores
    changed: str


def where_it_lies(dataset: Dataset, plan_json: Mapping[str, Any]) -> dict[str, Any]:
    """Say in an XCom where a run's plan lies, and what it hashes to."""
    return {"results": str(ResultsPlace.of(dataset)), "plan_sha256": canonical_sha256(plan_json)}


def where_it_works(dataset: Dataset) -> dict[str, str]:
    """Say where a run's workers are."""
    return {name: getattr(dataset.cluster, name) for name in ("kind", "conn_id", "namespace")}


def frozen_run(now: Mapping[str, Any], run: Mapping[str, Any]) -> FrozenRun:
    """Read what a run's plan froze, and say in the log what has changed since.

    Args:
        now: The dataset file's settings, as operators have them.
        run: What `plan` said of the run; one of an earlier release did not say so much, and goes by the file.

    Raises:
        ConfigError: A connection that the plan names is not there any more.
        ContractError: The plan is not there, not what its format promises, or not as it was planned.
        StoreError: The results bucket does not answer.
    """
    from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - see the package's docstring
    from shoal.results.read_plan import read_plan  # noqa: PLC0415
    from shoal.stores.kinds import open_store  # noqa: PLC0415

    file = Dataset.model_validate(now)
    place = ResultsPlace.parse(run["results"]) if run.get("results") else ResultsPlace.of(file)
    key = place.layout.variant(run["variant"]).run(run["run_key"]).plan
    plan = read_plan(open_store(read_access(place.conn_id), place.bucket), key)
    if "plan_sha256" not in run:
        return FrozenRun(file, plan, open_stores(file, read_access), "")
    if canonical_sha256(plan.json) != run["plan_sha256"]:
        raise ContractError(
            f"{key} is not as it was planned: somebody changed it - start a new run, and see who may write there"
        )
    dataset = place.hold(plan.settings).model_copy(update={"alerts": file.alerts})
    changed = tell_changes(dataset, file)
    if changed:
        log.info("%s; the run goes on as planned", changed)
    return FrozenRun(dataset, plan, open_stores(dataset, read_access), changed)


def engine_of_run(now: Mapping[str, Any], cluster: Mapping[str, Any] | None) -> Engine:
    """Open the engine in which a run has its workers, so that they are ended where they are.

    Args:
        now: The dataset file's settings, as operators have them.
        cluster: What `where_it_works` said; None in runs of an earlier release.
    """
    # A later release may have written settings down that this one does not know.
    return engine_of(working_in(Dataset.model_validate(now, extra="ignore"), cluster))


def working_in(dataset: Dataset, cluster: Mapping[str, Any] | None) -> Dataset:
    """Let a dataset's workers run where they were; the other settings stay, valid or not for that place."""
    return dataset.model_copy(update={"cluster": dataset.cluster.model_copy(update=dict(cluster or {}))})
