"""Waiting for a shard's pod: what one more look at it tells, after all the looks before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from shoal.contract.errors import one_line
from shoal.engines.engine import Watch
from shoal.engines.kubernetes.pod_status import describe_wait, find_start_problem, find_start_stage, is_over

START_PROBLEM_S = 20.0
"""A registry that failed once is asked again by the kubelet within this; what lasts longer is reported."""

SLOW_S = 45.0
"""A pod that has its node and does not start is spoken of after this."""

STARTS_S = 600.0
"""And given up after this. Pulling an image does not count: half a gigabyte over a slow line takes its time."""

LOST_S = 60.0
"""A pod that is still there so long after its grace is on a node that does not answer."""

_PULLING = "Pulling"


@dataclass(frozen=True)
class PodWatch(Watch):
    """What the looks at a pod so far tell. Moments are seconds of the watcher's own clock.

    Attributes:
        status: `over`, `stuck`, `lost` or `gone`; empty while there is something to wait for.
        message: Why it is stuck.
        news: What is to be logged after the last look, said once and again when it changes.
        told: What the last news was about.
        stage: How far its start is, empty where it is not starting.
        stage_since_s: Since when.
        problem_since_s: Since when something keeps it from starting, None where nothing does.
        leaving_since_s: Since when it is being deleted, None where it is not.
    """

    told: str = ""
    stage: str = ""
    stage_since_s: float = 0.0
    problem_since_s: float | None = None
    leaving_since_s: float | None = None

    def wants_event(self, now_s: float) -> bool:
        """Whether the next look should know the pod's last event: only it says why a start is slow."""
        return bool(self.stage) and now_s - self.stage_since_s >= SLOW_S


def look(
    before: PodWatch, pod: Mapping[str, Any], now_s: float, grace_s: float, event: Mapping[str, Any] | None = None
) -> PodWatch:
    """Judge a pod by one more look.

    Args:
        before: What was seen until now.
        pod: The pod.
        now_s: Moment of the look.
        grace_s: Seconds a deleted pod gets.
        event: The pod's last event, if it was wanted and is known.
    """
    problem, stage = find_start_problem(pod), find_start_stage(pod)
    seen = replace(
        before,
        news="",
        stage=stage,
        stage_since_s=before.stage_since_s if stage == before.stage else now_s,
        problem_since_s=_since(before.problem_since_s, now_s, problem is not None),
        leaving_since_s=_since(before.leaving_since_s, now_s, "deletionTimestamp" in pod["metadata"]),
    )
    if is_over(pod):
        return replace(seen, status="over")
    if seen.problem_since_s is not None and now_s - seen.problem_since_s >= START_PROBLEM_S:
        return replace(seen, status="stuck", message=problem or "")
    if seen.leaving_since_s is not None and now_s - seen.leaving_since_s >= grace_s + LOST_S:
        return replace(seen, status="lost")
    if seen.wants_event(now_s) and problem is None:
        return _judge_slow_start(seen, pod["metadata"]["name"], now_s, event)
    wait = describe_wait(pod)
    return _tell(seen, wait, wait)


def last_event(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Choose the event that happened last; of two in the same second one that is no warning."""
    return max(events, key=lambda event: (_moment(event), event.get("type") != "Warning"), default=None)


def _judge_slow_start(seen: PodWatch, name: str, now_s: float, event: Mapping[str, Any] | None) -> PodWatch:
    reason, detail = (event.get("reason"), event.get("message")) if event else ("", "")
    why = one_line(f"{seen.stage}; its last event is {reason}: {detail}") if event else seen.stage
    if reason == _PULLING:
        seen = replace(seen, stage_since_s=now_s - SLOW_S)
    elif now_s - seen.stage_since_s >= STARTS_S:
        message = (
            f"Pod {name} has not started in {STARTS_S:.0f} s ({why}) - mend what it says, or look at the pod's node"
        )
        return replace(seen, status="stuck", message=message)
    return _tell(seen, f"{seen.stage} {reason}", f"Pod {name} has not started yet ({why})")


def _tell(seen: PodWatch, subject: str, line: str) -> PodWatch:
    return replace(seen, told=subject, news=line if subject != seen.told else "")


def _since(before_s: float | None, now_s: float, lasts: bool) -> float | None:
    if not lasts:
        return None
    return now_s if before_s is None else before_s


def _moment(event: Mapping[str, Any]) -> datetime:
    series = event.get("series") or {}
    moment = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return datetime.fromisoformat(moment) if moment else datetime.min.replace(tzinfo=UTC)
