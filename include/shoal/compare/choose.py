"""Which two runs a person means by two words: versions of the model, or runs."""

import re

from shoal.answers.find import StoredRun, find_run
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.results.read_plan import find_plan
from shoal.results.run_list import list_planned
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import find_summary
from shoal.stores.object_store import ObjectStore

_RUN = re.compile(r"(.+/)?\d{8}T.*|current")


def choose_runs(results: ObjectStore, layout: DatasetLayout, words: tuple[str, str]) -> tuple[StoredRun, StoredRun]:
    """Find the two runs: a version means its newest complete run over the whole dataset.

    Trials with a conf of their own, and counts that were not published, are none: what they differ in is no version's.

    Raises:
        ConfigError: There is no such run, or both are one.
    """
    first, second = (choose_run(results, layout, word) for word in words)
    need_two(words, first.run_key, second.run_key)
    return first, second


def need_two(words: tuple[str, str], first: str, second: str) -> None:
    """Check that two words mean two runs.

    Raises:
        ConfigError: Both are one.
    """
    if first == second:
        raise ConfigError(
            f"{shown(words[0], 100)} and {shown(words[1], 100)} are both run {first} - name two; of one model version by "
            "their run keys"
        )


def choose_run(results: ObjectStore, layout: DatasetLayout, word: str) -> StoredRun:
    """Find one run: a version means its newest complete run over the whole dataset; see `choose_runs`.

    Raises:
        ConfigError: There is no such run.
    """
    if _RUN.fullmatch(word):
        return find_run(results, layout, word)
    plans = []
    for run_key, folder in list_planned(results, layout).items():
        variant = layout.variant(folder)
        plan = find_plan(results, variant.run(run_key).plan)
        if plan is not None and _is_version_s_own(plan):
            plans.append((plan.listing.frozen_at.listed_at, run_key, variant, plan))
    for _, run_key, variant, plan in sorted(plans, key=lambda one: one[:2], reverse=True):
        summary = find_summary(results, variant.run(run_key).summary) if plan.model.version == word else None
        if summary is not None and summary.complete and summary.by_month:
            return StoredRun(variant, plan, summary)
    there = ", ".join(sorted({plan.model.version for *_, plan in plans})) or "none"
    raise ConfigError(
        f"No complete run of dataset {layout.dataset} over all of its images is of model version {shown(word, 100)!r} - runs "
        f"were planned of {there}; start one with that version, which reuses what backfills have inferred"
    )


def _is_version_s_own(plan: StoredPlan) -> bool:
    """Whether a run tells what a version finds with the dataset file's own settings: no trial of somebody's."""
    of_others = plan.of_run is not None and not plan.may_become_current
    return plan.params.full_scope and plan.params.conf is None and not plan.plan_only and not of_others
