"""`python -m shoal check DATASET`: try every step from the dataset file to its first rows; exit status 1 when one fails."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, note, print_json
from shoal.cli._reach import add_dataset, find_dataset, list_datasets, look_into_airflow, reach_stores
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.units import counted
from shoal.embedded.home import CONN_ID
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores

if TYPE_CHECKING:
    from shoal.engines.engine import Step


_MARKS = {True: "ok  ", False: "FIX ", None: "skip"}


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser, by_file=True)
    parser.add_argument("--no-worker", action="store_true", help="do not start a worker over the first images")
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Try every step; each is one line, or an entry of the object."""
    from shoal.preflight.steps import Checked, open_for_check, try_steps  # noqa: PLC0415 - other commands do not need it

    dataset = find_dataset(arguments.dataset, by_file=True)
    tried: list[Checked] = []

    def show(checked: Checked) -> None:
        tried.append(checked)
        if not arguments.json:
            first, *more = checked.text.splitlines() or [""]
            tell(
                f"{_MARKS[checked.ok]} {checked.name:8} {first}",
                *(f"     {line}" for line in more),
            )

    show(*try_steps(iter([("dataset", lambda: _check_dataset(dataset))])))
    with reach_stores(dataset, open_for_check) as stores:
        for checked in try_steps(_steps(dataset, stores)):
            show(checked)
        failed = sum(checked.ok is False for checked in tried)
        if failed or arguments.no_worker:
            show(Checked("worker", f"{counted(failed, 'step')} to fix first" if failed else "--no-worker", ok=None))
        else:
            say = note if arguments.json else tell
            show(*try_steps(iter([("worker", lambda: _try_worker(dataset, stores, say))])))
    holds = all(checked.ok is not False for checked in tried)
    if arguments.json:
        steps = [{"name": checked.name, "ok": checked.ok, "text": checked.text} for checked in tried]
        print_json({"dataset": dataset.name, "ok": holds, "steps": steps})
    return 0 if holds else 1


def _check_dataset(dataset: Dataset) -> str:
    """Judge what the file's own fields cannot tell: Airflow refuses such a file, too."""
    from shoal.airflow.engine_of import engine_of  # noqa: PLC0415

    if dataset.alerts.notifiers:
        look_into_airflow()
        from shoal.airflow.notifiers import need_notifiers  # noqa: PLC0415

        need_notifiers(dataset.alerts)
    engine_of(dataset).need_settings()
    return f"{dataset.name} is valid"


def _steps(dataset: Dataset, stores: Stores) -> Iterator["Step"]:
    from shoal.airflow.engine_of import engine_of  # noqa: PLC0415
    from shoal.preflight.steps import store_steps  # noqa: PLC0415

    yield from store_steps(dataset, stores)
    with suppress(ShoalError):  # what keeps results from being read is a step of its own
        if before := _look_back(dataset, stores):
            yield "before", lambda: before
    if dataset.alerts.notifiers:
        from shoal.airflow.notifiers import check_notifiers  # noqa: PLC0415

        yield "alerts", lambda: check_notifiers(dataset.alerts)
    # The embedded tier makes its pools itself, in a database of its own.
    if dataset.run.pool and dataset.results.conn_id != CONN_ID:
        from shoal.airflow.pools import check_pool  # noqa: PLC0415

        yield "pool", lambda: check_pool(dataset.run.pool or "")
    yield from engine_of(dataset).check_steps()


def _look_back(dataset: Dataset, stores: Stores) -> str:
    """Say what was changed in the dataset file although rows are stored; empty where nothing was."""
    from shoal.airflow.open_runs import find_place  # noqa: PLC0415
    from shoal.plan.moved import look_back  # noqa: PLC0415

    # The embedded tier keeps its Airflow to itself.
    before = None if dataset.results.conn_id == CONN_ID else find_place(dataset.name)
    lines = look_back(stores, dataset, before, list_datasets()).describe()
    return "\n".join(lines)


def _try_worker(dataset: Dataset, stores: Stores, say: Callable[[str], None]) -> str:
    from shoal.airflow.engine_of import connect  # noqa: PLC0415
    from shoal.preflight.sample_run import SampleRun  # noqa: PLC0415

    sample = SampleRun.prepare(dataset, stores)
    if not sample.plan.work.shards:
        return f"not started: the first {sample.plan.archived} images lie in an archive, a run takes those behind them"
    sample.run(connect, lambda line: say(f"     {line}"))
    images, seconds = sample.count_rows()
    if images == 0:
        raise ConfigError("The worker ended well and wrote no row - see its lines above")
    return f"{images} images have rows, {seconds:.3g} s each; the next run reuses them and plans with this speed"
