"""What a dataset file contributes to its DAG besides the tasks: name, schedule, limits, documentation."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

from shoal.airflow.alerts import TellRunFailed, deadline_alert
from shoal.airflow.bundled import ORPHANED
from shoal.airflow.dag_docs import backfill_doc, backfill_line, reanalyse_doc, reanalyse_line
from shoal.airflow.form import MORE_BY_MONTH, run_form
from shoal.airflow.monthly_windows import MonthlyWindows
from shoal.airflow.schedule import reanalyse_schedule
from shoal.contract.errors import ConfigError, shown
from shoal.contract.run_names import backfill_dag_id, broken_dag_id, reanalyse_dag_id
from shoal.settings.dataset import Dataset

REANALYSE_PRIORITY, BACKFILL_PRIORITY = 2, 1
"""Where task slots are short, nightly runs go before backfills."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Earlier capture times are taken for clocks that were never set; see include/shoal/tables/sql/clock.sql."""


class MakeDag(Protocol):
    """Makes a DAG of a dataset without its tasks, with the model versions that its form proposes."""

    def __call__(self, dataset: Dataset, versions: Sequence[str] = ()) -> DAG:
        """Make it."""
        ...


def reanalyse_dag(dataset: Dataset, versions: Sequence[str] = ()) -> DAG:
    """Make the DAG that brings a dataset's answer up to date, without its tasks."""
    return DAG(
        dag_id=reanalyse_dag_id(dataset.name),
        description=reanalyse_line(dataset),
        doc_md=reanalyse_doc(dataset),
        schedule=reanalyse_schedule(dataset),
        **_common(dataset, REANALYSE_PRIORITY, versions),
    )


def backfill_dag(dataset: Dataset, versions: Sequence[str] = ()) -> DAG:
    """Make the DAG for Airflow's backfill: one run per month of capture time; nothing starts it by itself."""
    return DAG(
        dag_id=backfill_dag_id(dataset.name),
        description=backfill_line(dataset),
        doc_md=backfill_doc(dataset),
        schedule=MonthlyWindows(),
        start_date=EARLIEST,
        # Nothing starts by itself; a run that goes on here must not wait for somebody to unpause it.
        is_paused_upon_creation=False,
        **_common(dataset, BACKFILL_PRIORITY, versions, MORE_BY_MONTH),
    )


def _common(
    dataset: Dataset, priority: int, versions: Sequence[str], more: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    return {
        "catchup": False,
        # Two runs of one DAG would look for the same new images.
        "max_active_runs": 1,
        "params": run_form(more, versions),
        "deadline": deadline_alert(dataset),
        "on_failure_callback": TellRunFailed(dataset) if dataset.alerts.reach_somebody else None,
        "default_args": {
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "priority_weight": priority,
            "weight_rule": "absolute",
        },
        "render_template_as_native_obj": True,
        "tags": ["shoal", dataset.name, f"model {dataset.model.name}"],
    }


BROKEN = "broken dataset file"
"""Tag of the DAG that stands in for one."""

LONGEST_NAME = 160
"""Characters of a DAG's name in lists."""

PATIENT: Mapping[str, Any] = MappingProxyType(
    {"retries": 6, "retry_exponential_backoff": 2.0, "max_retry_delay": timedelta(minutes=10)}
)
"""Of tasks that are alone in their run: a store or an API server that is away for a quarter of an hour costs no night. What no
attempt can mend is not tried again whatever stands here, see `operators.translate`."""

SHARD_LABEL = "{{ task.shard.get('label', 'shard ' ~ task.shard['shard']) }}"
"""A plan written by an earlier release carries no label."""


def shard_settings(dataset: Dataset) -> dict[str, Any]:
    """Make the settings of `infer` that Airflow itself looks at: its slots, and how its shards are labelled.

    Only shards wait in the dataset's pool. Plan and summary are short, and a plan that waited behind shards could not say
    that there is nothing to do.
    """
    pool = {"pool": dataset.run.pool} if dataset.run.pool else {}
    return {"map_index_template": SHARD_LABEL, **pool}


def orphaned_dag(make: MakeDag, dataset: Dataset, why: str) -> DAG:
    """Make the DAG of a dataset whose file is not there any more, for the runs that are: nothing starts it by itself.

    Args:
        make: Makes the DAG while there is a file.
        dataset: What is stored of its settings.
        why: Says where the file was looked for.
    """
    asleep = {
        "run": dataset.run.model_copy(update={"schedule": None}),
        "model": dataset.model.model_copy(update={"watch": False}),
        "source": dataset.source.model_copy(update={"events": False}),
    }
    dag = make(dataset.model_copy(update=asleep))
    dag.tags.add(ORPHANED)
    dag.description = shown(why)
    dag.doc_md = f"### The dataset file is gone\n\n{_fenced(why)}\n\n{dag.doc_md}"
    return dag


def broken_dag(name: str, error: ConfigError) -> DAG:
    """Stand in for a dataset file that cannot be used: shows the error, and fails with it when run.

    Airflow's own import errors are per Python file, and one file builds all DAGs: this way a broken file breaks only itself.
    """
    message = str(error)
    first = shown(message.split("\n", 1)[0])
    with DAG(
        dag_id=broken_dag_id(name),
        # The list of DAGs shows nothing but this and the tags.
        dag_display_name=shown(f"\N{WARNING SIGN} {first}", LONGEST_NAME),
        description=first[:300],
        doc_md=f"### This dataset file cannot be used\n\n{_fenced(message)}\n\nMend it: `python -m shoal check {name}` "
        "tells when it is right, and this DAG then gives way to the dataset's own.",
        schedule=None,
        tags=["shoal", BROKEN],
    ) as dag:

        @task(task_id="dataset_file", retries=0)
        def show_error() -> None:
            raise AirflowFailException(message)

        show_error()
    return dag


def _fenced(text: str) -> str:
    """Show a text as it is in Markdown: what a file holds may itself look like the end of a block."""
    return "```\n" + text.replace("```", "`\u200b``") + "\n```"
