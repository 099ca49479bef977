"""Whether `current.json` names the run that the rule makes the dataset's answer."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from shoal.contract.units import utc_text
from shoal.results.answer import read_current, why_not_the_answer
from shoal.results.read_plan import find_plan
from shoal.results.run_list import list_planned
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.settings.dataset_stores import Stores
from shoal.summary.balance import Balance

MOST_LATER = 50
"""Later runs that are asked whether they should be the answer: the latest ones."""


def check_current(stores: Stores, plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    """G3: `current.json` names a complete run with the result it has, as the rule moves it (`results.answer`).

    Args:
        stores: The dataset's buckets.
        plan: Of the run that is verified.
        summary: Its summary.
    """
    current = read_current(stores.results, stores.layout)
    if current is None:
        if why_not_the_answer(plan, None, complete=summary.complete) is None and not _was_unread(summary):
            yield f"G3: there is no {stores.layout.current}, and run {plan.run_key} is one that becomes the answer - restore it"
        return
    if current["run_key"] == plan.run_key:
        yield from _check_named(current, plan, summary)
        yield from _find_better(stores, current, plan)


def _check_named(current: Mapping[str, Any], plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    """Hold what it says against the run that it names."""
    if not summary.complete:
        yield "G3: current.json names this run, which is not complete"
    if not plan.may_become_current:
        yield "G3: current.json names this run, which was not planned to become the answer"
    if current["result_sha256"] != summary.result_sha256:
        yield "G3: current.json has another result sha256 than the summary"
    says = {
        "variant": asdict(plan.variant),
        "model": asdict(plan.model),
        "listing": plan.listing.key,
        "listed_at": utc_text(plan.listing.frozen_at.listed_at),
    }
    for name, value in says.items():
        if name in current and current[name] != value:
            yield f"G3: current.json says {name} {current[name]}, the plan of run {plan.run_key} says {value}"


def _find_better(stores: Stores, current: Mapping[str, Any], named: StoredPlan) -> Iterator[str]:
    """Find a later run that would have taken the answer's place: then current.json was set back."""
    later = {run: folder for run, folder in list_planned(stores.results, stores.layout).items() if run > named.run_key}
    for run_key, folder in sorted(later.items(), reverse=True)[:MOST_LATER]:
        run = stores.layout.variant(folder).run(run_key)
        plan = find_plan(stores.results, run.plan)
        if plan is None or not plan.may_become_current:
            continue
        summary = find_summary(stores.results, run.summary)
        if summary is None or _was_unread(summary):
            continue
        if why_not_the_answer(plan, current, complete=summary.complete) is not None:
            continue
        yield (
            f"G3: current.json names run {named.run_key}, and run {run_key}, complete and on a later listing, is there: unless "
            "its summarize is at work at this moment, current.json was set back - clear that task"
        )
        return


def _was_unread(summary: StoredSummary) -> bool:
    """Whether its images were read so badly that it is no answer."""
    fates = {name: int(images) for name, images in summary.balance.items() if name != "listed"}
    return bool(Balance(int(summary.balance["listed"]), fates).why_no_answer())
