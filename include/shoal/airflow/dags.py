"""Every dataset file becomes two DAGs: the tasks and their order, and nothing else; a file that is gone, those its runs need."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, TriggerRule, get_parsing_context
from pydantic import ValidationError

from shoal.airflow.assets import answer_outlets
from shoal.airflow.bundled import SHARDS, DatasetFolder
from shoal.airflow.dag_parts import (
    PATIENT,
    backfill_dag,
    broken_dag,
    orphaned_dag,
    reanalyse_dag,
    shard_settings,
)
from shoal.airflow.model_versions import known_versions
from shoal.airflow.notifiers import need_notifiers
from shoal.airflow.open_runs import OpenRun, list_open_runs
from shoal.airflow.operators.approve import ApproveOperator
from shoal.airflow.operators.continue_run import ContinueRunOperator
from shoal.airflow.operators.end_run import EndRunOperator
from shoal.airflow.operators.plan_shards import PlanShardsOperator
from shoal.airflow.operators.shard import ShardOperator
from shoal.airflow.operators.summarize import SummarizeOperator
from shoal.contract.errors import ConfigError
from shoal.contract.run_names import backfill_dag_id, broken_dag_id, dataset_of, reanalyse_dag_id
from shoal.engines.engine import settings_of
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import DATASETS_VARIABLE, dataset_files, left_behind, load_dataset

KINDS = ((reanalyse_dag_id, reanalyse_dag), (backfill_dag_id, backfill_dag))


def build(folder: Path | str | None = None) -> dict[str, DAG]:
    """Make the DAGs of all dataset files, by id; in the process of a task only the one it belongs to.

    Args:
        folder: Where the dataset files of a DAG bundle lie, such as `Path(__file__).parent / "datasets"`; None: those in the
            folder that every part of Airflow is told of.

    Raises:
        ConfigError: There is no such folder, or nobody says where it is.
    """
    wanted, read = get_parsing_context().dag_id, DatasetFolder.of(folder)
    # The form is of no interest to a task, which starts somewhat sooner without.
    versions = known_versions() if wanted is None else {}
    dags = [dag for path in dataset_files(read.path) for dag in _dags_of(path, read, wanted, versions)]
    dags += [
        broken_dag(path.stem, _not_looked_at(path, read.path))
        for path in left_behind(read.path)
        if wanted in {None, broken_dag_id(path.stem)}
    ]
    made = {dag.dag_id: dag for dag in dags}
    return made | {dag.dag_id: dag for dag in _of_open_runs(made, wanted, read)}


def _of_open_runs(made: Collection[str], wanted: str | None, read: DatasetFolder) -> list[DAG]:
    """Make the DAGs of runs that are not over and whose dataset file was renamed, removed or broken meanwhile."""
    if wanted is not None and (wanted in made or dataset_of(wanted) is None):
        return []  # a task seldom has to ask
    now = datetime.now(UTC)
    here = [run for run in list_open_runs() if run.home == read.home]
    latest = {run.dag_id: run for run in sorted(here, key=lambda run: run.run_key) if not run.is_over(now)}
    orphans = [run for dag_id, run in latest.items() if dag_id not in made and wanted in {None, dag_id}]
    return [dag for run in orphans for dag in _orphan(run, broken_dag_id(run.dataset) in made, read)]


def _orphan(run: OpenRun, broken: bool, read: DatasetFolder) -> list[DAG]:
    name = run.dataset
    gone = "cannot be used now" if broken else f"is not in {read.home or read.path} any more"
    why = (
        f"Dataset file {name}.yaml {gone}: runs in flight end as they were planned, nothing new is planned - "
        f"{'mend it' if broken else 'put it back to go on'}"
    )
    try:
        dataset = Dataset.model_validate(run.settings, extra="ignore")
    except ValidationError:
        return []  # a later release wrote it, and this one was put in its place
    makers = [make for dag_id, make in KINDS if dag_id(name) == run.dag_id]
    return [_with_tasks(orphaned_dag(make, dataset, why), dataset, read, why) for make in makers]


def _not_looked_at(path: Path, folder: Path) -> ConfigError:
    return ConfigError(
        f"Dataset file {path.name} is not looked at in {path.parent} any more - move it to {folder}, or set "
        f"{DATASETS_VARIABLE}={path.parent} where Airflow runs"
    )


def _dags_of(path: Path, read: DatasetFolder, wanted: str | None, versions: Mapping[str, Sequence[str]]) -> list[DAG]:
    makers = [make for name, make in KINDS if wanted in {None, name(path.stem)}]
    if not makers and wanted != broken_dag_id(path.stem):
        return []
    try:
        dataset = load_dataset(path)
        need_notifiers(dataset.alerts)
        settings_of(dataset).need_settings()
    except ConfigError as error:
        return [broken_dag(path.stem, error)]
    return [_with_tasks(make(dataset, versions.get(dataset.name, ())), dataset, read) for make in makers]


def _with_tasks(dag: DAG, dataset: Dataset, read: DatasetFolder, gone: str = "") -> DAG:
    settings = dataset.model_dump(mode="json")
    # Airflow keeps what a mapped task is made of: a DAG of the configured folder stays the one it was.
    kept = {"home": read.home} if read.home else {}
    with dag:
        # A backfill ignores the DAG's limit of one run; two plans at once would choose the same images.
        plan = PlanShardsOperator(
            task_id="plan", dataset=settings, folder=read, gone=gone, max_active_tis_per_dag=1, **PATIENT
        )
        approve = ApproveOperator(task_id="approve", dataset=settings)
        shards = ShardOperator.partial(task_id=SHARDS, dataset=settings, **kept, **shard_settings(dataset))
        infer = shards.expand(shard=plan.output)
        summarize = SummarizeOperator(
            task_id="summarize",
            dataset=settings,
            trigger_rule=TriggerRule.ALL_DONE,
            outlets=answer_outlets(dag.dag_id),
            **PATIENT,
        )
        continue_run = ContinueRunOperator(task_id="continue_run", gone=gone)
        end_run = EndRunOperator(task_id="end_run", dataset=settings, gone=gone, **PATIENT).as_teardown(
            on_failure_fail_dagrun=True
        )
        plan >> approve >> infer >> summarize >> [continue_run, end_run]
    return dag
