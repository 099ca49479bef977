"""While a ResourceQuota is full a shard asks again and again, and nothing is made for a pod that is not started."""

import json
from urllib.parse import urlsplit

import pytest
from kubernetes.client import ApiClient, Configuration

from shoal.contract.errors import QuotaExceededError, ShoalError
from shoal.contract.run_rights import Rights
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import DagRunId, Workers
from shoal.engines.kubernetes.engine import KubernetesEngine
from shoal.engines.kubernetes.errors import explained
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.shards.attempt import ShardWork
from shoal.shards.own_keys import OwnKeys
from shoal.stores.s3_access import StoreAccess
from worker.http_faults import faulty_store, status

PLACE = {"conn_id": "reef", "bucket": "fish"}
DATASET = Dataset.model_validate(
    {
        "name": "reef", "source": PLACE, "models": PLACE, "results": {"conn_id": "reef", "bucket": "answers"},
        "model": {"name": "fish"}, "cluster": {"kind": "kubernetes"}, "worker": {"image": "worker:1"},
        "sidecar": {"image": "sidecar:1"},
        "clock": {"pattern": "(?P<time>[0-9]{8}T[0-9]{6})", "format": "%Y%m%dT%H%M%S"},
    }
)  # fmt: skip
NEEDED = {"source": Rights(read=("",), names=("",))}


def api_server(*, full):
    """As an API server answers of a namespace that has a quota."""

    def answer(handler, _number):
        path = urlsplit(handler.path).path
        if handler.command == "GET":
            code, told = 404, {"message": "not found"}
        elif path.endswith("/pods") and full:
            code, told = 403, {"message": "pods is forbidden: exceeded quota: tight, requested: cpu=1"}
        else:
            code, told = 201, {"metadata": {"name": "shoal-1", "uid": "uid"}}
        body = json.dumps(told).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def prepare(full, rights):
    """Prepare a pod; return how that ended, what the API server was asked to make, and what the store was asked."""
    with (
        faulty_store(api_server(full=full)) as (url, made),
        faulty_store(status(403, "AccessDenied")) as (store, asked),
    ):
        stores = open_stores(DATASET, lambda _: StoreAccess(store, "key", "secret"))
        command = WorkerCommand("answers", "plan.json", 0, "attempt1")
        work = ShardWork(0, stores, "run", "a.jpg", command, 60.0, OwnKeys(DATASET, rights))
        client = ApiClient(Configuration(host=url))
        error = None
        try:
            with explained("start a pod"):
                KubernetesEngine(Workers.of(DATASET), lambda _: client).prepare(work, DagRunId("", "reef", "night"))
        except ShoalError as err:
            error = err
    return error, [line.rsplit("/", 1)[1] for line in made if line.startswith("POST")], asked


def test_no_key_is_made_for_a_pod_that_a_full_quota_refuses():
    error, made, asked = prepare(full=True, rights=NEEDED)
    assert isinstance(error, QuotaExceededError)
    assert made == ["configmaps", "pods?dryRun=All"]
    assert asked == []


def test_keys_are_asked_for_where_there_is_room():
    error, made, asked = prepare(full=False, rights=NEEDED)
    assert "The plan gives pods a key of the run's own for source, and none is to be had now" in str(error)
    assert made == ["configmaps", "pods?dryRun=All"]
    assert asked == ["POST /"]


@pytest.mark.parametrize("full", [True, False])
def test_where_pods_log_in_as_the_connection_nothing_is_asked_beforehand(full):
    error, made, asked = prepare(full=full, rights={})
    assert (error, made, asked) == (None, ["configmaps", "secrets"], [])
