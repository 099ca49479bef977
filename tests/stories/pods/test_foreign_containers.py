"""Containers that a mesh, a vault or an admin puts beside the worker, on a real kubelet: the worker alone is judged."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kubernetes import client

from pods.foreign import NEVER_ENDS, foreign
from shoal.contract.errors import WorkerError
from shoal.engines.kubernetes.manifests import DONE_GRACE_S, MANAGED, RUN_LABEL
from shoal.engines.kubernetes.owned_objects import RunObjects
from shoal.preflight.sample_run import SampleRun
from shoal.settings.execution import Cluster

NEVER_READY = {"exec": {"command": ["test", "-e", "/ready"]}, "periodSeconds": 1, "failureThreshold": 300}


@pytest.fixture(scope="module")
def told(real_cluster, pipelines, api):
    """By what is beside them, how sample pods ended, after how long, with what was said and how many rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shoal.engines.kubernetes.pod_trouble.CRASH_LOOP_S", 15.0)  # as long as two tries take
        yield run_all(real_cluster, pipelines, api)


def run_all(real_cluster, pipelines, api):
    image = real_cluster.images["worker"]
    proxy = foreign(image, "proxy", NEVER_ENDS)
    no_mesh = foreign(
        image, "mesh", "echo no route to the mesh >&2; exit 7", restartPolicy="Always", startupProbe=NEVER_READY
    )
    no_lease = foreign(image, "vault-init", "echo no lease; exit 3")
    beside = foreign(image, "agent", "echo out of leases; exit 9")
    templates = {
        "a container that never ends": {"containers": [proxy]},
        "a sidecar that ends again and again": {"initContainers": [no_mesh]},
        "an init container that fails": {"initContainers": [no_lease]},
        "a container that fails": {"containers": [beside]},
    }
    with ThreadPoolExecutor(len(templates)) as pool:
        samples = [pipelines(pod={"template": {"spec": spec}, "cpu": "100m"}) for spec in templates.values()]
        prepared = [SampleRun.prepare(one.dataset, one.stores) for one in samples]
        return dict(zip(templates, pool.map(lambda sample: run(sample, api), prepared), strict=True))


def run(sample, api):
    lines, began = [], time.monotonic()
    try:
        sample.run(lambda _: api, lines.append)
    except WorkerError as err:
        return str(err), time.monotonic() - began, lines, 0
    return "", time.monotonic() - began, lines, sample.count_rows()[0]


def test_a_container_that_never_ends_keeps_no_worker_from_being_done(told):
    failure, seconds, lines, rows = told["a container that never ends"]
    assert (failure, rows) == ("", 5)
    assert "5 processed" in lines[-1]
    assert seconds < 60 + DONE_GRACE_S


def test_a_sidecar_that_ends_again_and_again_is_named_within_about_a_minute(told):
    failure, seconds, _, _ = told["a sidecar that ends again and again"]
    assert failure.startswith(
        "The sidecar container 'mesh' ends again and again and keeps the worker from starting ("
    ), failure
    assert "exit code 7: no route to the mesh) - " in failure
    assert seconds < 90, "with what it takes to delete it"


def test_an_init_container_that_fails_is_named_at_once_with_its_last_words(told):
    failure, seconds, _, _ = told["an init container that fails"]
    assert failure.startswith(
        "The init container 'vault-init' failed, so the worker never started (Error, exit code 3: no lease) - "
    ), failure
    assert seconds < 60


def test_a_container_that_fails_beside_the_worker_costs_nothing(told):
    failure, _, lines, rows = told["a container that fails"]
    assert (failure, rows) == ("", 5)
    assert any("'agent' ended (Error, exit code 9" in line for line in lines), lines


def test_nothing_of_all_that_is_left(told, real_cluster, namespaces):
    core = client.CoreV1Api(real_cluster.connect())
    selector = "app.kubernetes.io/managed-by=shoal"
    assert core.list_namespaced_pod(namespaces["direct"], label_selector=selector).items == []


@pytest.fixture
def kept_pod(real_cluster, namespaces):
    """A pod of a run, without a node, that somebody's finalizer holds when it is deleted."""
    core, namespace = client.CoreV1Api(real_cluster.connect()), namespaces["direct"]
    container = foreign(real_cluster.images["worker"], "worker", "exit 0")
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "nodeSelector": {"is": "nowhere"}}
    labels = {**MANAGED, RUN_LABEL: "shoal-kept"}
    metadata = {"generateName": "kept-", "labels": labels, "finalizers": ["example.org/audit"]}
    name = core.create_namespaced_pod(namespace, {"metadata": metadata, "spec": spec}).metadata.name
    yield name
    core.patch_namespaced_pod(name, namespace, {"metadata": {"finalizers": None}})


def test_a_pod_that_a_finalizer_keeps_is_told_and_not_waited_for(kept_pod, api, namespaces, caplog):
    cluster, began = Cluster(kind="kubernetes", namespace=namespaces["direct"]), time.monotonic()
    RunObjects(client.CoreV1Api(api), cluster).delete_run("shoal-kept", wait_s=60)
    assert time.monotonic() - began < 30
    assert (
        f"Pod {kept_pod} is deleted and nothing of it runs; its finalizers (example.org/audit) keep it" in caplog.text
    )
