"""Which run a person means by the word behind a command."""

import re
from collections.abc import Iterator
from contextlib import suppress

from shoal.cli._reach import find_dataset, list_datasets, reach_stores
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.minted_names import RUN_KEY
from shoal.settings.results_place import ResultsPlace, is_place


def read_word(text: str) -> tuple[str, str | None]:
    """Split a word into a dataset's name, or the place of its results, and a run_key; None where it names no run.

    Raises:
        ConfigError: It is no dataset, place or run.
    """
    from shoal.history.find_run import parse_run  # noqa: PLC0415 - other commands do not need it

    if is_place(text) and not re.search(RUN_KEY, text):
        return str(ResultsPlace.parse(text)).rstrip("/"), None
    if not is_place(text) and text in list_datasets():
        return text, None
    return (_find_owner(text), text) if re.fullmatch(RUN_KEY, text) else parse_run(text)


def _find_owner(run_key: str) -> str:
    """Find the one dataset that has a run.

    Raises:
        ConfigError: None has it, or several.
    """
    owners = list(_owners(run_key))
    if len(owners) != 1:
        which = f"datasets {', '.join(owners)} have it" if owners else f"none of {', '.join(list_datasets())} has it"
        raise ConfigError(f"Run {run_key}: {which} - write <dataset>/{run_key}")
    return owners[0]


def _owners(run_key: str) -> Iterator[str]:
    from shoal.history.find_run import find_variant  # noqa: PLC0415

    for name in list_datasets():
        # A dataset that cannot be reached, or lacks the run, is not the one.
        with suppress(ShoalError), reach_stores(find_dataset(name)) as stores:
            find_variant(stores, run_key)
            yield name
