"""Runs of a dataset that are under way, as far as the results bucket tells."""

from shoal.contract.errors import ConfigError
from shoal.history.facts import read_facts
from shoal.history.find_run import is_aside
from shoal.history.why import State, diagnose
from shoal.results.run_list import list_runs
from shoal.settings.dataset_stores import Stores


def need_none_in_flight(stores: Stores, answer: str) -> None:
    """Check that no run is about to become the answer that is published beside it.

    A run without a summary may go on for as long as it was not stopped on purpose: its pods wait, or Airflow tries it again.

    Args:
        stores: The dataset's buckets.
        answer: The run whose images are counted again: only later ones are looked at.

    Raises:
        ConfigError: One has no summary yet.
    """
    runs = list_runs(stores.results, stores.layout)
    for run_key in (run_key for run_key in runs if run_key > answer):
        variant = runs[run_key]
        if is_aside(stores, run_key, variant):
            continue
        if variant is not None and stores.results.has(stores.layout.variant(variant).run(run_key).summary):
            continue
        found = diagnose(read_facts(stores, run_key, runs))
        if found.state is not State.STOPPED:
            name = f"{stores.layout.dataset}/{run_key}"
            raise ConfigError(
                f"Run {name} has no summary yet ({found.state}: {found.cause}) - publish when it has one, or a later run has: "
                f"python -m shoal why {name}"
            )
