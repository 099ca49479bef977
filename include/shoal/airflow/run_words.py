"""What a run says of itself in one line each: its plan, and what came of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from shoal.contract.units import counted
from shoal.evidence.health.again import describe_new, in_order

if TYPE_CHECKING:
    from shoal.plan.document import Plan
    from shoal.results.stored_plan import StoredPlan
    from shoal.summary.summarized_run import SummarizedRun


def tell_plan(plan: "Plan") -> str:
    """Say what a run is to do, and how long that should take."""
    parts = {
        "known": plan.reused,
        "to look at": plan.work.images,
        "left for later": plan.pending,
        "archived": plan.archived,
    }
    line = f"{plan.variant.title}: {_sum_up(plan.listed, 'listed', parts)}"
    if not plan.work.shards:
        return line
    rate = plan.work.rate
    return (
        f"{line}; planned for {counted(len(plan.work.shards), 'worker')}: about {about(plan.work.eta_s)}, "
        f"{rate.seconds_per_image:.3g} s per image ({rate.source})"
    )


def tell_count_again(plan: "StoredPlan") -> str:
    """Say of a plan that lists nothing what it counts."""
    return (
        f"the {plan.counts.listed:,} images of run {plan.of_run} are counted again: nothing is listed, nothing inferred"
    )


def tell_result(done: "SummarizedRun") -> str:
    """Say what came of a run."""
    stored = done.stored
    answer = "this run is the dataset's answer" if done.not_current_because is None else done.not_current_because
    left = f"; {done.left:,} left, which the next run goes on with" if done.left else ""
    return f"{_sum_up(stored.examined, 'examined', stored.uses)}{left}; {answer}"


def tell_new_answer(done: "SummarizedRun", dataset: str) -> tuple[str, str] | None:
    """Say that the answer is of another model version than before, and what to do about it; None where it is of the same.

    Args:
        done: A run that became the answer.
        dataset: Its name.
    """
    stored, before = done.stored, done.move.before
    looked = [model for model in (stored.model, stored.then) if model is not None]
    known = [model for model in (before["model"], before.get("then")) if model is not None] if before else []
    if [(model["name"], model["sha256"]) for model in known] == [(model.name, model.sha256) for model in looked]:
        return None
    first = f"{dataset} has its first complete answer of {stored.models}: {_sum_up(stored.examined, 'examined', stored.uses)}"
    if before is None:
        return first, f"python -m shoal current {dataset}"
    until_now = ", then ".join(f"{model['name']} {model['version']}" for model in known)
    return (
        f"{first}; until now it was {until_now}",
        f"python -m shoal compare {dataset} {before['run_key']} {stored.run_key}",
    )


def tell_new_troubles(done: "SummarizedRun", dataset: str) -> tuple[str, str, str] | None:
    """Say what is newly wrong with cameras, in one line, what to do next, and what tells it from other such news.

    None where nothing is; what was told of an answer before is not told again.
    """
    new = done.new_troubles
    if not new:
        return None
    which = "|".join(f"{one['camera']} {one['deployment']} {one['trouble']} {one['from']}" for one in in_order(new))
    return describe_new(new, dataset), f"python -m shoal health {dataset}", which


def about(seconds: float) -> str:
    """Write an expected time as people say it: `40 s`, `12 min`, `3 h 20 min`."""
    minutes = round(timedelta(seconds=seconds).total_seconds() / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _sum_up(total: int, what: str, parts: Mapping[str, int]) -> str:
    """Write a balance: what is nought is left out, as the sum says it."""
    told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)
    return f"{total:,} {what}{f' = {told}' if told else ''}"
