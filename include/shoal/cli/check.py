"""`python -m shoal check DATASET`: try every step from the dataset file to its first rows; exit status 1 when one fails."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shoal.cli._reach import find_dataset, reach_stores
from shoal.contract.errors import ConfigError
from shoal.embedded.home import CONN_ID
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores

if TYPE_CHECKING:
    from shoal.engines.engine import Step


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("dataset", metavar="DATASET", help="name of the dataset: its file without .yaml")
    parser.add_argument("--no-worker", action="store_true", help="do not start a worker over the first images")


def execute(arguments: Namespace) -> int:
    """Try every step; each is one line."""
    from shoal.preflight.steps import open_for_check, try_steps  # noqa: PLC0415 - other commands do not need it

    dataset = find_dataset(arguments.dataset)
    print(f"ok   {'dataset':8} {dataset.name} is valid", flush=True)
    failed = 0
    with reach_stores(dataset, open_for_check) as stores:
        for checked in try_steps(_steps(dataset, stores)):
            print(f"{'ok ' if checked.ok else 'FIX'}  {checked.name:8} {checked.text}", flush=True)
            failed += not checked.ok
        if failed or arguments.no_worker:
            print(f"skip {'worker':8} {f'{failed} steps to fix first' if failed else '--no-worker'}")
        else:
            (worker,) = try_steps(iter([("worker", lambda: _try_worker(dataset, stores))]))
            print(f"{'ok ' if worker.ok else 'FIX'}  {worker.name:8} {worker.text}")
            failed += not worker.ok
    return 1 if failed else 0


def _steps(dataset: Dataset, stores: Stores) -> Iterator["Step"]:
    from shoal.airflow.engine_of import engine_of  # noqa: PLC0415
    from shoal.preflight.steps import store_steps  # noqa: PLC0415

    yield from store_steps(dataset, stores)
    # The embedded tier makes its pools itself, in a database of its own.
    if dataset.run.pool and dataset.results.conn_id != CONN_ID:
        from shoal.airflow.pools import check_pool  # noqa: PLC0415

        yield "pool", lambda: check_pool(dataset.run.pool or "")
    yield from engine_of(dataset).check_steps()


def _try_worker(dataset: Dataset, stores: Stores) -> str:
    from shoal.airflow.engine_of import connect  # noqa: PLC0415
    from shoal.preflight.sample_run import SampleRun  # noqa: PLC0415

    sample = SampleRun.prepare(dataset, stores)
    sample.run(connect, _say)
    images, seconds = sample.count_rows()
    if images == 0:
        raise ConfigError("The worker ended well and wrote no row - see its lines above")
    return f"{images} images have rows, {seconds:.3g} s each; the next run reuses them and plans with this speed"


def _say(line: str) -> None:
    print(f"     {line}", flush=True)
