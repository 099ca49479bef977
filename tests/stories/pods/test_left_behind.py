"""What is left when a run or a check could not clean up after itself, and who cleans it (G10)."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
import yaml
from kubernetes import client

from pipeline import INCLUDE
from shoal.airflow.engine_of import engine_of
from shoal.airflow.operators.dag_runs import find_state, owner_of
from shoal.airflow.operators.installation import VARIABLE
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.engines.engine import DagRunId
from shoal.engines.kubernetes import room
from shoal.engines.kubernetes.manifests import RUN_LABEL
from shoal.engines.kubernetes.owned_objects import RunObjects
from waiting import wait_until

HERE = "this-airflow"


class Answers:
    """What an Airflow says about Dag runs: a state, `deleted` for one it does not have, None where it does not answer."""

    dag_id, run_id = "reanalyse_x", "the run that plans"

    def __init__(self, state):
        self.state = state

    def get_dagrun_state(self, dag_id, run_id):
        if self.state in {None, "deleted"}:
            raise RuntimeError("no answer")
        return self.state

    def get_dr_count(self, dag_id, run_ids):
        if self.state is None:
            raise RuntimeError("no answer")
        return 0 if self.state == "deleted" else len(run_ids)


@dataclass(frozen=True)
class NextPlan:
    """What the next plan of an Airflow does before it looks for room, in this process."""

    core: client.CoreV1Api
    kubeconfig: Path
    monkeypatch: pytest.MonkeyPatch

    def cleans_up(self, dataset, state, kubeconfig=None):
        extra = {"kube_config_path": str(kubeconfig or self.kubeconfig)}
        connection = json.dumps({"conn_type": "kubernetes", "extra": extra})
        self.monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", connection)
        self.monkeypatch.setenv(f"AIRFLOW_VAR_{VARIABLE.upper()}", HERE)
        engine, airflow = engine_of(dataset), Answers(state)
        engine.room(engine.sample_pod(), lambda: owner_of(airflow), partial(find_state, airflow)).clean_up()

    def objects(self, dataset):
        return RunObjects(self.core, dataset.cluster)

    def left_of(self, name):
        """What a run owns and is not being deleted."""
        return [
            f"{kind} {item.metadata.name}"
            for kind in ("pod", "secret", "config_map")
            for item in getattr(self.core, f"list_{kind}_for_all_namespaces")(
                label_selector=f"{RUN_LABEL}={name}"
            ).items
            if item.metadata.deletion_timestamp is None
        ]


@pytest.fixture
def next_plan(real_cluster, kubeconfig, monkeypatch):
    return NextPlan(client.CoreV1Api(real_cluster.connect()), kubeconfig, monkeypatch)


@pytest.mark.parametrize(
    ("installation", "state", "kept"),
    [
        pytest.param(HERE, "success", False, id="ended"),
        pytest.param(HERE, "failed", False, id="failed"),
        pytest.param(HERE, "deleted", False, id="deleted in the web interface"),
        pytest.param(HERE, "running", True, id="running"),
        pytest.param(HERE, "queued", True, id="queued"),
        pytest.param(HERE, None, True, id="Airflow does not answer"),
        pytest.param("another", "success", True, id="another Airflow's, of the same name as one that ended here"),
        pytest.param("another", "deleted", True, id="another Airflow's"),
        pytest.param("", "success", False, id="an earlier version's, ended"),
        pytest.param("", "deleted", True, id="an earlier version's, perhaps another Airflow's"),
    ],
)
def test_a_plan_deletes_what_its_own_airflow_runs_no_longer(installation, state, kept, pipelines, next_plan):
    dataset = pipelines().dataset
    owner, objects = DagRunId(installation, "reanalyse_x", uuid4().hex), next_plan.objects(dataset)
    objects.ensure_config_map(owner)
    next_plan.cleans_up(dataset, state)
    assert next_plan.left_of(owner.name) == ([f"config_map {owner.name}"] if kept else [])
    objects.delete_run(owner.name, wait_s=0)


def test_a_cluster_that_does_not_answer_fails_no_night_without_pods(pipelines, next_plan, tmp_path, caplog):
    content = yaml.safe_load(next_plan.kubeconfig.read_text())
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "away").write_text(yaml.safe_dump(content))
    with caplog.at_level(logging.WARNING, logger=room.__name__):
        next_plan.cleans_up(pipelines().dataset, "running", tmp_path / "away")
    assert "What ended runs left is not deleted now: The API server does not answer" in caplog.text


@pytest.fixture
def killed_check(pipelines, tmp_path, next_plan):
    """Name of what a check left that was killed outright while its pod ran."""
    pipeline = pipelines("mount")
    dataset = pipeline.dataset.model_dump(mode="json", exclude={"name"}, exclude_none=True)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/killed.yaml").write_text(yaml.safe_dump(dataset))
    access = next(iter(pipeline.stores.accesses().values()))
    store = {"conn_type": "generic", "login": access.access_key, "password": access.secret_key}
    cluster = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(next_plan.kubeconfig)}}
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(INCLUDE), "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "SHOAL_DATASETS": str(tmp_path / "datasets"), "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(cluster),
        "AIRFLOW_CONN_TEST": json.dumps({**store, "extra": {"endpoint_url": access.endpoint_url}}),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "shoal", "check", "killed"], env=environment)
    found = SimpleNamespace(name="")

    def runs():
        for entry in next_plan.core.list_namespaced_config_map(dataset["cluster"]["namespace"]).items:
            if (entry.data or {}).get("dag_id") == CHECK_DAG_ID and len(next_plan.left_of(entry.metadata.name)) == 3:
                found.name = entry.metadata.name
        return bool(found.name)

    wait_until(runs, 300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return pipeline.dataset, found.name


def test_what_a_killed_check_left_goes_after_an_hour(killed_check, next_plan, monkeypatch):
    dataset, name = killed_check
    next_plan.cleans_up(dataset, "deleted")
    assert len(next_plan.left_of(name)) == 3
    monkeypatch.setattr(room, "CHECK_LASTS", timedelta(0))
    next_plan.cleans_up(dataset, "deleted")
    wait_until(lambda: not next_plan.left_of(name), 180)


def test_a_run_that_was_deleted_while_its_pods_ran_is_cleaned_by_the_next_plan(pods):
    dataset = pods.add_dataset("deleted", "direct", max_pods=1)
    dag_id, namespace = f"reanalyse_{dataset.name}", dataset.cluster.namespace
    run_id = pods.rest.trigger(dag_id)
    pods.rest.reached(dag_id, run_id, "infer", "deferred")
    installation = pods.rest.get(f"variables/{VARIABLE}")["value"]
    # Airflow deletes no run that runs, but a DAG with all its runs; the DAG comes back with the next look at its file.
    before = {entry.split()[0] for entry in pods.left_in(namespace)}
    pods.rest.send("DELETE", f"dags/{dag_id}")
    owner, stranger = DagRunId(installation, dag_id, run_id), DagRunId("another", dag_id, run_id)
    left = {entry.split()[0] for entry in pods.left_in(namespace)}
    assert before == {"pod", "secret", "config_map"}
    assert left >= {"secret", "config_map"}, "the pod is ended by the trigger that waited for it, sooner or later"
    objects = RunObjects(pods.core, dataset.cluster)
    objects.ensure_config_map(stranger)
    pods.wait_for_dag(dag_id)
    again = pods.run(dataset, limit=1)
    # Its pod is deleted by the plan, or before it by the trigger that waited for it: whichever comes first.
    said = rf"what run {re.escape(run_id)} of {dag_id} left: run {owner.name}: [01] pods, its Secret and its ConfigMap are deleted"
    assert re.search(said, pods.rest.log(dag_id, again, "plan"))
    wait_until(lambda: pods.left_in(namespace) == [f"config_map {stranger.name}"], 300)
    assert owner.name != stranger.name
    objects.delete_run(stranger.name, wait_s=0)
