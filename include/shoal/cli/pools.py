"""`python -m shoal pools`: make the Airflow pools that dataset files name; one that exists stays as it is."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

from shoal.cli._reach import list_datasets, look_into_airflow
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError
from shoal.settings.dataset_files import load_dataset


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "--slots", type=int, help="slots of a new pool (default 16); the web interface changes them later"
    )


def execute(arguments: Namespace) -> int:
    """Make them, in Airflow's database: to be run where its scheduler runs."""
    if arguments.slots is not None and arguments.slots < 1:
        raise ConfigError(f"--slots is {arguments.slots} - a pool without slots starts nothing, give 1 or more")
    names = named_pools(list_datasets().values())
    if not names:
        tell("No dataset file names a pool (run.pool): shards use default_pool")
        return 0
    look_into_airflow()
    from shoal.airflow.pools import DEFAULT_SLOTS, make_pools  # noqa: PLC0415 - Airflow takes seconds to import

    slots = arguments.slots or DEFAULT_SLOTS
    new = make_pools(names, slots)
    for name in names:
        tell(f"pool {name}: {f'made with {slots} slots' if name in new else 'is there'}")
    return 0


def named_pools(paths: Iterable[Path]) -> list[str]:
    """List the pools that dataset files name; a broken file names none."""
    names = set()
    for path in paths:
        try:
            names.add(load_dataset(path).run.pool)
        except ConfigError:
            continue  # its DAG says what is wrong
    return sorted(name for name in names if name)
