"""Waiting for a shard's pod: what one more look at it tells, after all the looks before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shoal.contract.errors import one_line
from shoal.contract.units import format_duration
from shoal.engines.engine import Watch
from shoal.engines.kubernetes.pod_containers import containers_of, worker_of
from shoal.engines.kubernetes.pod_service import startup_s
from shoal.engines.kubernetes.pod_status import describe_wait, find_start_stage, is_kept, is_over
from shoal.engines.kubernetes.pod_trouble import find_beside, find_start_trouble
from shoal.settings.attempt_time import tell_waited

CALM_S = 10.0
"""What is wrong is over when it was not seen for so long: a container that ends at once runs at some looks."""

SLOW_S = 45.0
"""A pod that has its node and does not start is spoken of after this."""

STARTS_S = 600.0
"""And given up after this, at each stage of its start. Pulling an image does not count: half a gigabyte over a slow line takes
its time."""

STARTS_AT_MOST_S = 7200.0
"""But nothing takes longer than this, pulling and all."""

LOST_S = 60.0
"""A pod that is still there so long after its grace is on a node that does not answer."""

OVERDUE_S = 1800.0
"""A worker ends this long after its time box at the latest: an image at work, and a last part that the store takes late."""

_PULLING = "Pulling"
_SUMS_UP, _OF_VOLUMES = "Unable to attach or mount volumes", {"FailedMount", "FailedAttachVolume"}
"""How the kubelet begins what it says every two minutes of a pod whose volumes are not ready, and why one of them is not."""
_WENT_WELL = {"Pulled", "Created", "Started"}
"""Events that blame nothing."""


@dataclass(frozen=True)
class Bounds:
    """How long a pod is waited for. An hour more by each restart of whoever waits is no matter: there is an end to each.

    Attributes:
        grace_s: Seconds a deleted pod gets.
        queue_s: Seconds it may wait for a node (`cluster.wait`); None for what was started before there was a bound.
        work_s: Seconds after which its worker begins no further image (`run.budget`); None likewise.
    """

    grace_s: float
    queue_s: float | None = None
    work_s: float | None = None


@dataclass(frozen=True)
class PodWatch(Watch):
    """What the looks at a pod so far tell. Moments are seconds of the watcher's own clock, None where nothing is so.

    Attributes:
        status: `over`, `stuck`, `unplaced` (no node had room for it in time), `lost`, `kept` or `gone`; empty while there is
            something to wait for.
        message: Why it is stuck or unplaced.
        news: What is to be logged after the last look, said once and again when it changes.
        told: What the last news was about.
        stage: How far its start is, empty where it is not starting.
        stage_since_s: Since when.
        starting_since_s: Since when it has a node and no worker.
        queued_since_s: Since when it has no node.
        working_since_s: Since when its worker runs.
        problem_since_s: Since when something keeps it from starting.
        problem_seen_s: When that was seen last.
        leaving_since_s: Since when it is being deleted.
    """

    told: str = ""
    stage: str = ""
    stage_since_s: float = 0.0
    starting_since_s: float | None = None
    queued_since_s: float | None = None
    working_since_s: float | None = None
    problem_since_s: float | None = None
    problem_seen_s: float | None = None
    leaving_since_s: float | None = None

    def wants_event(self, now_s: float) -> bool:
        """Whether the next look should know the pod's last event: only it says why a start is slow."""
        return bool(self.stage) and now_s - self.stage_since_s >= SLOW_S


def look(
    before: PodWatch, pod: Mapping[str, Any], now_s: float, bounds: Bounds, event: Mapping[str, Any] | None = None
) -> PodWatch:
    """Judge a pod by one more look.

    Args:
        before: What was seen until now.
        pod: The pod.
        now_s: Moment of the look.
        bounds: How long it is waited for.
        event: The pod's last event, if it was wanted and is known.
    """
    if is_over(pod) or is_kept(pod):
        return replace(before, status="over" if is_over(pod) else "kept", news="")
    trouble = find_start_trouble(pod)
    seen = _note(before, pod, now_s, troubled=trouble is not None)
    if trouble is not None and _lasts(seen.problem_since_s, now_s, trouble.lasts_s):
        return replace(seen, status="stuck", message=trouble.message)
    if _lasts(seen.leaving_since_s, now_s, _grace_s(pod, bounds) + LOST_S):
        return replace(seen, status="lost")
    if given_up := _give_up(seen, pod, now_s, bounds):
        return given_up
    if seen.wants_event(now_s) and trouble is None:
        return _judge_slow_start(seen, pod, now_s, event)
    beside, line = find_beside(pod)
    wait = describe_wait(pod)
    return _tell(seen, wait or beside, wait or line)


def last_event(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Choose the event that happened last; of two in the same second one that is no warning.

    What only sums others up counts where there are no others: it comes later, and does not say what is missing.
    """
    found = list(events)
    telling = [event for event in found if not (event.get("message") or "").startswith(_SUMS_UP)]
    causes = {event.get("reason") for event in telling} & _OF_VOLUMES
    return max(
        telling if causes else found, key=lambda event: (_moment(event), event.get("type") != "Warning"), default=None
    )


def _grace_s(pod: Mapping[str, Any], bounds: Bounds) -> float:
    """Tell how long a deleted pod may take: whoever deleted it may have said another time than ours."""
    said = pod["metadata"].get("deletionGracePeriodSeconds")
    return bounds.grace_s if said is None else float(said)


def _note(before: PodWatch, pod: Mapping[str, Any], now_s: float, *, troubled: bool) -> PodWatch:
    """Note since when the pod is how it is."""
    stage, problem_seen_s = find_start_stage(pod), now_s if troubled else before.problem_seen_s
    calm = problem_seen_s is None or now_s - problem_seen_s >= CALM_S
    has_node = bool(pod.get("spec", {}).get("nodeName"))
    return replace(
        before,
        news="",
        stage=stage,
        stage_since_s=before.stage_since_s if stage == before.stage else now_s,
        starting_since_s=_since(before.starting_since_s, now_s, bool(stage)),
        queued_since_s=_since(before.queued_since_s, now_s, not has_node),
        working_since_s=_since(before.working_since_s, now_s, worker_of(pod).is_running),
        problem_since_s=_since(before.problem_since_s, now_s, not calm),
        problem_seen_s=problem_seen_s,
        leaving_since_s=_since(before.leaving_since_s, now_s, "deletionTimestamp" in pod["metadata"]),
    )


def _give_up(seen: PodWatch, pod: Mapping[str, Any], now_s: float, bounds: Bounds) -> PodWatch | None:
    """End the wait where something took longer than it ever should; None where nothing did."""
    if bounds.queue_s is not None and _lasts(seen.queued_since_s, now_s, bounds.queue_s):
        wait = describe_wait(pod) or f"Pod {pod['metadata']['name']} waits for a node"
        told = tell_waited(wait, timedelta(seconds=bounds.queue_s))
        message = f"{told} - make room, or lower cluster.pods or cluster.max_pods"
        return replace(seen, status="unplaced", message=message)
    message = _outlasted(seen, pod, now_s, bounds)
    return replace(seen, status="stuck", message=message) if message else None


def _outlasted(seen: PodWatch, pod: Mapping[str, Any], now_s: float, bounds: Bounds) -> str:
    """Say what took longer than it ever should; empty where nothing did."""
    name = pod["metadata"]["name"]
    if bounds.work_s is not None and _lasts(seen.working_since_s, now_s, bounds.work_s + OVERDUE_S):
        return (
            f"Worker of pod {name} still runs {_told(OVERDUE_S)} after its time box (run.budget) - it hangs, or node "
            f"{pod['spec'].get('nodeName')} does not answer: look at that node"
        )
    if _lasts(seen.starting_since_s, now_s, STARTS_AT_MOST_S):
        return (
            f"Pod {name} has not started in {_told(STARTS_AT_MOST_S)} ({seen.stage}) - "
            "pull its images beforehand, or look at the pod's node"
        )
    return ""


def _judge_slow_start(
    seen: PodWatch, pod: Mapping[str, Any], now_s: float, event: Mapping[str, Any] | None
) -> PodWatch:
    name = pod["metadata"]["name"]
    found = event if event and event.get("reason") not in _WENT_WELL else {}
    reason, detail = found.get("reason", ""), found.get("message")
    why = one_line(f"{seen.stage}; its last event is {reason}: {detail}") if found else seen.stage
    if reason == _PULLING and _pulls_first(pod, found):
        seen = replace(seen, stage_since_s=now_s - SLOW_S)
    elif now_s - seen.stage_since_s >= (starts_s := STARTS_S + startup_s(pod)):
        message = (
            f"Pod {name} has not started in {starts_s:.0f} s ({why}) - mend what it says, or look at the pod's node"
        )
        return replace(seen, status="stuck", message=message)
    return _tell(seen, f"{seen.stage} {reason}", f"Pod {name} has not started yet ({why})")


def _pulls_first(pod: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an image is pulled for a container that never ran: one that is started again pulls, too, and takes no new time."""
    path = (event.get("involvedObject") or {}).get("fieldPath") or ""
    name = path.partition("{")[2].removesuffix("}")
    found = [container for container in containers_of(pod) if container.name == name]
    return not any(container.restarts or container.has_begun for container in found)


def _tell(seen: PodWatch, subject: str, line: str) -> PodWatch:
    return replace(seen, told=subject, news=line if subject != seen.told else "")


def _told(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


def _lasts(since_s: float | None, now_s: float, most_s: float) -> bool:
    return since_s is not None and now_s - since_s >= most_s


def _since(before_s: float | None, now_s: float, lasts: bool) -> float | None:
    if not lasts:
        return None
    return now_s if before_s is None else before_s


def _moment(event: Mapping[str, Any]) -> datetime:
    series = event.get("series") or {}
    moment = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return datetime.fromisoformat(moment) if moment else datetime.min.replace(tzinfo=UTC)
