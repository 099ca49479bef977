"""What lists of runs say of each: a few words of its plan and its summary."""

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shoal.contract.errors import ContractError
from shoal.contract.layout import DatasetLayout
from shoal.contract.run_names import CHECK_DAG_ID, dataset_of, is_continuation, reanalyse_dag_id
from shoal.plan.document import ARRIVALS
from shoal.results.plan_parts import StoredScope
from shoal.results.read_plan import find_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import find_summary
from shoal.stores.object_store import ObjectStore

AT_ONCE = 8
"""Runs that are read at once."""

MOST_LATER = 50
"""Runs after one of which it is looked whether they go on with it."""


@dataclass(frozen=True)
class RunDigest:
    """One run in a line.

    Attributes:
        run_key: The run.
        variant: Folder of its variant.
        state: `complete`, `incomplete`, `no summary`, `plan only`, `no plan`, or `unreadable`.
        trouble: Why it cannot be read.
        model: Name and version of its model.
        dag_id: The DAG that planned it.
        run_id: Its run.
        started: How it was started, in words.
        full: Whether it looked at the whole dataset.
        scope: What it looked at; None where that cannot be read.
        counts_again: Whether it counts the images of another run.
        month: Month of capture time that it looked at, in UTC; None where that was no whole month.
        listed: Images listed.
        examined: Images with a result; None without a summary.
        failed: Of these, images that cannot be used.
    """

    run_key: str
    variant: str
    state: str
    trouble: str = ""
    model: str = ""
    dag_id: str = ""
    run_id: str = ""
    started: str = ""
    full: bool = True
    scope: StoredScope | None = None
    counts_again: bool = False
    month: str | None = None
    listed: int | None = None
    examined: int | None = None
    failed: int | None = None

    @property
    def is_aside(self) -> bool:
        """Whether it is the sample of a `check`, which goes on with nothing."""
        return self.dag_id == CHECK_DAG_ID

    @property
    def is_over(self) -> bool:
        """Whether nothing of it changes any more, but for what a person does."""
        return self.state in {"complete", "plan only"}


def digest(results: ObjectStore, layout: DatasetLayout, run_key: str, variant: str) -> RunDigest:
    """Read a run's line; what cannot be read is told in it.

    Raises:
        StoreError: The store does not answer.
    """
    run = layout.variant(variant).run(run_key)
    try:
        plan = find_plan(results, run.plan)
        if plan is None:
            return RunDigest(run_key, variant, "no plan")
        summary = find_summary(results, run.summary)
    except ContractError as err:
        return RunDigest(run_key, variant, "unreadable", trouble=str(err))
    if summary is not None:
        state = "complete" if summary.complete else "incomplete"
    else:
        state = "plan only" if plan.plan_only else "no summary"
    return RunDigest(
        run_key, variant, state,
        model=plan.models, dag_id=plan.dag_run.dag_id, run_id=plan.dag_run.run_id, started=tell_start(plan),
        full=plan.scope.full, scope=plan.scope, month=_month(plan), listed=plan.counts.listed,
        counts_again=plan.of_run is not None,
        examined=summary.examined if summary else None, failed=summary.balance["failed"] if summary else None,
    )  # fmt: skip


def digest_all(runs: Mapping[str, str], read: Callable[[str, str], RunDigest]) -> list[RunDigest]:
    """Read the lines of runs, several at once, in the order given."""
    if not runs:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(runs)), "runs") as readers:
        return list(readers.map(lambda run: read(*run), runs.items()))


def find_later(
    run_key: str,
    variant: str,
    scope: StoredScope,
    runs: Mapping[str, str | None],
    read: Callable[[str, str], RunDigest],
) -> str | None:
    """Find the next run that goes on with what a run left, as far as a few looks tell: of its variant, over its scope or all.

    Args:
        run_key: The run.
        variant: Folder of its variant.
        scope: What it looked at.
        runs: The dataset's runs, the variant's folder by run_key.
        read: Reads a run's line by run_key and variant, or knows it.
    """
    for other in sorted(one for one in runs if one > run_key and runs[one] == variant)[:MOST_LATER]:
        found = read(other, variant)
        infers = found.state in {"complete", "incomplete", "no summary"} and not (found.is_aside or found.counts_again)
        if infers and found.scope is not None and (found.scope.full or found.scope == scope):
            return other
    return None


def tell_start(plan: StoredPlan) -> str:
    """Tell how a run was started, as the names of Dag runs say it."""
    dag_id, run_id = plan.dag_run.dag_id, plan.dag_run.run_id
    if dag_id == CHECK_DAG_ID:
        return "by check"
    if is_continuation(run_id):
        return "goes on with an earlier run"
    if plan.kind == ARRIVALS:
        return "by new images"
    for beginning, words in _STARTS.items():
        if run_id.startswith(beginning):
            return words
    return "by hand" if dag_id else "by a command"


_STARTS = {
    "scheduled__": "by the schedule",
    "backfill__": "by a backfill",
    "asset_triggered__": "by a new model version",
    "manual__": "by hand",
}
"""How Airflow begins the names of Dag runs."""


_FIRST_OF_MONTH = re.compile(r"(?P<month>(?P<years>[0-9]{4})-(?P<months>[0-9]{2}))-01T00:00:00Z")


def _month(plan: StoredPlan) -> str | None:
    """Name the month that a run looked at, as backfills do: all of it, and no day more."""
    scope = plan.scope
    start, end = (_FIRST_OF_MONTH.fullmatch(moment or "") for moment in (scope.window_start, scope.window_end))
    if start is None or end is None or scope.limit is not None or plan.params_json.get("prefix"):
        return None
    first, last = (12 * int(moment["years"]) + int(moment["months"]) for moment in (start, end))
    return start["month"] if last == first + 1 else None


def newest_by_month(digests: Iterable[RunDigest]) -> dict[str, RunDigest]:
    """Choose the newest run of each month of capture time, the newest month first."""
    found: dict[str, RunDigest] = {}
    for one in sorted(digests, key=lambda one: one.run_key):
        if one.month is not None:
            found[one.month] = one
    return dict(sorted(found.items(), reverse=True))


def own_dag_id(one: RunDigest, dataset: str) -> str:
    """Name the DAG under which a run's pages are found: its own, or the dataset's where that is none."""
    return one.dag_id if dataset_of(one.dag_id) == dataset else reanalyse_dag_id(dataset)
