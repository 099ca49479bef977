"""The DAG of docs/capacity.md in a whole Airflow, over a real API server and scheduler: it waits, goes on, and never takes too much.

An Airflow of its own takes minutes, so that `make test-wide` plays it alone.
"""

import json
import os
import time
from pathlib import Path

import pytest
from kubernetes import client

from running_airflow import running_airflow
from scheduling.objects import container, node, pod
from scheduling.stand_in_node import stand_in_node
from shoal.embedded.home import Home
from shoal.embedded.processes.airflow_servers import PRELOADED
from shoal.stores.s3_access import StoreAccess
from waiting import wait_until

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="an Airflow for one DAG takes minutes: make test-wide"
)

PAGE = Path(__file__).parents[3] / "docs/capacity.md"
NAMESPACE, CORES, DAGS, READY_S, LOOKS_S = "team", 2, ("as_many_as_fit", "as_many_again"), 600, 15
FIT = 2 * CORES
"""Half a core each."""
QUICK = {
    "max_pods=8": "max_pods=8, look_every=timedelta(seconds=10)",
    # A node without a kubelet has no logs.
    "deferrable=True": "deferrable=True, get_logs=False, log_events_on_startup=False, poll_interval=1",
}


def example(dag_id):
    """The page's DAG, in less of a hurry than a person's only in what it waits for."""
    text = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    for written, quick in {**QUICK, DAGS[0]: dag_id}.items():
        assert written in text
        text = text.replace(written, quick)
    return f"from datetime import timedelta\n{text}"


@pytest.fixture(scope="module")
def core(control_plane):
    """A cluster of one node, full by a pod of somebody else's."""
    core = client.CoreV1Api(control_plane.connect())
    core.create_namespace({"metadata": {"name": NAMESPACE}})
    core.create_node(node("only", cpu=str(CORES)))
    core.create_namespaced_pod(NAMESPACE, pod(container(cpu=str(CORES)), namespace=NAMESPACE, nodeName="only"))
    yield core
    core.delete_collection_namespaced_pod(NAMESPACE, grace_period_seconds=0)
    core.delete_collection_node()


@pytest.fixture(scope="module")
def airflow(control_plane, core, tmp_path_factory):
    """A running Airflow with the page's DAG and one like it."""
    home = Home(tmp_path_factory.mktemp("capacity"))
    home.make()
    extra = {"kube_config_path": str(control_plane.kubeconfig)}
    told = {
        **home.airflow_environment(StoreAccess("http://127.0.0.1:9", "nobody", "nothing")),
        # A task process inherits the provider's import, seconds of it.
        "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD": ",".join([*PRELOADED, "shoal.airflow.operators.shard_pod"]),
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps({"conn_type": "kubernetes", "extra": extra}),
    }
    with running_airflow(home, told) as airflow:
        for dag_id in DAGS:
            (airflow.dags / f"{dag_id}.py").write_text(example(dag_id), encoding="utf-8")
        known = lambda: {dag["dag_id"] for dag in airflow.rest.get("dags?limit=100")["dags"]}  # noqa: E731
        wait_until(lambda: set(DAGS) <= known(), READY_S, "both DAGs", pause_s=1)
        yield airflow


def test_two_of_it_wait_on_a_full_cluster_go_on_when_there_is_room_and_never_take_more(core, airflow):
    with stand_in_node(core, NAMESPACE) as seen:
        runs = {dag_id: airflow.rest.trigger(dag_id) for dag_id in DAGS}
        for dag_id, run_id in runs.items():
            airflow.rest.reached(dag_id, run_id, "room", "deferred")
        time.sleep(LOOKS_S)
        assert seen.tasks == set(), "no pod is started while none fits"
        core.delete_namespaced_pod("p", NAMESPACE, grace_period_seconds=0)
        for dag_id, run_id in runs.items():
            assert airflow.rest.finished(dag_id, run_id) == "success", airflow.rest.story(dag_id, run_id)
    counts = [airflow.rest.xcom(dag_id, run_id, "room", "pods") for dag_id, run_id in runs.items()]
    assert (seen.waited, len(seen.tasks)) == (set(), sum(counts)), "none is Pending for want of room"
    assert seen.most_at_once <= FIT
    for dag_id, run_id in runs.items():
        # A busy machine begins some attempts too late for Airflow, which has them tried again.
        logs = airflow.rest.logs(dag_id, run_id, "room")
        full = "0/1 nodes fit one pod (cpu 0.5, memory 0.0625Gi): 1 Insufficient cpu"
        assert max(log.count(full) for log in logs) == 1, "told once"
        assert any("may start now after a wait of" in log for log in logs)
