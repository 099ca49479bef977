"""Runs of a dataset that are under way, as far as the results bucket tells."""

from shoal.contract.errors import ConfigError
from shoal.history.facts import read_facts
from shoal.history.find_run import is_sample, list_runs
from shoal.history.why import State, diagnose
from shoal.settings.dataset_stores import Stores

UNDER_WAY = frozenset({State.RUNNING, State.WAITING})


def need_none_in_flight(stores: Stores, answer: str) -> None:
    """Check that no run is about to become the answer that is published beside it.

    Args:
        stores: The dataset's buckets.
        answer: The run whose images are counted again: only later ones are looked at.

    Raises:
        ConfigError: One is under way, or waits.
    """
    runs = list_runs(stores)
    for run_key in (run_key for run_key in runs if run_key > answer):
        if is_sample(stores, run_key, runs[run_key]):
            continue
        found = diagnose(read_facts(stores, run_key, runs))
        if found.state in UNDER_WAY:
            name = f"{stores.layout.dataset}/{run_key}"
            raise ConfigError(
                f"Run {name} is {found.state}: {found.cause} - publish when it has ended: python -m shoal why {name}"
            )
