"""How often tasks are tried, and how far apart: who is alone in a run waits out a store that is away."""

from datetime import timedelta

from dataset_settings import dataset_settings
from shoal.airflow import dags
from shoal.airflow.bundled import SHARDS, DatasetFolder
from shoal.airflow.dag_parts import reanalyse_dag
from shoal.settings.dataset import Dataset

AWAY = timedelta(minutes=15)


def test_what_is_alone_in_a_run_outlasts_a_store_that_is_away_and_shards_have_three_attempts(tmp_path):
    dataset = Dataset.model_validate({"name": "reef", **dataset_settings("site", "s3")})
    dag = dags._with_tasks(reanalyse_dag(dataset), dataset, DatasetFolder.of(tmp_path))
    for name in ("plan", "summarize", "end_run"):
        task = dag.get_task(name)
        pauses = [
            min(task.retry_delay * task.retry_exponential_backoff**number, task.max_retry_delay)
            for number in range(task.retries)
        ]
        assert AWAY < sum(pauses, timedelta()) < timedelta(hours=1)
        assert max(pauses) == timedelta(minutes=10)
    shards = dag.get_task(SHARDS)
    assert (shards.retries, shards.retry_delay, shards.retry_exponential_backoff) == (2, timedelta(seconds=30), 0)
