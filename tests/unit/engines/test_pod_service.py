"""What is said of somebody's own program in a pod: statuses as a kubelet writes them, shortened."""

import pytest

from service_settings import DIGEST, IMAGE
from shoal.contract.errors import WorkerError
from shoal.engines.kubernetes.engine import judge_pod
from shoal.engines.kubernetes.pod_containers import containers_of
from shoal.engines.kubernetes.pod_status import find_failure, find_sidecar_end
from shoal.engines.kubernetes.pod_trouble import find_beside, find_start_trouble
from shoal.engines.kubernetes.pod_watch import STARTS_S, Bounds, PodWatch, look

RUNNING = {"running": {}}
PROBE = {"periodSeconds": 5, "failureThreshold": 180}


def pod(service=None, worker=None, image=IMAGE, planned=IMAGE):
    """A pod whose service has this status, and its worker that state."""
    return {
        "metadata": {"name": "shoal-1-0007", "annotations": {"shoal/service-image": planned} if planned else {}},
        "spec": {
            "nodeName": "node-1",
            "initContainers": [{"name": "service", "image": image, "restartPolicy": "Always", "startupProbe": PROBE}],
        },
        "status": {
            "phase": "Pending",
            "initContainerStatuses": [{"name": "service", "image": image, "restartCount": 0, **(service or {})}],
            "containerStatuses": [{"name": "worker", "image": "w:1", "state": worker or {"waiting": {}}}],
        },
    }


def ended(reason="Error", code=1, message="", seconds=3):
    moments = {
        "startedAt": "2026-06-01T00:00:00Z",
        "finishedAt": f"2026-06-01T00:{seconds // 60:02}:{seconds % 60:02}Z",
    }
    return {"terminated": {"reason": reason, "exitCode": code, "message": message, **moments}}


def again(**how):
    return {"started": False, "restartCount": 2, "state": RUNNING, "lastState": ended(**how)}


@pytest.mark.parametrize(
    ("service", "said"),
    [
        pytest.param(
            {"state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}},
            r"of the service cannot be pulled \(ErrImagePull: manifest unknown\) - correct worker\.service\.image, or give",
            id="an image that is not there",
        ),
        pytest.param(
            {"state": {"waiting": {"reason": "RunContainerError", "message": "exec: no such file"}}},
            r"The service cannot be started \(RunContainerError: exec: no such file\) - check worker\.service\.image",
            id="an image that does not start",
        ),
        pytest.param(
            again(code=137, seconds=902),
            r"was not ready within 900 s \(worker\.service\.start_timeout\); its log said last: loading weights - raise it",
            id="never ready",
        ),
        pytest.param(
            again(code=2, message="no module named torch"),
            r"ends again and again before it is ready \(Error, exit code 2: no module named torch; 2 restarts\) - try",
            id="ends at once",
        ),
        pytest.param(
            again(reason="OOMKilled", code=137),
            r"ran out of memory while it started; its log said last: loading weights - raise worker\.service\.memory",
            id="out of memory",
        ),
    ],
)
def test_why_a_worker_does_not_start_is_said_with_its_way_out(service, said):
    failure = judge_pod("shoal-1-0007", pod(service), "stuck", "", lambda _: "loading weights")
    assert isinstance(failure, WorkerError)
    with pytest.raises(WorkerError, match=said):
        raise failure


def test_a_service_that_ends_beside_its_worker_is_told_and_waited_for():
    at_work = pod({**again(reason="OOMKilled", code=137), "started": True}, worker=RUNNING)
    assert find_start_trouble(at_work) is None
    line = "The service ended, and was started again (OOMKilled, exit code 137) - raise worker.service.memory"
    assert find_beside(at_work)[1] == line
    container = next(one for one in containers_of(at_work) if one.is_service)
    assert find_sidecar_end(container) == "OOMKilled, exit code 137 - raise worker.service.memory"


def watched(shown, seconds):
    seen, news, now_s = PodWatch(), [], 0.0
    while now_s < seconds and not seen.status:
        seen = look(seen, shown, now_s, Bounds(60.0))
        news += [seen.news] if seen.news else []
        now_s += 5.0
    return seen, news


def test_a_slow_start_is_waited_for_as_long_as_the_dataset_file_says():
    loading = pod({"started": False, "state": RUNNING})
    seen, news = watched(loading, STARTS_S + 800)
    assert not seen.status
    (line,) = news
    assert line.startswith(
        "Pod shoal-1-0007 has not started yet (its service runs and is not ready, which may take 900 s (w"
    )
    seen, _ = watched(loading, STARTS_S + 1000)
    assert (seen.status, seen.message.partition(" (")[0]) == ("stuck", "Pod shoal-1-0007 has not started in 1500 s")


OTHER = f"registry.example.org/reef-module@sha256:{'0f' * 32}"


@pytest.mark.parametrize(
    "worker",
    [pytest.param(None, id="before the worker starts"), pytest.param(RUNNING, id="while it works")],
)
def test_another_image_than_the_plan_s_ends_the_attempt(worker):
    seen = look(PodWatch(), pod(worker=worker, image=OTHER), 0.0, Bounds(60.0))
    assert seen.status == "stuck"
    assert f"is of image {OTHER}, the plan names {IMAGE}: somebody changed the pod" in seen.message


def test_another_image_is_said_also_of_a_worker_that_is_done():
    over = pod(worker={"terminated": {"exitCode": 0}}, image=OTHER)
    assert "another model.version" in str(find_failure(over))


def test_a_mirror_of_the_same_digest_is_the_same_image():
    assert find_failure(pod(worker={"terminated": {"exitCode": 0}}, image=f"mirror.example.org/x@{DIGEST}")) is None


def test_a_container_that_others_call_service_is_not_ours():
    theirs = pod({**again(), "started": True}, worker=RUNNING, planned="")
    assert [one.role for one in containers_of(theirs)] == ["sidecar container 'service'", "worker"]
    assert "the worker does not need it" in find_beside(theirs)[1]
