"""The answer of a dataset, and what comes into its images, as assets of Airflow's: DAGs of anybody's may be scheduled on them.

An outlet would have an event of every success, also of a trial that leaves the answer as it is. So the task has an alias, and
adds the asset to it where its run became the answer.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, AssetWatcher, Context

from shoal.airflow.triggers.arrivals import ArrivalsTrigger
from shoal.contract.run_names import dataset_of, may_move_answer
from shoal.settings.dataset import Dataset

if TYPE_CHECKING:
    from shoal.summary.summarized_run import SummarizedRun


def answer_asset(dataset: str) -> Asset:
    """Name a dataset's answer; name and URI are one, so that `Asset("shoal://reef/answer")` is the same."""
    return Asset(f"shoal://{dataset}/answer")


def arrivals_asset(dataset: Dataset) -> Asset:
    """Name what comes into a dataset's images, and watch for it; name and URI are one."""
    uri = arrivals_uri(dataset.name)
    trigger = ArrivalsTrigger(dataset.name, dataset.source.model_dump(mode="json"))
    return Asset(uri, watchers=[AssetWatcher(name=f"arrivals of {dataset.name}", trigger=trigger)])


def arrivals_uri(dataset: str) -> str:
    """Name the asset whose events say in which folders of a dataset something is new."""
    return f"shoal://{dataset}/arrivals"


def answer_outlets(dag_id: str) -> list[AssetAlias]:
    """Give what `summarize` of a DAG may tell of; none where no run of it can become an answer."""
    dataset = dataset_of(dag_id)
    return [AssetAlias(f"answer of {dataset}")] if dataset is not None and may_move_answer(dag_id) else []


def emit_answer(context: Context, dataset: str, outlets: list[Any], extra: Mapping[str, Any]) -> None:
    """Let the task's success be an event of the answer; Airflow keeps it with the task's end, in one transaction."""
    for alias in outlets:
        if isinstance(alias, AssetAlias):
            context["outlet_events"][alias].add(answer_asset(dataset), extra=dict(extra))


def describe_answer(done: "SummarizedRun", summary_uri: str) -> dict[str, Any]:
    """Write what an event of the answer says: enough to find it, and to know whether anything is new.

    Args:
        done: A run that is the answer.
        summary_uri: Where its summary.json lies.
    """
    stored, then = done.stored, done.stored.then
    return {
        "run_key": stored.run_key,
        "result_sha256": stored.result_sha256,
        "model": {"name": stored.model.name, "version": stored.model.version},
        **({} if then is None else {"then": {"name": then.name, "version": then.version}}),
        "images": stored.examined,
        "listed_at": stored.run["listing"]["listed_at"],
        "summary": summary_uri,
        "changed": is_news(done),
    }


def is_news(done: "SummarizedRun") -> bool:
    """Whether the answer may say what the event before did not.

    Only where another run's answer had the same result is it surely the same. What this very run published before may have had
    no event, its task being killed; what a count of its images published may have come from the command line, which has none.
    """
    before, stored = done.move.before, done.stored
    return (
        before is None
        or before["result_sha256"] != stored.result_sha256
        or before["run_key"] == stored.run_key
        or before.get("published_at") is not None
    )
