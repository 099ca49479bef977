"""Why a run is as it is: from what is known of it to one cause and one way on, in the words of its own errors."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from shoal.contract.run_names import CHECK_DAG_ID
from shoal.contract.units import format_duration
from shoal.exports.asides import describe_unread
from shoal.history.facts import RunFacts
from shoal.history.left_over import tell_images, tell_shards
from shoal.plan.commands import ask_again, start_again
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.settings.execution import Cluster

QUIET = timedelta(minutes=10)
"""A worker writes every two minutes; a run that wrote nothing for so long has no worker at work."""

PLAN_WAITS: timedelta = Cluster().wait
"""So long a plan may wait for room, where the dataset file says nothing else: without plan.json nobody knows what it says."""

SUMMARY_PER_IMAGE = timedelta(milliseconds=0.5)
"""A summary of 10,000,000 images took 1,792 s of a processor; nearly three times that, as pods may have to share one."""


class State(StrEnum):
    """What a run has come to."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """Summarized, and images were left."""
    RUNNING = "running"
    WAITING = "waiting"
    """For room, for a person, for pods."""
    STOPPED = "stopped"
    """On purpose: plan_only, or approval refused."""
    ENDED = "ended"
    """Without a summary."""


@dataclass(frozen=True)
class Diagnosis:
    """What `why` says.

    Attributes:
        state: What the run has come to.
        cause: The first cause, in one sentence.
        next: The command or the change that goes on from there.
        shards: One line per shard that is not done.
        images: One line per group of images that are in no number.
    """

    state: State
    cause: str
    next: str
    shards: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it as `why --json` prints it."""
        return {
            "state": str(self.state),
            "cause": self.cause,
            "next": self.next,
            "shards": list(self.shards),
            "images": list(self.images),
        }


def diagnose(facts: RunFacts) -> Diagnosis:
    """Name the first cause of a run's state and the next step."""
    if facts.plan is None:
        return _without_plan(facts)
    if facts.summary is not None:
        state, cause, way_on = _judge_summarized(facts, facts.plan, facts.summary)
    else:
        state, cause, way_on = _judge_unsummarized(facts, facts.plan)
    return Diagnosis(state, cause, way_on, tuple(tell_shards(facts)), tuple(tell_images(facts)))


def _without_plan(facts: RunFacts) -> Diagnosis:
    age = facts.now - (facts.last_sign or facts.now)
    # Of which DAG it is nobody knows yet: a run that another DAG planned meanwhile is no sign that this plan has ended.
    wait = f"cluster.wait, {format_duration(PLAN_WAITS)} where the dataset file says nothing else"
    if age < QUIET:
        state, cause = State.RUNNING, "the listing is frozen, plan.json is not written yet: the plan is at work"
    elif age < PLAN_WAITS:
        state, cause = (
            State.WAITING,
            f"the listing was frozen {_ago(age)} ago and no plan.json written: the plan may wait for room ({wait}), or it failed",
        )
    else:
        state = State.ENDED
        cause = (
            f"the listing was frozen {_ago(age)} ago and no plan.json written: the plan failed, or was killed or cleared, unless "
            f"it waits for room ({wait})"
        )
    way_on = f"see the log of task plan of the run that began at {facts.run_key[:16]}, and: python -m shoal check {facts.dataset}"
    return Diagnosis(state, cause, way_on)


def _judge_summarized(facts: RunFacts, plan: StoredPlan, summary: StoredSummary) -> tuple[State, str, str]:
    balance = summary.balance
    if summary.complete:
        failed = f"; {balance['failed']} of its images cannot be used" if balance["failed"] else ""
        unread = "".join(f"; {line}" for line in describe_unread(balance))
        answer = ", and the run is the dataset's answer" if facts.is_answer else ""
        return (
            State.COMPLETE,
            f"every image is accounted for{failed}{answer}{unread}",
            f"python -m shoal verify {_run(facts)}",
        )
    if stopped := summary.stopped_shards:
        shard = next(entry for entry in summary.shards if entry.shard == stopped[0])
        cause = (
            f"shard {stopped[0]} stopped: {shard.failed} of {shard.tried} tried images failed, more than "
            "run.tolerated_failed_share allows"
        )
        return (
            State.INCOMPLETE,
            cause,
            f"look at their reasons below; mend the bucket or raise run.tolerated_failed_share, then {_start_again(plan)}",
        )
    if balance["unsettled"]:
        return State.INCOMPLETE, _cause_of_unsettled(facts, plan), _go_on(facts, plan)
    if balance["listed"] == balance["reused"] + balance["archived"] + balance["pending"]:
        return (
            State.INCOMPLETE,
            f"its {balance['pending']} open images were left to a run that was at work on them",
            _go_on(facts, plan),
        )
    budget = format_duration(plan.settings.run.budget)
    return (
        State.INCOMPLETE,
        f"{balance['pending']} images did not fit into the time box of {budget} (run.budget); nothing failed",
        _go_on(facts, plan),
    )


def _judge_unsummarized(facts: RunFacts, plan: StoredPlan) -> tuple[State, str, str]:
    quiet = facts.now - (facts.last_sign or facts.now)
    if plan.of_run is not None:
        return (
            State.RUNNING if quiet < QUIET else State.ENDED,
            f"it counts the images of run {plan.of_run} with other settings, and has no summary: last sign {_ago(quiet)} ago",
            f"if it ended, {_count_again(facts, plan)} once more: nothing was inferred, nothing is lost",
        )
    if judged := _judge_without_end(facts, plan) or _judge_approval(facts, plan):
        return judged
    if facts.open is not None and facts.open.count == 0:
        return _judge_inferred(facts, plan, quiet)
    if quiet < QUIET:
        failed = f"; so far: {_first_failure(facts)}" if facts.attempts else ""
        return (
            State.RUNNING,
            f"it is at work, or ended a moment ago: last sign {_ago(quiet)} ago{failed}",
            f"python -m shoal why {_run(facts)}",
        )
    if facts.attempts:
        return State.ENDED, _first_failure(facts), _go_on(facts, plan)
    nobody = facts.open is not None and facts.open.count == sum(shard.images for shard in facts.shards)
    what = "no worker has written anything" if nobody else "its workers fell silent"
    return (
        State.WAITING if nobody and facts.later is None else State.ENDED,
        f"{what} and no attempt left a note, last sign {_ago(quiet)} ago: its pods wait for room, or somebody ended it",
        f"python -m shoal fit --dataset {facts.dataset}, and the state of the run's infer tasks; then {_start_again(plan)}",
    )


def _judge_inferred(facts: RunFacts, plan: StoredPlan, quiet: timedelta) -> tuple[State, str, str]:
    """Tell of a run that only lacks its summary; that writes nothing before its end, and to end one at work would undo it."""
    images, takes = plan.counts.listed, QUIET + plan.counts.listed * SUMMARY_PER_IMAGE
    cause = (
        "every image of its manifest has a row, the summary is missing: summarize may be at work, which says nothing before its "
        f"end ({images:,} images take it up to about {_ago(takes)}); last sign {_ago(quiet)} ago"
    )
    first = f"see whether python -m shoal why {facts.word}/{facts.later} is complete; if not, " if facts.later else ""
    way_on = (
        f"{first}look at task summarize of its Dag run: where it runs, wait; where not, clear it, or start a new run, which "
        "reuses the rows"
    )
    return State.RUNNING if quiet < takes else State.ENDED, cause, way_on


def _judge_without_end(facts: RunFacts, plan: StoredPlan) -> tuple[State, str, str] | None:
    """Tell of a run that was never to have a summary."""
    if plan.plan_only:
        return (
            State.STOPPED,
            "plan_only: the run was to write its plan and no more",
            f"to infer what it planned: {_start_again(plan)}",
        )
    if plan.dag_run.dag_id == CHECK_DAG_ID:
        return (
            State.STOPPED,
            f"a sample that python -m shoal check {facts.dataset} tries: it has no summary, and later runs reuse its rows",
            f"nothing; a run over the dataset: {start_again(facts.dataset, {})}",
        )
    return None


def _judge_approval(facts: RunFacts, plan: StoredPlan) -> tuple[State, str, str] | None:
    """Read what was planned about approval, and what was said; None where inference may start."""
    approval = plan.approval
    if approval is None or approval.decision in {"not_needed", "approved"}:
        return None
    if facts.answer is not None and facts.answer.yes:
        return None
    work = f"{approval.images} images, {approval.cpu_hours:.3g} CPU hours of {plan.models}"
    if facts.answer is not None:
        by = f"refused by {facts.answer.by}" if facts.answer.by else "answered by nobody in time"
        return (
            State.STOPPED,
            f"{work}: {by} at {facts.answer.at}",
            ask_again(plan),
        )
    state = State.WAITING if approval.decision == "ask" else State.STOPPED
    return (
        state,
        f"{work} need approval: more than run.approval_cpu_hours {approval.threshold_cpu_hours:g}",
        "answer task approve of its Dag run"
        if approval.decision == "ask"
        else f"{_start_again(plan)} by hand, and answer its task approve",
    )


def _cause_of_unsettled(facts: RunFacts, plan: StoredPlan) -> str:
    if facts.attempts:
        return _first_failure(facts)
    return (
        "its workers ended with images left and no attempt failed: the time box of "
        f"{format_duration(plan.settings.run.budget)} (run.budget) was over, or a person ended the tasks"
    )


def _first_failure(facts: RunFacts) -> str:
    first = facts.attempts[0]
    times = sum(failed.shard == first.shard for failed in facts.attempts)
    node = f" on node {first.node}" if first.node else ""
    often = f"{times} times, first" if times > 1 else "once,"
    return f"shard {first.shard} failed {often} at {first.failed_at}{node}: {first.error}"


def _go_on(facts: RunFacts, plan: StoredPlan) -> str:
    if facts.open is not None and facts.open.count == 0 and plan.shards:
        return f"nothing: other runs have settled its images since; python -m shoal why {facts.word}"
    if facts.later is not None:
        return f"a later run goes on from there: python -m shoal why {facts.word}/{facts.later}"
    mend = "mend that, then " if facts.attempts else ""
    said = plan.params.going_on_with(plan.run_key).model_dump(mode="json")  # what this run retried is settled, too
    return f"{mend}{start_again(plan.dataset, said)}: what is settled is kept"


def _count_again(facts: RunFacts, plan: StoredPlan) -> str:
    conf = plan.params_json.get("conf")
    said = "" if conf is None else f" --conf {conf:g}"
    return f"python -m shoal summarize {facts.dataset} --at {plan.of_run}{said}{' --publish' if plan.may_become_current else ''}"


def _start_again(plan: StoredPlan) -> str:
    return start_again(plan.dataset, plan.params_json)


def _run(facts: RunFacts) -> str:
    return f"{facts.word}/{facts.run_key}"


def _ago(age: timedelta) -> str:
    """Write an age in the largest unit that tells enough."""
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
