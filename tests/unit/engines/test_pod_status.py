"""What a pod's status means, in the words of the kubelet: statuses as a real one writes them, shortened."""

import pytest

from shoal.contract.errors import ConfigError, WorkerCrashError, WorkerError
from shoal.engines.kubernetes.pod_containers import containers_of
from shoal.engines.kubernetes.pod_status import find_failure, find_sidecar_end, is_over
from shoal.engines.kubernetes.pod_trouble import find_start_trouble


def pod(phase="Failed", worker=None, sidecar=None, **status):
    statuses = [{"name": "worker", "image": "worker:1", **(worker or {})}]
    inits = [{"name": "bucket", "image": "sidecar:1", **sidecar}] if sidecar else []
    return {
        "metadata": {"name": "shoal-1-0007-x"},
        "status": {"phase": phase, "containerStatuses": statuses, "initContainerStatuses": inits, **status},
    }


def ended(code, reason="Error", message=""):
    return {"state": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}


def waiting(reason, message=""):
    return {"state": {"waiting": {"reason": reason, "message": message}}}


WRONG_REGION = (
    "2026/06/01 12:00:00 NOTICE: Failed to cat: operation error S3: ListObjects, https response error StatusCode: 400, "
    f"RequestID: 18EC8391C4B95CC9, HostID: {'h' * 200}, api error AuthorizationHeaderMalformed: The authorization header is "
    "malformed; the region is wrong; expecting 'eu-west-3'."
)
"""As rclone 1.75 tells what MinIO answers; longer than what is shown of it."""


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_is_over_in_its_last_phases(phase):
    assert is_over(pod(phase))


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown"])
def test_a_pod_is_not_over_before(phase):
    assert not is_over(pod(phase))
    assert not is_over({"metadata": {"name": "p"}, "status": {"phase": phase}}), "nothing is known of its containers"


@pytest.mark.parametrize("phase", ["Running", "Pending", "Unknown"])
def test_a_pod_is_over_with_its_worker_whatever_else_runs_in_it(phase):
    proxy = {"name": "proxy", "state": {"running": {}}}
    shown = pod(phase, ended(0, "Completed"), sidecar={"started": True, "state": {"running": {}}})
    shown["status"]["containerStatuses"].append(proxy)
    assert is_over(shown)
    assert find_failure(shown) is None


def test_a_worker_that_did_its_shard_has_no_failure():
    assert find_failure(pod("Succeeded", ended(0, "Completed"), sidecar=ended(143))) is None


@pytest.mark.parametrize(
    ("failed", "kind", "message"),
    [
        pytest.param(
            pod(worker=ended(78, message="sha256 differs")), ConfigError, "sha256 differs", id="configuration"
        ),
        pytest.param(pod(worker=ended(65, message="51 of 60 images failed")), ConfigError, "51 of 60", id="bad images"),
        pytest.param(
            pod(worker=ended(69, message="No answer from")), WorkerError, "exit code 69: No answer", id="store down"
        ),
        pytest.param(
            pod(worker=ended(137, "OOMKilled")), WorkerError, r"out of memory - raise cluster\.pod\.memory", id="memory"
        ),
        pytest.param(pod(worker=ended(139)), WorkerError, "killed by signal 11", id="crash"),
        pytest.param(
            pod(reason="Evicted", message="The node was low on resource: memory."),
            WorkerError,
            r"told to go \(Evicted: The node was low",
            id="evicted",
        ),
        pytest.param(
            pod(
                worker=ended(143),
                conditions=[
                    {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "m"}
                ],
            ),
            WorkerError,
            r"told to go \(PreemptionByScheduler: m\)",
            id="preempted",
        ),
        pytest.param(
            pod(message="Pod was rejected: OutOfcpu"),
            WorkerError,
            "before its worker did .*OutOfcpu",
            id="rejected by the node",
        ),
    ],
)
def test_a_failed_pod_says_why_and_whether_to_try_again(failed, kind, message):
    failure = find_failure(failed)
    assert isinstance(failure, kind)
    with pytest.raises(kind, match=message):
        raise failure


CRASHES = {"SIGSEGV": 139, "SIGBUS": 135, "SIGABRT": 134, "SIGILL": 132, "SIGFPE": 136}


@pytest.mark.parametrize(
    "crashed",
    [
        *(pytest.param(pod(worker=ended(code)), id=name) for name, code in CRASHES.items()),
        pytest.param(pod(worker=ended(137, "OOMKilled")), id="out of memory"),
    ],
)
def test_a_worker_that_one_of_its_images_may_have_ended_has_crashed(crashed):
    assert isinstance(find_failure(crashed), WorkerCrashError)


@pytest.mark.parametrize(
    "ended_otherwise",
    [
        pytest.param(pod(worker=ended(137)), id="SIGKILL from outside"),
        pytest.param(pod(worker=ended(143)), id="SIGTERM"),
        pytest.param(pod(worker=ended(137, "OOMKilled"), reason="Evicted", message="memory"), id="evicted"),
        pytest.param(pod(worker=ended(139), reason="NodeShutdown", message="reboot"), id="node shut down"),
        pytest.param(pod(worker=ended(69)), id="store down"),
        pytest.param(pod(message="Pod was rejected: OutOfcpu"), id="never started"),
    ],
)
def test_what_is_no_image_s_fault_is_no_crash(ended_otherwise):
    failure = find_failure(ended_otherwise)
    assert isinstance(failure, WorkerError)
    assert not isinstance(failure, WorkerCrashError)


@pytest.mark.parametrize(
    ("stuck", "message"),
    [
        pytest.param(
            pod("Pending", waiting("ImagePullBackOff", "not found")),
            r"Image 'worker:1' of the worker .*worker\.image",
            id="image",
        ),
        pytest.param(
            pod("Pending", waiting("PodInitializing"), sidecar=waiting("ErrImagePull", "denied")),
            r"Image 'sidecar:1' of the sidecar .*denied.* sidecar\.image",
            id="image of the sidecar",
        ),
        pytest.param(
            pod(
                "Pending",
                waiting("PodInitializing"),
                sidecar={"started": False, "restartCount": 1, "lastState": ended(143, message="AccessDenied")["state"]},
            ),
            r"could not mount the bucket \(AccessDenied\)",
            id="mount",
        ),
        pytest.param(
            pod(
                "Pending",
                waiting("PodInitializing"),
                sidecar={"started": False, "restartCount": 1, "lastState": ended(1, message=WRONG_REGION)["state"]},
            ),
            r"could not mount the bucket \(.*\) - set region_name to 'eu-west-3' in the connection's extra",
            id="mount in a wrong region",
        ),
        pytest.param(
            pod(
                "Pending",
                waiting("PodInitializing"),
                sidecar={"started": False, "restartCount": 1, **ended(1, message="AccessDenied"), "lastState": {}},
            ),
            r"could not mount the bucket \(AccessDenied\)",
            id="mount that has just ended again",
        ),
        pytest.param(
            pod(
                "Pending",
                waiting("PodInitializing"),
                sidecar={"started": False, "restartCount": 1, "lastState": ended(137, "OOMKilled")["state"]},
            ),
            r"ran out of memory .* raise sidecar\.memory",
            id="memory of the sidecar",
        ),
        pytest.param(
            pod("Pending", waiting("CreateContainerConfigError", 'secret "x" not found')),
            "secret .* not found",
            id="secret",
        ),
    ],
)
def test_a_pod_that_cannot_start_says_why(stuck, message):
    with pytest.raises(WorkerError, match=message):
        raise WorkerError(find_start_trouble(stuck).message)


@pytest.mark.parametrize(
    "fine",
    [
        pytest.param(pod("Pending", waiting("ContainerCreating")), id="being created"),
        pytest.param({"metadata": {"name": "p"}, "status": {"phase": "Pending"}}, id="without a node"),
        pytest.param(
            pod("Running", {"state": {"running": {}}}, sidecar={"started": True, "restartCount": 2}),
            id="sidecar came back",
        ),
        pytest.param(
            pod(
                "Running",
                {"state": {"running": {}}},
                sidecar={"started": False, "restartCount": 1, "lastState": ended(137, "OOMKilled")["state"]},
            ),
            id="sidecar on its way back beside a working worker",
        ),
    ],
)
def test_a_pod_that_may_still_start_has_no_problem(fine):
    assert find_start_trouble(fine) is None


def test_a_sidecar_that_was_started_again_says_how_it_ended():
    restarted = {"started": True, "restartCount": 1, "lastState": ended(137, "OOMKilled")["state"]}
    again, whole = (next(containers_of(pod("Running", sidecar=one))) for one in (restarted, {"started": True}))
    assert find_sidecar_end(again) == "OOMKilled, exit code 137 - raise sidecar.memory"
    assert find_sidecar_end(whole) is None
