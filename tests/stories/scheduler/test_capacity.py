"""Capacity for any DAG, on a real API server and scheduler: what fits is told, promised and never promised twice."""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
import yaml
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, TaskDeferred
from kubernetes import client

from scheduling.mutating_webhook import injected_sidecars
from scheduling.objects import container, node, pod
from shoal.airflow.operators.capacity import PodCapacityOperator
from shoal.airflow.operators.installation import VARIABLE
from shoal.airflow.sensors.capacity import PodCapacitySensor
from shoal.engines.engine import DagRunId
from shoal.engines.kubernetes.cluster import measure_room
from shoal.engines.kubernetes.owned_objects import RunObjects
from shoal.settings.execution import Cluster
from waiting import wait_until

ONE_CORE = {"spec": {"containers": [{"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}}
SINCE, LOGGER = datetime(2026, 11, 1, tzinfo=UTC).isoformat(), "shoal.airflow.operators.capacity"


class Instance(SimpleNamespace):
    """A task instance as the operators see it."""

    def __init__(self, dag_id, run_id, task_id):
        super().__init__(
            dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=-1, try_number=1, pushed={}, states={}
        )

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def get_dagrun_state(self, dag_id, run_id):
        return self.states.get(run_id, "running")


class Team:
    """A namespace of a cluster with one node of four cores, and DAGs that ask for room in it."""

    def __init__(self, core, namespace):
        self.core, self.namespace = core, namespace
        self.objects = RunObjects(core, Cluster(kind="kubernetes", namespace=namespace))

    def ask(self, run_id="one", task=PodCapacityOperator, after=("work",), **said):
        """Run the task as Airflow does; `after` are the ids of the tasks that start pods."""
        with DAG("team", schedule=None):
            asked = task(task_id="room", namespace=self.namespace, **{"pod": ONE_CORE, **said})
            for name in after:
                asked >> PodCapacitySensor(task_id=name, pod=ONE_CORE)
        instance = Instance("team", run_id, "room")
        return asked, {"ti": instance, "run_id": run_id}

    def found(self, run_id="one", **said):
        asked, context = self.ask(run_id, **said)
        return len(asked.execute(context))

    def promised(self):
        now = datetime.now(UTC)
        return [promise.pods for promise in self.objects.list_promises("", now)]

    def promises(self):
        """The data of every promise."""
        found = self.core.list_namespaced_config_map(
            self.namespace, label_selector="app.kubernetes.io/name=shoal"
        ).items
        return [entry.data for entry in found if "pods" in (entry.data or {})]

    def start(self, cpu="1", labels=None, **spec):
        body = pod(container(cpu=cpu, memory="1Gi"), namespace=self.namespace, **spec)
        body["metadata"] = {"generateName": "p-", "labels": labels or {}}
        return self.core.create_namespaced_pod(self.namespace, body).metadata.name

    def work(self, run_id="one", **spec):
        """What KubernetesPodOperator makes of a mapped task `work`."""
        labels = {"dag_id": "team", "run_id": run_id, "task_id": "work", "kubernetes_pod_operator": "True"}
        return self.start(labels=labels, **spec)


@pytest.fixture
def team(control_plane, monkeypatch):
    """A team's namespace; the cluster has one node of four cores and 8Gi, all free."""
    core, name = client.CoreV1Api(control_plane.connect()), f"team-{uuid4().hex[:6]}"
    core.create_namespace({"metadata": {"name": name}})
    core.create_node(node("only"))
    extra = {"kube_config_path": str(control_plane.kubeconfig)}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    monkeypatch.setenv(f"AIRFLOW_VAR_{VARIABLE.upper()}", "here")
    yield Team(core, name)
    core.delete_collection_namespaced_pod(name, grace_period_seconds=0)
    core.delete_collection_node()


def test_as_many_as_fit_are_found_each_with_its_number(team):
    asked, context = team.ask(share=1.0)
    assert asked.execute(context) == [{"POD_INDEX": str(index), "POD_COUNT": "4"} for index in range(4)]
    assert context["ti"].pushed == {"pods": 4}
    assert team.promised() == [4]


@pytest.mark.parametrize(
    ("said", "pods"),
    [
        pytest.param({}, 3, id="four fifths of four"),
        pytest.param({"share": 1.0, "max_pods": 2}, 2, id="at most"),
        pytest.param({"share": 1.0, "max_pods": "{{ 6 // 2 }}"}, 3, id="at most what a template says"),
        pytest.param({"share": 0.1}, 1, id="a share of less than one is one"),
        pytest.param({"pods": 9}, 9, id="on a cluster that grows"),
    ],
)
def test_share_and_bounds_are_those_of_a_dataset(team, said, pods):
    asked, context = team.ask(**said)
    asked.render_template_fields(context)
    assert len(asked.execute(context)) == pods


def test_a_pod_may_be_a_file_an_object_or_a_manifest_with_templates(team, tmp_path):
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump({"kind": "Pod", **ONE_CORE}))
    resources = client.V1ResourceRequirements(requests={"cpu": "2", "memory": "1Gi"})
    made = client.V1Pod(spec=client.V1PodSpec(containers=[client.V1Container(name="base", resources=resources)]))
    templated = {"spec": {"containers": [{"resources": {"requests": {"cpu": "{{ ti.run_id | length }}"}}}]}}
    found = [team.found(pod=each, share=1.0) for each in (str(tmp_path / "pod.yaml"), made, ONE_CORE, templated)]
    assert found == [4, 2, 4, 1]
    assert "pod" not in PodCapacityOperator.template_fields


def test_where_there_is_no_work_nothing_is_started_and_nothing_promised(team):
    assert team.found(max_pods="0") == 0
    assert team.promised() == []


def test_what_an_ended_run_was_promised_is_free_again_at_once(team):
    assert team.found("ended", share=1.0) == 4
    asked, context = team.ask("next", share=1.0)
    with pytest.raises(TaskDeferred) as waits:
        asked.execute(context)
    context["ti"].states["ended"] = "failed"
    assert len(asked.look_again(context, None, **waits.value.kwargs)) == 4
    assert [data["run_id"] for data in team.promises()] == ["next"]


def test_a_full_cluster_is_waited_for_and_told_of_in_one_line(team, caplog):
    hogs = [team.start(cpu="2"), team.start(cpu="1500m")]
    caplog.set_level(logging.INFO, LOGGER)
    asked, context = team.ask()
    with pytest.raises(TaskDeferred) as first:
        asked.execute(context)
    with pytest.raises(TaskDeferred) as second:
        asked.look_again(context, None, **first.value.kwargs)
    assert team.promised() == []
    (line,) = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert line == (
        "0/1 nodes fit one pod (cpu 1, memory 1Gi): 1 Insufficient cpu - lower the requests of the task's pod or free some room; "
        "looking again every 60 s"
    )
    team.core.delete_namespaced_pod(hogs[0], team.namespace, grace_period_seconds=0)
    assert len(asked.look_again(context, None, **{**second.value.kwargs, "since": SINCE})) == 1
    assert caplog.records[-1].getMessage().startswith("1 pod may start now after a wait of ")


def test_a_wait_that_is_over_fails_with_what_was_missing(team):
    team.start(cpu="4")
    asked, context = team.ask(wait=timedelta(minutes=5))
    with pytest.raises(AirflowFailException, match=r"No room in 5m \(wait\): 0/1 nodes fit one pod .*Insufficient cpu"):
        asked.look_again(context, None, since=SINCE, said="")


def test_two_that_ask_at_once_never_get_the_same_room(team):
    with ThreadPoolExecutor(4) as pool:
        asked = [team.ask(f"run{number}", share=1.0, max_pods=2) for number in range(4)]

        def find(each):
            try:
                return len(each[0].execute(each[1]))
            except TaskDeferred:
                return 0

        assert sorted(pool.map(find, asked)) == [0, 0, 2, 2]


def test_room_stays_promised_until_the_pods_are_there_and_is_then_theirs(team):
    assert team.found(share=1.0, max_pods=3) == 3
    assert team.found("other", share=1.0, max_pods=9) == 1
    team.core.delete_collection_namespaced_config_map(team.namespace)
    assert team.found(share=1.0, max_pods=3) == 3
    team.start(cpu="500m")  # somebody else's
    team.work()
    assert team.promised() == [2]
    team.work(schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])
    assert team.promised() == [2], "a gated pod waits for its room as before"
    team.work(), team.work()
    assert team.promised() == []


def test_pods_of_earlier_runs_of_the_task_take_no_promise_up(team):
    team.work()
    time.sleep(1.1)  # moments are told in seconds
    assert team.found(share=1.0) == 3
    assert team.promised() == [3]


def test_a_promise_ends_with_its_time(team):
    assert team.found(share=1.0, promise_for=timedelta(minutes=30)) == 4
    later = datetime.now(UTC) + timedelta(minutes=29)
    assert [promise.pods for promise in team.objects.list_promises("", later)] == [4]
    assert team.objects.list_promises("", later + timedelta(minutes=2)) == []


def test_two_tasks_of_one_run_promise_each_for_itself(team):
    owners = [DagRunId("here", "team", "one", task) for task in ("", "first[-1]", "second[-1]")]
    assert len({owner.name for owner in owners}) == 3
    assert team.found(share=1.0, max_pods=1) == 1
    (data,) = team.promises()
    assert (data["dag_id"], data["run_id"], data["task"]) == ("team", "one", "room[-1]")


def test_a_promise_is_as_large_as_the_api_server_makes_the_pods(team):
    limits = {"limits": [{"type": "Container", "defaultRequest": {"cpu": "2", "memory": "1Gi"}}]}
    team.core.create_namespaced_limit_range(team.namespace, {"metadata": {"name": "defaults"}, "spec": limits})
    bare = {"spec": {"containers": [{"image": "busybox"}]}}
    wait_for_cores(team, container())
    assert team.found(pod=bare, share=1.0, max_pods=1) == 1
    (data,) = team.promises()
    assert json.loads(data["pod"])["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "2", "memory": "1Gi"}
    assert team.found("other", share=1.0) == 2


def test_a_sidecar_that_a_webhook_puts_into_each_pod_is_counted_and_promised(team, tmp_path):
    with injected_sidecars(team.core.api_client, tmp_path, team.namespace):
        wait_for_cores(team, container(cpu="1", memory="1Gi"))
        assert team.found(share=1.0, max_pods=1) == 1
        (data,) = team.promises()
        assert [one["resources"]["requests"]["cpu"] for one in json.loads(data["pod"])["spec"]["containers"]] == [
            "1"
        ] * 2
        assert team.found("other", share=1.0) == 1, "four cores have room for two such pods"


def wait_for_cores(team, asked):
    """Wait until the API server adds a second core, or all two, to what a container asks for."""

    def counted():
        return measure_room(team.core.api_client, team.namespace, pod(asked, namespace=team.namespace)).request

    wait_until(lambda: counted().get("cpu") == 2, what="what is added", pause_s=0.1)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param(
            {"pod": {"spec": {"containers": [{"resources": {"requests": {"cpu": "5"}}}]}}},
            r"0/1 nodes fit one pod \(cpu 5\): 1 Insufficient cpu, not even with nothing else running - lower the requests of the "
            r"task's pod, raise the quota if it says so, or add nodes \(pods: N if they are added when pods wait\)",
            id="more than any node has",
        ),
        pytest.param(
            {"namespace": "nowhere"},
            r'namespaces "nowhere" not found - create .* or correct namespace',
            id="no namespace",
        ),
        pytest.param(
            {"pod": {"kind": "Job"}}, r"the task's pod holds no pod with containers \(kind Job\)", id="no pod"
        ),
        pytest.param({"pod": "/nowhere/pod.yaml"}, r"Cannot read pod /nowhere/pod\.yaml: .*No such file", id="no file"),
        pytest.param({"max_pods": "many"}, r"max_pods is 'many', not a whole number from 0 on", id="no number"),
        pytest.param(
            {"min_pods": "3", "max_pods": "2"}, r"min_pods 3 is above max_pods 2", id="a least above the most"
        ),
    ],
)
def test_what_waiting_cannot_mend_fails_at_once_and_says_what_to_mend(team, said, message):
    asked, context = team.ask()
    for name, value in said.items():
        setattr(asked, name, value)
    with pytest.raises(AirflowFailException, match=message) as failed:
        asked.execute(context)
    assert "dataset" not in str(failed.value)
    assert "cluster." not in str(failed.value)


def test_fewer_than_the_least_are_waited_for_and_promised_to_nobody(team, caplog):
    team.start(cpu="2")
    caplog.set_level(logging.INFO, LOGGER)
    asked, context = team.ask(share=1.0, min_pods=3)
    with pytest.raises(TaskDeferred):
        asked.execute(context)
    assert team.promised() == []
    assert "2 of at least 3 pods may start: 2 pods fit (cpu 1, memory 1Gi), share 1; bound by cpu - " in caplog.text


def test_gated_pods_take_no_room_and_new_ones_are_told_to_wait_for_their_queue(team, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    team.start(cpu="4", schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])
    gated = {"spec": {**ONE_CORE["spec"], "schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}}
    assert team.found(pod=gated, share=1.0) == 4
    assert "they wait until kueue.x-k8s.io/admission lets them go, whatever fits" in caplog.text


def test_a_sensor_waits_for_so_many_and_promises_nothing(team, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    hog = team.start(cpu="2")
    sensor, context = team.ask(task=PodCapacitySensor, min_pods=3, after=())
    with pytest.raises(TaskDeferred) as waits:
        sensor.execute(context)
    with pytest.raises(TaskDeferred):
        sensor.look_again(context, None, **waits.value.kwargs)
    assert len([record for record in caplog.records if record.name == LOGGER]) == 1
    with pytest.raises(AirflowSensorTimeout, match=r"No room in 7d \(timeout\): 2 of at least 3 pods"):
        sensor.look_again(context, None, since=SINCE, said="")
    assert not sensor.poke(context)
    team.core.delete_namespaced_pod(hog, team.namespace, grace_period_seconds=0)
    assert sensor.look_again(context, None, **waits.value.kwargs) == 4
    assert sensor.poke(context).xcom_value == 4
    assert team.promised() == []
