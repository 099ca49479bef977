"""What the report tells of its run: what was planned, what came of it, and what of both is to be known beside the numbers."""

from collections.abc import Mapping
from typing import Any

from shoal.contract.hashing import canonical_sha256
from shoal.contract.units import utc_text
from shoal.exports.asides import describe_asides, describe_unread
from shoal.exports.report.verdict import say_verdict
from shoal.results.fates import fates_of
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.settings.deployments import Deployment
from shoal.settings.moments import in_utc


def told_of_plan(plan: StoredPlan, result: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what the template is given of a plan.

    Args:
        plan: The run's.
        result: What is told of it depends on what was found there.
    """
    return {
        "description": plan.settings.description,
        "narrowed": describe_narrowing(plan, result),
        "full_scope": plan.scope.full,
        "is_trial": not plan.may_become_current,
        "cited": plan.cited,
        "cited_then": plan.cite_then,
        "drops_below": plan.drops_below,
        "models": plan.models,
        "stays": describe_stays(plan.settings, result),
        "released": any(stay.is_released for stay in plan.settings.deployments),
    }


def told_of_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what the template is given of a summary's numbers."""
    return {
        "result": result,
        "result_sha256": canonical_sha256(result),
        "task": result.get("task"),
        "then": result.get("then"),
        "first_classes": result.get("first_classes"),
        "covered": result.get("covered"),
        "without_mask": any(one["without_mask"] for one in result.get("covered", ())),
        "asides": describe_asides(result),
    }


def told_of_run(run: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what the template is given of the run beside its numbers."""
    shown = shown_of_run(run)
    return {"run": shown, "verdict": say_verdict(result, shown), "unread": describe_unread(run["balance"])}


def shown_of_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Take what the report tells of a run beside its result: what is to be warned of, nothing of its time, name or share.

    Runs with the same of it and with the same result have the same report.
    """
    balance = run["balance"]
    return {
        "listed": balance["listed"],
        "fates": fates_of(balance),
        "silent": run["silent"],
        "odd": run["clock"]["odd"] if run["clock"] else [],
        "stopped_shards": run["stopped_shards"],
        "unreadable": run["unreadable"],
        "removed": run["removed_since_previous"] or 0,
    }


def describe_stays(dataset: Dataset, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Join what each deployment gave with what the dataset file says of it; images outside all of them have their own line."""
    stays = {(stay.camera, stay.name): stay for stay in dataset.deployments}
    outside = {found["camera"] for found in result["deployments"] if found["deployment"] is None}
    return [
        {**found, **_said(stays.get((found["camera"], found["deployment"]))), "outside": found["camera"] in outside}
        for found in result["deployments"]
    ]


def _said(stay: Deployment | None) -> dict[str, str]:
    start, end = (moment and utc_text(in_utc(moment)) for moment in ((stay.start, stay.end) if stay else (None, None)))
    return {
        "start": start or "",
        "end": end or "",
        "capture_method": (stay and stay.capture_method) or "",
        "correction": stay.correction if stay else "",
    }


def describe_narrowing(plan: StoredPlan, result: Mapping[str, Any]) -> list[str]:
    """Say in words what the person who started the run made other than the dataset file has it."""
    params, scope = plan.params, plan.scope
    words = []
    if params.prefix:
        words.append(f"only images whose keys begin with {scope.prefix}")
    if params.limit is not None:
        words.append(f"only the first {params.limit} images of the listing")
    if scope.window_start:
        words.append(f"only images captured at {scope.window_start} or later")
    if scope.window_end:
        words.append(f"only images captured before {scope.window_end}")
    if params.conf is not None:
        words.append(f"detections from confidence {result['conf']} on, for every species")
    if params.model_version is not None:
        words.append(f"model version {params.model_version}")
    return words
