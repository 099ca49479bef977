"""Waiting for a pod: looks in a row, with the pod's state and last event as the API server tells them."""

import pytest

from shoal.engines.kubernetes.pod_watch import LOST_S, Bounds, PodWatch, last_event, look

BOUNDS = Bounds(grace_s=60.0)


def pod(phase="Pending", node="node-1", worker=None, sidecar=None, **metadata):
    statuses = [{"name": "worker", "image": "worker:1", "state": worker or {"waiting": {"reason": "PodInitializing"}}}]
    inits = [{"name": "bucket", "image": "sidecar:1", "restartCount": 0, **sidecar}] if sidecar else []
    return {
        "metadata": {"name": "shoal-1-0007-x", **metadata},
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "containerStatuses": statuses, "initContainerStatuses": inits},
    }


CREATING = pod(worker={"waiting": {"reason": "ContainerCreating"}})
PULL_FAILS = pod(worker={"waiting": {"reason": "ErrImagePull", "message": "denied"}})
MOUNTING = pod(sidecar={"started": False, "state": {"running": {}}})
MOUNT_FAILED = pod(
    sidecar={
        "started": False,
        "restartCount": 1,
        "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "dial tcp: i/o timeout"}},
    }
)
MOUNTED = pod(sidecar={"started": True, "state": {"running": {}}})
RUNNING = pod("Running", worker={"running": {}}, sidecar={"started": True, "state": {"running": {}}})
LEAVING = pod("Running", worker={"running": {}}, deletionTimestamp="2026-06-01T00:00:00Z")


def event(reason, message="", kind="Warning", at="2026-06-01T00:00:10+00:00"):
    return {"reason": reason, "message": message, "type": kind, "lastTimestamp": at}


NO_SECRET = event("FailedMount", 'MountVolume.SetUp failed for volume "ca" : secret "x" not found')
PULLING = event("Pulling", 'Pulling image "worker:1"', "Normal")


def watch(*looks, every_s=5.0, bounds=BOUNDS):
    """Look at pods one after the other; returns the last watch, its moment and all news."""
    seen, now_s, news = PodWatch(), 1000.0, []
    for shown, found, seconds in looks:
        end = now_s + seconds
        while now_s < end and not seen.status:
            seen = look(seen, shown, now_s, bounds, found if seen.wants_event(now_s) else None)
            news += [seen.news] if seen.news else []
            now_s += every_s
    return seen, now_s - every_s - 1000.0, news


@pytest.mark.parametrize(
    ("looks", "status", "within_s", "message"),
    [
        pytest.param([(PULL_FAILS, None, 999)], "stuck", 30, "Image 'worker:1' of the worker cannot be pulled", id="image"),
        pytest.param([(MOUNTING, None, 25), (MOUNT_FAILED, None, 999)], "stuck", 50, "i/o timeout", id="mount"),
        pytest.param([(CREATING, NO_SECRET, 9999)], "stuck", 605, 'secret "x" not found', id="a Secret that is missing"),
        pytest.param([(CREATING, None, 9999)], "stuck", 605, "look at the pod's node", id="a kubelet that says nothing"),
        pytest.param([(MOUNTING, None, 9999)], "stuck", 605, "mounting the bucket", id="a mount that never ends"),
        pytest.param([(RUNNING, None, 50), (LEAVING, None, 9999)], "lost", 175, "", id="a node that does not answer"),
    ],
)  # fmt: skip
def test_what_is_told_and_when(looks, status, within_s, message):
    seen, after_s, _ = watch(*looks)
    assert (seen.status, after_s <= within_s) == (status, True), after_s
    assert message in seen.message


@pytest.mark.parametrize("given_s", [5, 600])
def test_a_deleted_pod_has_the_time_that_whoever_deleted_it_gave(given_s):
    leaving = pod("Running", worker={"running": {}}, deletionTimestamp="x", deletionGracePeriodSeconds=given_s)
    seen, after_s, _ = watch((RUNNING, None, 50), (leaving, None, 9999))
    assert seen.status == "lost"
    assert given_s <= after_s - 50 - LOST_S <= given_s + 5


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(PULL_FAILS, None, 15), (CREATING, None, 15), (PULL_FAILS, None, 15)], id="a registry that failed twice"),
        pytest.param([(CREATING, PULLING, 3600), (RUNNING, None, 5)], id="an hour of pulling"),
        pytest.param([(MOUNT_FAILED, None, 15), (RUNNING, None, 9999)], id="a sidecar that came back"),
        pytest.param([(CREATING, PULLING, 590), (MOUNTING, None, 300), (MOUNTED, PULLING, 900)], id="slow at every stage"),
        pytest.param([(pod(node=""), None, 9999)], id="waiting for a node"),
        pytest.param([(RUNNING, None, 9999)], id="working"),
    ],
)  # fmt: skip
def test_what_is_waited_for(looks):
    assert watch(*looks)[0].status == ""


def test_a_slow_start_is_told_with_its_event_within_a_minute_once():
    seen, _, news = watch((CREATING, NO_SECRET, 60))
    (line,) = news
    assert line.startswith(
        "Pod shoal-1-0007-x has not started yet (its volumes, network and images are being made ready; its "
    )
    assert line.endswith('last event is FailedMount: MountVolume.SetUp failed for volume "ca" : secret "x" not found)')
    assert look(seen, CREATING, 1100, BOUNDS, {**NO_SECRET, "message": "the same in other words"}).news == ""
    assert "NetworkNotReady" in look(seen, CREATING, 1100, BOUNDS, event("NetworkNotReady")).news


def test_what_the_scheduler_says_is_told_once_and_when_it_changes():
    def waiting(message):
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        shown = pod(node="")
        return {**shown, "status": {**shown["status"], "conditions": [condition]}}

    full, cordoned = waiting("1 Insufficient cpu."), waiting("1 node(s) were unschedulable.")
    _, _, news = watch((full, None, 60), (cordoned, None, 60), (full, None, 20), (RUNNING, None, 10))
    said = [line.partition("Unschedulable: ")[2].rstrip(")") for line in news]
    assert said == ["1 Insufficient cpu.", "1 node(s) were unschedulable.", "1 Insufficient cpu."]


def test_the_event_that_happened_last_counts():
    older = event("FailedMount", at="2026-06-01T00:00:05+00:00")
    by_scheduler = {
        "reason": "Scheduled",
        "type": "Normal",
        "lastTimestamp": None,
        "eventTime": "2026-06-01T00:00:07.5+00:00",
    }
    assert last_event([older, by_scheduler])["reason"] == "Scheduled"
    assert last_event([event("FailedMount"), PULLING, by_scheduler])["reason"] == "Pulling"
    assert last_event([]) is None


def test_the_event_that_says_what_is_missing_goes_before_a_later_one_that_sums_up():
    later = "2026-06-01T00:02:00+00:00"
    summary = event("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[ca]: timed out", at=later)
    assert last_event([NO_SECRET, summary]) == NO_SECRET
    assert last_event([PULLING, summary]) == summary, "alone it is better than nothing"
    _, _, news = watch((CREATING, last_event([NO_SECRET, summary]), 60))
    assert 'secret "x" not found' in news[0]
