"""A ResourceQuota that stays full: a shard waits for it once."""

from datetime import timedelta

from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from shoal.airflow.operators.shard_pod import QUOTA_PAUSE, ShardPod
from shoal.airflow.operators.translate import translated_errors
from shoal.contract.errors import QuotaExceededError
from shoal.contract.worker_command import WorkerCommand
from shoal.settings.attempt_time import queue_of
from shoal.settings.execution import Cluster
from shoal.shards.attempt import ShardWork, Waiting


def wait_for_a_full_quota(cluster, said):
    """Wait as a shard does until it gives up; count the pauses in what is returned."""
    work = ShardWork(0, None, "run", "a.jpg", WorkerCommand("answers", "plan.json", 0, "attempt1"), 60.0, None)
    place = {"conn_id": "kubernetes_default", "namespace": "shoal"}
    shard, waiting, pauses = ShardPod(cluster=place, find_run=lambda: None, shard={}, task_id="infer"), None, 0
    while pauses < 1000:
        try:
            with translated_errors():
                shard._wait_for_quota(work, waiting, queue_of(cluster), QuotaExceededError(said))
        except TaskDeferred as deferred:
            waiting, pauses = Waiting(**deferred.kwargs["waiting"]), pauses + 1
        except AirflowFailException as given_up:
            return pauses, str(given_up)
    return pauses, ""


def test_a_quota_that_stays_full_is_waited_for_once_and_by_no_further_attempt():
    pauses, told = wait_for_a_full_quota(
        Cluster(kind="kubernetes", wait=timedelta(hours=2)), "exceeded quota: tight - raise the quota"
    )
    assert pauses == timedelta(hours=2) / QUOTA_PAUSE
    assert told == (
        "A ResourceQuota was full for 2h (cluster.wait, an hour at least): the next run takes these images: exceeded quota: "
        "tight - raise the quota"
    )
