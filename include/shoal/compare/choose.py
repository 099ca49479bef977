"""Which two runs a person means by two words: versions of the model, or runs."""

import re

from shoal.answers.find import StoredRun, find_run, list_run_keys
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.results.stored_plan import find_plan
from shoal.results.stored_summary import find_summary
from shoal.stores.object_store import ObjectStore

_RUN = re.compile(r"(.+/)?\d{8}T.*|current")


def choose_runs(results: ObjectStore, layout: DatasetLayout, words: tuple[str, str]) -> tuple[StoredRun, StoredRun]:
    """Find the two runs: a version means its newest complete run over the whole dataset.

    Raises:
        ConfigError: There is no such run, or both are one.
    """
    first, second = (_choose(results, layout, word) for word in words)
    if first.run_key == second.run_key:
        raise ConfigError(f"{shown(words[0], 100)} and {shown(words[1], 100)} are both run {first.run_key} - name two")
    return first, second


def _choose(results: ObjectStore, layout: DatasetLayout, word: str) -> StoredRun:
    if _RUN.fullmatch(word):
        return find_run(results, layout, word)
    versions = set()
    for run_key, variant in reversed(list_run_keys(results, layout).items()):
        of_run = variant.run(run_key)
        plan = find_plan(results, of_run.plan)
        if plan is None or plan.plan_only or not plan.params.full_scope:
            continue
        summary = find_summary(results, of_run.summary) if plan.model.version == word or word not in versions else None
        if summary is None or not (summary.complete and summary.by_month):
            continue
        versions.add(plan.model.version)
        if plan.model.version == word:
            return StoredRun(variant, plan, summary)
    there = ", ".join(sorted(versions)) or "none"
    raise ConfigError(
        f"No complete run of dataset {layout.dataset} over all of its images is of model version {shown(word, 100)!r} - there "
        f"are {there}; start one with that version, which reuses what backfills have inferred"
    )
