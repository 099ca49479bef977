"""What a cluster does to running shards: nodes crash, room goes, pods wait. Every image is accounted for all the same."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from pods.installation import IMAGES
from shoal.engines.kubernetes.manifests import WORKER
from waiting import wait_until

MADE_S = 300
"""From a trigger to its pods: a plan and the start of some tasks, on a machine that others use."""


@pytest.fixture(scope="module")
def expected(pods):
    """The result of the same images without a cluster and without faults."""
    dataset = pods.add_dataset("unharmed", "direct")
    local = dataset.model_dump(mode="json") | {"cluster": {"kind": "local", "share": 1.0}}
    return pods.pipeline(type(dataset).model_validate(local)).run().summary


@pytest.fixture
def crashes(real_cluster):
    """Crashes the node; it runs again when the test ends."""
    yield real_cluster.crash_node
    real_cluster.boot_node()


def assert_every_image_is_examined_once(pods, dataset, run_id, expected):
    dag_id = f"reanalyse_{dataset.name}"
    assert pods.rest.finished(dag_id, run_id) == "success", pods.story(dataset, run_id)
    summary = pods.summary(dataset, run_id)
    assert summary["complete"]
    assert summary["run"]["balance"]["processed"] == IMAGES
    assert summary["result"]["species"] == expected["result"]["species"]
    assert pods.left_in(dataset.cluster.namespace) == []


def test_a_node_that_crashes_and_boots_in_mid_run_costs_an_attempt(pods, real_cluster, crashes, expected):
    dataset = pods.add_dataset("reboot", "mount", max_pods=1)
    run_id = pods.rest.trigger(f"reanalyse_{dataset.name}")
    wait_until_working(pods, dataset)
    crashes()
    real_cluster.boot_node()
    assert_every_image_is_examined_once(pods, dataset, run_id, expected)
    assert pods.attempts(dataset, run_id) == [2]


def test_a_pod_on_a_node_that_stays_away_is_given_up(pods, real_cluster, crashes, expected):
    dataset = pods.add_dataset("node-lost", "direct", max_pods=1)
    dag_id = f"reanalyse_{dataset.name}"
    run_id = pods.rest.trigger(dag_id)
    (pod,) = wait_until_working(pods, dataset)
    crashes()
    # With a second node Kubernetes says so itself, after five minutes; it never does where all nodes are away.
    pods.core.delete_namespaced_pod(pod.metadata.name, dataset.cluster.namespace, grace_period_seconds=5)
    pods.rest.tried_in_vain(dag_id, run_id, "infer")
    assert "does not say that it went" in pods.rest.log(dag_id, run_id, "infer", 0)
    real_cluster.boot_node()
    assert_every_image_is_examined_once(pods, dataset, run_id, expected)


@pytest.fixture(scope="module")
def cleared(pods, expected):
    """By task, a run of which it was cleared while all its workers worked, and their pods; two runs side by side."""
    datasets = {
        "plan": pods.add_dataset("plan-cleared", "direct"),
        "infer": pods.add_dataset("shards-cleared", "mount"),
    }
    with ThreadPoolExecutor() as pool:
        runs = {task: pool.submit(clear_in_mid_run, pods, dataset, task) for task, dataset in datasets.items()}
    return {task: (datasets[task], *run.result()) for task, run in runs.items()}


def clear_in_mid_run(pods, dataset, task_id):
    """Clear a task while all workers of a run work; return the run, which has ended, and its pods of before."""
    run_id = pods.rest.trigger(f"reanalyse_{dataset.name}")
    working = wait_until_working(pods, dataset)
    pods.rest.clear(f"reanalyse_{dataset.name}", run_id, task_id)
    assert pods.rest.finished(f"reanalyse_{dataset.name}", run_id) == "success", pods.story(dataset, run_id)
    return run_id, working


@pytest.mark.parametrize("task_id", ["plan", "infer"])
def test_a_task_cleared_in_mid_run_infers_nothing_twice(pods, cleared, expected, task_id):
    # The pods of cleared shards are ended by the trigger or by the next attempt, whichever comes first.
    dataset, run_id, _ = cleared[task_id]
    summary = pods.summary(dataset, run_id)
    assert summary["complete"]
    assert summary["result"]["species"] == expected["result"]["species"]
    assert set(pods.pipeline(dataset).inferences().values()) == {1}
    assert pods.left_in(dataset.cluster.namespace) == []


def test_a_plan_cleared_in_mid_run_says_how_many_pods_it_ended(pods, cleared):
    dataset, run_id, working = cleared["plan"]
    said = pods.rest.log(f"reanalyse_{dataset.name}", run_id, "plan", attempt=2)
    found = re.search(r"this run's earlier plan is ended \(pods: (\d+)\); what was seen is kept", said)
    assert found, said
    assert int(found[1]) >= len(working), "another may have begun since"


def test_pods_of_a_cluster_that_scales_up_wait_pending_for_their_node(pods, expected):
    dataset = pods.add_dataset("scales-up", "direct", pods=3)
    with pods.full_cluster(dataset.cluster.namespace):
        run_id = pods.rest.trigger(f"reanalyse_{dataset.name}")
        wait_until(lambda: unschedulable(pods, dataset) == 3, MADE_S)
        time.sleep(10)
        assert set(pods.shards(dataset, run_id).values()) == {"deferred"}
    assert_every_image_is_examined_once(pods, dataset, run_id, expected)
    assert pods.attempts(dataset, run_id) == [1, 1, 1]


def test_shards_whose_room_went_after_the_plan_wait_pending_and_finish(pods, real_cluster, expected):
    dataset = pods.add_dataset("room-lost", "direct")
    with ExitStack() as room_is_gone:
        with unscheduled(real_cluster):  # none gets its node before the room goes
            run_id = pods.rest.trigger(f"reanalyse_{dataset.name}")
            wait_until(lambda: len(shard_pods(pods, dataset)) == 3, MADE_S, "three pods")
            room_is_gone.enter_context(cordoned(pods.core))
        wait_until(lambda: unschedulable(pods, dataset) == 3, MADE_S, "three pods without room")
    assert_every_image_is_examined_once(pods, dataset, run_id, expected)
    assert pods.attempts(dataset, run_id) == [1, 1, 1]


@pytest.fixture
def room_for_one(pods):
    """A quota of the restricted namespace that lets in one pod of 200m."""
    namespace = pods.namespaces["direct"]
    quota = {"metadata": {"name": "room-for-one"}, "spec": {"hard": {"requests.cpu": "300m"}}}
    pods.core.create_namespaced_resource_quota(namespace, quota)
    wait_until(lambda: pods.core.read_namespaced_resource_quota("room-for-one", namespace).status.used)
    yield
    pods.core.delete_namespaced_resource_quota("room-for-one", namespace)


def test_a_shard_that_waits_for_a_quota_says_so_once_and_finishes(pods, expected, room_for_one):
    dataset = pods.add_dataset("quota", "direct", pods=2)
    dag_id, run_id = f"reanalyse_{dataset.name}", pods.rest.trigger(f"reanalyse_{dataset.name}")
    assert_every_image_is_examined_once(pods, dataset, run_id, expected)
    logs = [pods.rest.log(dag_id, run_id, "infer", shard) for shard in range(2)]
    # Where both shards are tried at once and one is created first, the provider logs the refusal of the other as well.
    waited = [[line for line in log.splitlines() if "trying again every 30 s" in line] for log in logs]
    assert 1 <= sum(map(len, waited)) <= 2, waited
    assert all(len(lines) <= 1 and all("exceeded quota" in line for line in lines) for lines in waited)
    assert pods.attempts(dataset, run_id) == [1, 1]


def wait_until_working(pods, dataset):
    """Wait until all workers run and have had time for some images; return their pods."""
    wait_until(lambda: (found := shard_pods(pods, dataset)) and all(map(is_working, found)), MADE_S)
    time.sleep(5)
    return shard_pods(pods, dataset)


def is_working(pod):
    statuses = pod.status.container_statuses or ()
    return any(status.name == WORKER and status.state.running for status in statuses)


def unschedulable(pods, dataset):
    """How many of the dataset's pods the scheduler found no room for."""
    return sum(
        condition.reason == "Unschedulable"
        for pod in shard_pods(pods, dataset)
        for condition in pod.status.conditions or ()
    )


def shard_pods(pods, dataset):
    selector = "app.kubernetes.io/managed-by=shoal"
    return pods.core.list_namespaced_pod(dataset.cluster.namespace, label_selector=selector).items


@contextmanager
def unscheduled(real_cluster):
    """No pod gets a node until the end of the block; the scheduler that comes then reads first what nodes there are."""
    real_cluster.stop("kube-scheduler")
    try:
        yield
    finally:
        real_cluster.restart("kube-scheduler")


@contextmanager
def cordoned(core):
    """No node takes another pod until the end of the block."""
    names = [node.metadata.name for node in core.list_node().items]
    try:
        for name in names:
            core.patch_node(name, {"spec": {"unschedulable": True}})
        yield
    finally:
        for name in names:
            core.patch_node(name, {"spec": {"unschedulable": False}})
