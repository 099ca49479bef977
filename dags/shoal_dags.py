"""Every dataset file becomes a DAG: the tasks and their order, and nothing else."""

from airflow.sdk import TriggerRule

from shoal.contract.errors import ConfigError
from shoal.dags import broken_dag, reanalyse_dag
from shoal.dataset import dataset_files, datasets_folder, load_dataset
from shoal.operators.plan_shards import PlanShardsOperator
from shoal.operators.shard_process import ShardProcessOperator
from shoal.operators.summarize import SummarizeOperator

for path in dataset_files(datasets_folder()):
    try:
        dataset = load_dataset(path)
    except ConfigError as error:
        globals()[f"broken_{path.stem}"] = broken_dag(path.stem, error)
        continue
    settings = dataset.model_dump(mode="json")
    with reanalyse_dag(dataset) as dag:
        plan = PlanShardsOperator(task_id="plan", dataset=settings)
        infer = ShardProcessOperator.partial(
            task_id="infer", dataset=settings, map_index_template="shard {{ task.shard['shard'] }}"
        ).expand(shard=plan.output)
        summarize = SummarizeOperator(task_id="summarize", dataset=settings, trigger_rule=TriggerRule.ALL_DONE)
        plan >> infer >> summarize
    globals()[dag.dag_id] = dag
