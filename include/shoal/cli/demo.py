"""`python -m shoal demo`: the whole job once, on this machine, with nothing installed but Python."""

import subprocess
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from contextlib import suppress

from shoal.cli._demo_answer import show_answer
from shoal.cli._embedded import Embedded, add_own_files, open_embedded, say
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.run_names import reanalyse_dag_id
from shoal.embedded.processes.process_trees import end_family, family_of
from shoal.embedded.processes.run_dag import ANSWER
from shoal.embedded.processes.unfinished_runs import fail_unfinished_runs
from shoal.history.standing import find_progress
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores

STOP_S = 15
"""What a run that is let go may take to stop its workers and leave."""

WATCH_INTERVAL_S = 0.5

TOLD_EVERY_S = 10.0
"""How far the run is, over all its workers; each tells its own besides."""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_own_files(parser)


def execute(arguments: Namespace) -> int:
    """Run the demo and show its answer."""
    started = time.monotonic()
    with open_embedded(arguments, scheduler_follows=False) as embedded:
        dag_id = reanalyse_dag_id(embedded.dataset_name)
        say("airflow", f"running DAG {dag_id}: plan >> approve >> infer >> summarize")
        try:
            summary_uri = _run_dag(embedded, dag_id)
        finally:
            with suppress(ConfigError):  # a full disk, say; the next start does it again
                fail_unfinished_runs(embedded.home.airflow_database, also_scheduled=True)
        if summary_uri is None:
            say("failed", f"the run did not succeed; Airflow's whole log: {embedded.home.logs / 'demo.log'}")
            return 1
        show_answer(embedded, summary_uri)
    say("time", f"{time.monotonic() - started:.0f} s in all; run it again: nothing is inferred twice")
    return 0


def _run_dag(embedded: Embedded, dag_id: str) -> str | None:
    """Run a DAG in a process of its own, showing what its tasks say; return the URI of its summary, None when it failed.

    Raises:
        ShoalError: The disk is full or the store has gone.
    """
    command = [sys.executable, "-m", "shoal.embedded.processes.run_dag", dag_id]
    summary_uri = None
    with (embedded.home.logs / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=embedded.home.airflow_environment(embedded.access),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C is ours: we let it go, and it stops in order
        )
    watch = _Watch(embedded, process)
    watch.start()
    try:
        for line in process.stdout or ():
            stage, _, text = line.rstrip("\n").partition("\t")
            if stage == ANSWER:
                summary_uri = text
            elif watch.trouble is None:
                say(stage, text)
        succeeded = process.wait() == 0
    except KeyboardInterrupt:
        say("stopping", "workers write what they have; Ctrl-C again ends them at once")
        raise
    finally:
        _let_go(process)
    if watch.trouble is not None:
        raise watch.trouble
    return summary_uri if succeeded else None


class _Watch(threading.Thread):
    """Lets a run go when the disk is full or the store has gone: its tasks would only try again for minutes."""

    def __init__(self, embedded: Embedded, process: "subprocess.Popen[str]") -> None:
        super().__init__(name="watch", daemon=True)
        self.trouble: ShoalError | None = None
        self._embedded = embedded
        self._process = process

    def run(self) -> None:
        """Look until the run has ended."""
        told_s = time.monotonic()
        while self._process.poll() is None:
            self.trouble = self._embedded.find_trouble()
            if self.trouble is not None:
                _close_leash(self._process)
                return
            if time.monotonic() - told_s >= TOLD_EVERY_S:
                self._tell_progress()
                told_s = time.monotonic()
            time.sleep(WATCH_INTERVAL_S)

    def _tell_progress(self) -> None:
        with suppress(ShoalError):  # it is no more than told
            stores = open_stores(load_dataset(self._embedded.dataset_file), lambda _: self._embedded.access)
            progress = find_progress(stores, workers=1)  # `run_dag` runs one task at a time
            if progress is not None and progress.left and progress.images_per_s:
                say("infer", progress.describe())


def _let_go(process: "subprocess.Popen[str]") -> None:
    """Have a run stop in order; kill it and what it started when it takes too long or the person is impatient."""
    family = family_of([process.pid])
    try:
        _close_leash(process)
        process.wait(STOP_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        end_family(family, 0)
        process.wait()


def _close_leash(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.close()
