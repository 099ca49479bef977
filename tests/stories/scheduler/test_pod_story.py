"""What `why` tells of pods that have a node and do not start, asked of a real API server; a real kubelet is in stories/pods."""

import pytest
from kubernetes import client

from scheduling.objects import container, node, pod
from shoal.engines.kubernetes.manifests import RUN_KEY_LABEL, WORKER
from shoal.engines.kubernetes.pod_story import tell_pods

RUN_KEY, NAMESPACE, POD = "20261101T000000Z-aaaaaaaa", "story", "shoal-1-0007-x"
CREATING = {"name": WORKER, "image": "i", "imageID": "", "ready": False, "restartCount": 0}


@pytest.fixture(scope="module")
def core(control_plane):
    """A namespace with a pod that its node has begun to make."""
    core = client.CoreV1Api(control_plane.connect())
    core.create_namespace({"metadata": {"name": NAMESPACE}})
    core.create_node(node("far"))
    body = pod(container(WORKER, cpu="1", memory="1Gi"), nodeName="far")
    core.create_namespaced_pod(NAMESPACE, {**body, "metadata": {"name": POD, "labels": {RUN_KEY_LABEL: RUN_KEY}}})
    waiting = {**CREATING, "state": {"waiting": {"reason": "ContainerCreating"}}}
    core.patch_namespaced_pod_status(POD, NAMESPACE, {"status": {"containerStatuses": [waiting]}})
    yield core
    core.delete_namespaced_pod(POD, NAMESPACE, grace_period_seconds=0)
    core.delete_node("far")


@pytest.fixture
def told(core):
    return lambda: tell_pods(core.api_client, NAMESPACE, RUN_KEY, failed=())


def test_a_pod_that_is_being_made_ready_says_how_far_it_is(told):
    assert told() == [f"{POD} on node far: Pending, its volumes, network and images are being made ready"]


EVENTS = {
    "a secret that is missing": ("FailedMount", 'MountVolume.SetUp failed for volume "ca" : secret "x" not found'),
    "a network that is not": (
        "FailedCreatePodSandBox",
        "failed to set up sandbox: plugin type=bridge failed: no IPs left",
    ),
    "an image that is not had": ("Failed", "Failed to pull image registry.example.org/none:1: not found"),
}


@pytest.mark.parametrize(("reason", "message"), EVENTS.values(), ids=EVENTS)
def test_what_keeps_it_from_starting_is_told_in_the_kubelet_s_words(core, told, reason, message):
    event = core.create_namespaced_event(
        NAMESPACE,
        {
            "metadata": {"generateName": "e-"},
            "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": POD},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "count": 7,
        },
    )
    lines = told()
    core.delete_namespaced_event(event.metadata.name, NAMESPACE)
    assert lines[1:] == [f"{POD}: {reason}: {message} (7 times)"]
