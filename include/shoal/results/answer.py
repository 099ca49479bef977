"""`current.json`: which run is the dataset's answer, and the rule that moves it."""

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shoal.contract.damaged_objects import DAMAGED_CURRENT
from shoal.contract.errors import ContractError, StoreError, shown
from shoal.contract.layout import FOLDER, FORMAT_VERSION, DatasetLayout
from shoal.contract.minted_names import RUN_KEY, is_time
from shoal.contract.stored_json import pick, reading, take
from shoal.contract.stored_names import listing_below
from shoal.contract.units import agreed, counted, read_time, utc_text
from shoal.results.plan_parts import StoredModel, StoredVariant
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore
from shoal.tables.frozen_listing import FrozenAt

TRIES = 10
"""So often a run tries to become the answer while others do."""

UNCHANGED = 2
"""So often a store may say that another wrote what has not changed at all; then it understands conditions in its own way."""

REFUSED_PAUSE_S = 0.5
"""Long enough for what another writes at this moment to be there at the next look."""


@dataclass(frozen=True)
class AnswerMove:
    """What became of a run that was to be the dataset's answer.

    Attributes:
        not_because: None when it is the answer now, else the reason why not.
        before: What `current.json` said until then; None where there was no answer.
    """

    not_because: str | None
    before: Mapping[str, Any] | None


def read_current(results: ObjectStore, layout: DatasetLayout) -> dict[str, Any] | None:
    """Read the dataset's answer; None before its first complete run.

    Raises:
        ContractError: It is not what its format promises, or names what does not lie below the dataset.
    """
    found = results.find_json(layout.current)
    if found is None:
        return None
    with reading(layout.current, DAMAGED_CURRENT):
        directory, run_key = pick(StoredVariant, found["variant"]).directory, take(found, "run_key", str)
        pick(StoredModel, found["model"])
        if found.get("then") is not None:
            pick(StoredModel, found["then"])
        take(found, "result_sha256", str)
        if found.get("published_at") is not None:
            read_time(take(found, "published_at", str))
        listing = listing_below(layout.root, take(found, "listing", str))
        names = [
            *([] if re.fullmatch(RUN_KEY, run_key) and is_time(run_key) else [run_key]),
            *([] if re.fullmatch(FOLDER, directory) else [directory]),
            *([] if listing else [found["listing"]]),
        ]
        if names:
            raise ContractError(
                f"{layout.current} names {shown(names[0], 200)!r}, which is nothing below {layout.root} - restore or delete it: "
                "the next complete run becomes the answer"
            )
        answer = {**found, "listing": listing}
        FrozenAt.of_answer(answer)
    return answer


def move_current(
    results: ObjectStore,
    layout: DatasetLayout,
    plan: StoredPlan,
    *,
    complete: bool,
    result_sha256: str,
    unread: str = "",
) -> AnswerMove:
    """Make a run the dataset's answer where the rule allows it.

    The rule: planned by reanalyse_<dataset>, complete, of full scope, with the dataset file's own settings and selected
    model, on a listing not older than the one the answer names, which shows no more changed images than examined ones and
    lacks none that was just being written. So a run with another conf or model never changes a published series, and none
    leaves it that merely did not see it.

    Args:
        results: The results bucket.
        layout: The dataset's objects.
        plan: The run's plan.
        complete: Whether its summary is.
        result_sha256: What its result hashes to.
        unread: Why its images were read so badly that it is none; empty where they were not.
    """
    answer = {
        "format_version": FORMAT_VERSION,
        "dataset": plan.dataset,
        **plan.copied("run_key", "variant", "model"),
        **({} if plan.then is None else {"then": asdict(plan.then.model)}),
        "listing": plan.listing.key,
        "listed_at": utc_text(plan.listing.frozen_at.listed_at),
        "result_sha256": result_sha256,
        "published_at": None if plan.of_run is None else utc_text(results.read_clock()),
    }
    seen, unchanged = None, 0
    for _ in range(TRIES):
        # Between the look and the writing another run may become the answer: an Airflow beside this, a process that stood still.
        version, current = results.find_version(layout.current), read_current(results, layout)
        reason = why_not_the_answer(plan, current, complete=complete) or unread or None
        if reason is not None:
            return AnswerMove(reason, current)
        unchanged = unchanged + 1 if seen == (version, current) else 0
        seen = version, current
        if unchanged >= UNCHANGED:
            results.write_json(layout.current, answer)
            return AnswerMove(None, current)
        if results.replace_json(layout.current, answer, version):
            return AnswerMove(None, current)
        time.sleep(REFUSED_PAUSE_S)
    raise StoreError(
        f"{layout.current} was changed {TRIES} times while run {plan.run_key} was to become the answer - clear its summarize"
    )


def why_not_the_answer(plan: StoredPlan, current: Mapping[str, Any] | None, *, complete: bool) -> str | None:
    """Say why the rule makes a run not the dataset's answer; None where it does.

    Args:
        plan: The run's plan.
        current: What `current.json` says; None where there is none.
        complete: Whether the run's summary is.
    """
    if not complete:
        return "the run is not complete"
    if plan.of_run is not None and not plan.may_become_current:
        return (
            "the dataset's answer stays as it is: a count of a run's images becomes it with --publish (in the form: Count "
            "again), without a conf of its own"
        )
    if not plan.may_become_current:
        return "only a reanalyse_ run over the whole dataset with the file's own settings becomes the dataset's answer"
    return None if current is None else _why_the_other(plan, current)


def _why_the_other(plan: StoredPlan, current: Mapping[str, Any]) -> str | None:
    """Say why the answer so far stays that; None where the run takes its place."""
    mine, answers = plan.listing.frozen_at, FrozenAt.of_answer(current)
    if answers.listed_at > mine.listed_at:
        return f"run {current['run_key']} on a later listing is the answer already"
    if plan.drift is not None and (unsettled := plan.drift.unsettled):
        return (
            f"{counted(unsettled, 'image')} of the answer so far {agreed(unsettled, 'were')} just being written when the folder "
            "was listed (source.settle), and in no number here: the next run has them"
        )
    # A count of the same images is begun by hand, by whatever clock: the last one stands.
    if plan.of_run is not None:
        return None
    if _was_published_after(current, mine.listed_at):
        return (
            f"run {current['run_key']} was published with other settings after this one had listed: the next run counts by them, "
            "with the images of this one"
        )
    # Runs that share a listing are ordered by their names.
    if answers.listed_at == mine.listed_at and current["run_key"] > plan.run_key:
        return f"run {current['run_key']}, planned later on the same listing, is the answer already"
    return None


def _was_published_after(current: Mapping[str, Any], listed_at: datetime) -> bool:
    published_at = current.get("published_at")
    return published_at is not None and read_time(published_at) > listed_at
