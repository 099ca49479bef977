"""Every dataset file becomes two DAGs: the tasks and their order, and nothing else."""

from airflow.sdk import TriggerRule

from shoal.airflow.dag_parts import backfill_dag, broken_dag, reanalyse_dag, shard_operator, shard_settings
from shoal.airflow.operators.approve import ApproveOperator
from shoal.airflow.operators.continue_run import ContinueRunOperator
from shoal.airflow.operators.end_run import EndRunOperator
from shoal.airflow.operators.plan_shards import PlanShardsOperator
from shoal.airflow.operators.summarize import SummarizeOperator
from shoal.contract.errors import ConfigError
from shoal.settings.dataset import dataset_files, datasets_folder, load_dataset

for path in dataset_files(datasets_folder()):
    try:
        dataset = load_dataset(path)
    except ConfigError as error:
        globals()[f"broken_{path.stem}"] = broken_dag(path.stem, error)
        continue
    settings = dataset.model_dump(mode="json")
    for dag in (reanalyse_dag(dataset), backfill_dag(dataset)):
        with dag:
            # A backfill ignores the DAG's limit of one run; two plans at once would choose the same images.
            plan = PlanShardsOperator(task_id="plan", dataset=settings, max_active_tis_per_dag=1)
            approve = ApproveOperator(task_id="approve", dataset=settings)
            infer = shard_operator(dataset).partial(task_id="infer", dataset=settings, **shard_settings(dataset))
            infer = infer.expand(shard=plan.output)
            summarize = SummarizeOperator(task_id="summarize", dataset=settings, trigger_rule=TriggerRule.ALL_DONE)
            continue_run = ContinueRunOperator(task_id="continue_run")
            end_run = EndRunOperator(task_id="end_run", dataset=settings).as_teardown(on_failure_fail_dagrun=True)
            plan >> approve >> infer >> summarize >> [continue_run, end_run]
        globals()[dag.dag_id] = dag
