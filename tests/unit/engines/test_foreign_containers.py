"""Containers that others put beside the worker: statuses as a real kubelet writes them, shortened, and looks in a row."""

import pytest

from shoal.contract.errors import ConfigError, WorkerError
from shoal.engines.kubernetes.engine import judge_pod
from shoal.engines.kubernetes.pod_status import find_failure
from shoal.engines.kubernetes.pod_trouble import find_beside, find_start_trouble
from shoal.engines.kubernetes.pod_watch import Bounds, PodWatch, look

NOT_YET = {"waiting": {"reason": "PodInitializing"}}
RUNNING = {"running": {"startedAt": "2026-06-01T00:00:00Z"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container=proxy"}}
NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "denied"}}


def ended(code, reason="Error", message=None):
    return {"terminated": {"exitCode": code, "reason": reason, **({"message": message} if message else {})}}


def status(name, state, last=None, restarts=0, started=None):
    return {
        "name": name,
        "image": f"{name}:1",
        "state": state,
        "lastState": last or {},
        "restartCount": restarts,
        "started": started if started is not None else "running" in state,
    }


def pod(
    worker=NOT_YET, *, inits=(), beside=(), sidecars=("bucket", "proxy"), phase="Pending", node="node-1", **metadata
):
    """A pod; those of its init containers that are named in `sidecars` stay up."""
    stay = [{"name": entry["name"], "restartPolicy": "Always"} for entry in inits if entry["name"] in sidecars]
    return {
        "metadata": {"name": "shoal-1-0007-x", **metadata},
        "spec": {"initContainers": stay, **({"nodeName": node} if node else {})},
        "status": {
            "phase": phase,
            "initContainerStatuses": list(inits),
            "containerStatuses": [status("worker", worker), *beside],
        },
    }


BOUNDS = Bounds(grace_s=60.0)


def watch(*looks, every_s=5.0, bounds=BOUNDS):
    """Look at pods and their last event, each for some seconds; returns the last watch, its moment and all news."""
    seen, now_s, news = PodWatch(), 1000.0, []
    for shown, event, seconds in looks:
        end = now_s + seconds
        while now_s < end and not seen.status:
            seen = look(seen, shown, now_s, bounds, event if seen.wants_event(now_s) else None)
            news += [seen.news] if seen.news else []
            now_s += every_s
    return seen, now_s - every_s - 1000.0, news


def event(reason, message, container=None, kind="Normal"):
    place = {"involvedObject": {"fieldPath": f"spec.initContainers{{{container}}}"}} if container else {}
    return {"reason": reason, "message": message, "type": kind, "lastTimestamp": "2026-06-01T00:00:10Z", **place}


CRASHED = status("proxy", BACK_OFF, ended(1), restarts=3, started=False)
UP_AGAIN = status("proxy", RUNNING, ended(1), restarts=3, started=True)
PULLED = event("Pulled", 'Container image "proxy:1" already present on machine', "proxy")
PULLING = event("Pulling", 'Pulling image "proxy:1"', "proxy")


@pytest.mark.parametrize(
    ("shown", "last", "within_s", "message"),
    [
        pytest.param(
            pod(inits=[CRASHED]), PULLED, 60,
            "The sidecar container 'proxy' ends again and again and keeps the worker from starting (3 restarts; the last: Error, "
            "exit code 1)", id="a sidecar that ends again and again",
        ),
        pytest.param(
            pod(inits=[status("proxy", BACK_OFF, ended(0, "Completed"), restarts=1, started=False)]), PULLING, 60,
            "Completed, exit code 0", id="a sidecar that thinks it is a job, and is pulled each time",
        ),
        pytest.param(
            pod(inits=[status("proxy", BACK_OFF, ended(137, "OOMKilled"), restarts=2, started=False)]), None, 60,
            "OOMKilled, exit code 137", id="a sidecar without memory",
        ),
        pytest.param(
            pod(inits=[status("agent", NO_IMAGE)], sidecars=()), None, 30,
            "Image 'agent:1' of the init container 'agent' cannot be pulled (ImagePullBackOff: denied) - correct the image in "
            "cluster.pod.template", id="the image of an init container",
        ),
        pytest.param(
            pod(inits=[status("agent", {"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}})]),
            None, 30, "The init container 'agent' cannot be started (CreateContainerConfigError: no secret)",
            id="an init container without its Secret",
        ),
        pytest.param(
            pod(inits=[status("agent", RUNNING)], sidecars=()), event("Started", "Started container agent"), 605,
            "has not started in 600 s (its init container 'agent' runs, and has to end before the worker starts) -",
            id="an init container that never ends",
        ),
        pytest.param(
            pod(inits=[status("proxy", RUNNING, started=False)]),
            event("Unhealthy", "Startup probe failed: 503", kind="Warning"), 605,
            "(its sidecar container 'proxy' runs and its startup probe has not succeeded, which the worker waits for; its last "
            "event is Unhealthy: Startup probe failed: 503)", id="a sidecar that is never ready",
        ),
        pytest.param(
            pod(beside=[status("proxy", RUNNING)]), None, 605, "container 'proxy' was started and its worker is not",
            id="a container that holds the worker until it is ready, and never is",
        ),
    ],
)  # fmt: skip
def test_what_keeps_the_worker_from_starting_is_named_and_given_up(shown, last, within_s, message):
    seen, after_s, news = watch((shown, last, 9999))
    assert (seen.status, after_s <= within_s) == ("stuck", True), after_s
    assert message in seen.message
    assert within_s < 60 or news or seen.message, "within a minute"


@pytest.mark.parametrize(
    ("shown", "named"),
    [
        (pod(inits=[status("agent", RUNNING)], sidecars=()), "'agent'"),
        (pod(inits=[status("proxy", RUNNING, started=False)]), "'proxy'"),
    ],
    ids=["an init container", "a sidecar"],
)
def test_what_the_worker_waits_for_is_named_within_a_minute(shown, named):
    seen, _, news = watch((shown, event("Started", "Started container"), 60))
    assert seen.status == ""
    (line,) = news
    assert named in line
    assert "Started" not in line, "an event that went well blames nothing"


def test_a_sidecar_that_runs_for_a_moment_between_two_ends_is_seen_through():
    up = (pod(inits=[status("proxy", RUNNING, ended(1), restarts=3, started=True)]), None, 5)
    down = (pod(inits=[CRASHED]), None, 20)
    seen, after_s, _ = watch(down, up, down, up, down, up, down)
    assert (seen.status, after_s <= 60) == ("stuck", True), after_s


def test_a_sidecar_that_came_up_at_its_second_try_is_waited_for():
    seen, _, _ = watch((pod(inits=[CRASHED]), None, 30), (pod(inits=[UP_AGAIN]), None, 300))
    assert seen.status == ""


def test_an_image_that_is_pulled_again_for_a_container_that_ran_sets_no_clock_back():
    up = status("proxy", RUNNING, ended(1), restarts=4, started=False)
    not_up = pod(inits=[status("other", RUNNING, started=True), up], sidecars=("other", "proxy"))
    assert watch((not_up, PULLING, 9999))[0].status == "stuck"
    never_ran = pod(inits=[status("proxy", NOT_YET, started=False)])
    assert watch((never_ran, PULLING, 3600))[0].status == "", "half a gigabyte over a slow line"
    seen, after_s, _ = watch((never_ran, PULLING, 99999))
    assert (seen.status, after_s <= 7205) == ("stuck", True), "and even that has an end"
    assert "has not started in 2h" in seen.message


AT_WORK = {"phase": "Running", "worker": RUNNING}


@pytest.mark.parametrize(
    ("beside", "inits", "line"),
    [
        pytest.param(
            [status("proxy", ended(137, "OOMKilled"))], [],
            "The container 'proxy' ended (OOMKilled, exit code 137) - the worker does not need it", id="without memory",
        ),
        pytest.param(
            [], [CRASHED],
            "The sidecar container 'proxy' ended, and was started again (Error, exit code 1) - the worker does not need it",
            id="a sidecar that ends again and again",
        ),
        pytest.param(
            [status("agent", NO_IMAGE)], [],
            "Image 'agent:1' of the container 'agent' cannot be pulled (ImagePullBackOff: denied) - correct the image in "
            "cluster.pod.template, or give cluster.pod.template an imagePullSecrets (the worker does not wait for it)",
            id="an image",
        ),
        pytest.param(
            [status("proxy", ended(3, message="lease lost"))], [],
            "The container 'proxy' ended (Error, exit code 3: lease lost) - the worker does not need it", id="with last words",
        ),
    ],
)  # fmt: skip
def test_what_fails_beside_a_worker_at_work_is_told_once_and_costs_nothing(beside, inits, line):
    seen, _, news = watch((pod(beside=beside, inits=inits, **AT_WORK), None, 9999))
    assert seen.status == ""
    assert news == [line]


@pytest.mark.parametrize(
    "beside",
    [
        pytest.param([status("proxy", RUNNING)], id="that works"),
        pytest.param([status("agent", ended(0, "Completed"))], id="that is done"),
        pytest.param([status("agent", {"waiting": {"reason": "ContainerCreating"}})], id="that is being made ready"),
    ],
)
def test_a_container_beside_is_nobody_s_business(beside):
    assert find_beside(pod(beside=beside, **AT_WORK)) == ("", "")


def test_a_container_that_waits_for_its_image_beside_a_worker_that_does_too_stops_nothing():
    shown = pod({"waiting": {"reason": "ContainerCreating"}}, beside=[status("agent", NO_IMAGE)])
    assert find_start_trouble(shown) is None
    assert "'agent:1'" in watch((shown, None, 30))[2][0]


def test_a_person_s_debug_container_changes_nothing():
    shown = pod(**AT_WORK)
    shown["status"]["ephemeralContainerStatuses"] = [status("debugger-x", ended(1))]
    assert watch((shown, None, 9999))[::2] == (PodWatch(told="", working_since_s=1000.0), [])
    shown["status"]["containerStatuses"] = [status("worker", ended(0, "Completed"))]
    shown["status"]["ephemeralContainerStatuses"] = [status("debugger-x", RUNNING)]
    assert watch((shown, None, 5))[0].status == "over"


DONE = ended(0, "Completed")


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(pod(DONE, phase="Running", beside=[status("proxy", RUNNING)]), id="a proxy that never ends"),
        pytest.param(pod(DONE, phase="Running", inits=[status("bucket", RUNNING)]), id="a bucket sidecar that hangs"),
        pytest.param(pod(DONE, phase="Failed", beside=[status("proxy", ended(1))]), id="a proxy that failed"),
        pytest.param(pod(DONE, phase="Pending", beside=[status("agent", NO_IMAGE)]), id="an image nobody has"),
        pytest.param(pod(DONE, phase="Succeeded", beside=[status("proxy", DONE)]), id="all done"),
        pytest.param(pod(DONE, phase="Running", deletionTimestamp="2026-06-01T00:00:00Z"), id="being deleted"),
    ],
)
def test_a_worker_that_did_its_shard_did_it_whatever_is_beside_it(shown):
    seen, after_s, _ = watch((shown, None, 9999))
    assert (seen.status, after_s) == ("over", 0)
    assert judge_pod("p", shown, seen.status, "") is None


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        pytest.param(
            pod(phase="Failed", inits=[status("agent", ended(1))], sidecars=()),
            r"^The init container 'agent' failed, so the worker never started \(Error, exit code 1: no route\) - mend it, or keep "
            r"it out of Shoal's pods by cluster\.pod\.template", id="an init container",
        ),
        pytest.param(
            pod(phase="Failed", inits=[status("first", ended(0)), status("agent", ended(2, message="no lease"))], sidecars=()),
            r"'agent' failed.*exit code 2: no lease\)", id="the second of two, with a message of its own",
        ),
        pytest.param(
            {**pod(), "status": {"phase": "Failed", "message": "Pod was rejected: OutOfcpu"}},
            r"ended before its worker did \(Pod was rejected: OutOfcpu\)", id="nothing is known of any container",
        ),
        pytest.param(
            {**pod(), "status": {"phase": "Succeeded"}}, r"ended before its worker did \(Succeeded\)", id="not even that",
        ),
        pytest.param(
            pod(ended(137, "ContainerStatusUnknown", "The container could not be located"), phase="Failed"),
            r"Nobody saw the worker of pod shoal-1-0007-x end \(The container could not be located\)", id="a node that rebooted",
        ),
    ],
)  # fmt: skip
def test_a_pod_that_ended_without_its_worker_says_by_whose_fault(shown, message):
    with pytest.raises(WorkerError, match=message):
        raise find_failure(shown, lambda container: "no route")


def test_the_verdict_holds_the_last_words_of_a_sidecar_that_ends_again_and_again():
    shown = pod(inits=[CRASHED])
    asked = []

    def words(container):
        asked.append(container)
        return "cannot reach istiod"

    failure = judge_pod("p", shown, "stuck", "said before", words)
    assert "exit code 1: cannot reach istiod)" in str(failure)
    assert asked == ["proxy"]
    assert str(judge_pod("p", pod(), "stuck", "said before", words)) == "said before", "it is over meanwhile"


def test_a_pod_that_finalizers_keep_after_it_was_deleted_without_a_node_is_not_waited_for():
    leaving = {"deletionTimestamp": "2026-06-01T00:00:00Z", "finalizers": ["example.org/audit"]}
    shown = pod(node="", **leaving)
    seen, after_s, _ = watch((shown, None, 9999))
    assert (seen.status, after_s) == ("kept", 0)
    message = r"was deleted before it had a node; its finalizers \(example\.org/audit\) keep it"
    with pytest.raises(WorkerError, match=message):
        raise judge_pod("shoal-1-0007-x", shown, seen.status, "")
    assert watch((pod(phase="Running", worker=RUNNING, **leaving), None, 100))[0].status == "", (
        "its worker has its grace"
    )


@pytest.mark.parametrize(
    ("shown", "bounds", "within_s", "message"),
    [
        pytest.param(
            pod(node=""), Bounds(60, queue_s=43200), 43205, "waits for a node for 12h (cluster.wait, an hour at least): the next run takes these images -", id="for a node",
        ),
        pytest.param(
            pod(**AT_WORK), Bounds(60, work_s=14400), 14400 + 1805,
            "Worker of pod shoal-1-0007-x still runs 30m after its time box (run.budget) - it hangs, or node node-1 does not",
            id="for a worker that hangs",
        ),
        pytest.param(
            {**pod(), "status": {"phase": "Running"}}, Bounds(60), 605, "has not started in 600 s",
            id="for a kubelet that tells of no container",
        ),
    ],
)  # fmt: skip
def test_no_wait_is_without_a_bound(shown, bounds, within_s, message):
    seen, after_s, _ = watch((shown, None, within_s + 60), bounds=bounds)
    not_again = bounds.queue_s is not None
    assert (seen.status, after_s <= within_s) == ("unplaced" if not_again else "stuck", True), after_s
    assert message in seen.message
    failure = judge_pod("shoal-1-0007-x", shown, seen.status, seen.message)
    assert isinstance(failure, ConfigError) is not_again, "the next attempt would only wait as long again"
