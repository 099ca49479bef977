"""What Airflow itself costs: seconds of CPU from trigger to the worker, for each shard, and while nothing happens.

Each way of starting tasks gets an Airflow of its own, as `make up` runs it, on SQLite.
Their CPU is read from /proc, that of ended children included. A run that warms up is not counted; then one run has one shard and
another four, so that their difference is that of three shards. The bare worker does the same shard without Airflow; its CPU is
taken off the runs: what is left is Airflow's and Shoal's own tasks. Idle is measured over a window and scaled to half an hour.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from pinned_process import run_pinned
from shards import Workplace

from airflow_rest import AirflowRest
from cluster.processes import free_port
from shoal.contract.run_names import reanalyse_dag_id
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.processes.airflow_servers import (
    airflow_processes,
    read_password,
    web_environment,
    web_is_healthy,
)
from shoal.embedded.processes.rclone import embedded_store
from shoal.stores.s3_access import StoreAccess
from waiting import wait_until

HALF_AN_HOUR_S = 1800
READY_S, RUN_S, SETTLE_S, LOOK_S = 600, 900, 30, 0.05
FORKED, PRELOADED = "fork", "forkserver"
WORKER = " -m shoal_worker run "
MORE_SHARDS = 4


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        before_cpu_s: CPU of Airflow from the trigger to the start of the first worker.
        before_s: The same on the clock.
        cpu_s: CPU of Airflow and workers from the trigger to the run's end.
    """

    before_cpu_s: float
    before_s: float
    cpu_s: float


@dataclass(frozen=True)
class Airflow:
    """A running Airflow.

    Attributes:
        rest: Its REST API.
        roots: Its programs by name.
    """

    rest: AirflowRest
    roots: Mapping[str, psutil.Process]

    def cpu_s(self) -> dict[str, float]:
        """Read the CPU each program took so far, with all that it started."""
        return {name: _cpu_of_family(root) for name, root in self.roots.items()}

    def total_s(self) -> float:
        """Add them up."""
        return sum(self.cpu_s().values())

    def idle(self, seconds: float) -> dict[str, float]:
        """Measure what each program takes while nothing runs."""
        before = self.cpu_s()
        time.sleep(seconds)
        return {name: after - before[name] for name, after in self.cpu_s().items()}

    def run(self, dataset: str, limit: int) -> Run:
        """Trigger a run and wait for its end."""
        dag_id = reanalyse_dag_id(dataset)
        cpu_s, started = self.total_s(), time.monotonic()
        run_id = self.rest.trigger(dag_id, limit=limit)
        wait_until(self._has_worker, RUN_S, "a worker", pause_s=LOOK_S)
        before_cpu_s, before_s = self.total_s() - cpu_s, time.monotonic() - started
        state = self.rest.finished(dag_id, run_id, RUN_S)
        if state != "success":
            raise RuntimeError(f"Run {run_id} ended as {state}: {self.rest.story(dag_id, run_id)}")
        return Run(before_cpu_s, before_s, self.total_s() - cpu_s)

    def _has_worker(self) -> bool:
        for process in self.roots["scheduler"].children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if WORKER in " ".join(process.cmdline()):
                    return True
        return False


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        root = Path(folder)
        place = Workplace(root / "store", arguments.images, MORE_SHARDS)
        place.fill()
        with embedded_store(place.root, root / "store.log") as access:
            bare = place.plan(access, 1)
            code = {"PYTHONPATH": str(Path(__file__).parents[1] / "include")}
            speed = run_pinned(bare.commands()[0], {**bare.stores.worker_env(), **code}, max(os.sched_getaffinity(0)))
            print(
                f"{arguments.files} dataset files, shards of {arguments.images} images, {len(os.sched_getaffinity(0))} cores; "
                "seconds of CPU but for the last column"
            )
            print(f"{'':<24}{'to the worker':>15}{'1 shard, whole':>16}{'one more shard':>16}{'clock to worker':>17}")
            print(f"{'bare worker process':<24}{'':>15}{speed.whole_cpu_s:>16.1f}{speed.whole_cpu_s:>16.1f}{0:>17.1f}")
            for name in arguments.start:
                with _airflow(root / name, access, name, arguments.files) as airflow:
                    if name == arguments.start[-1] and arguments.idle_s:
                        _print_idle(airflow, arguments.idle_s)
                    airflow.run("reef2", arguments.images)
                    one = airflow.run("reef0", arguments.images)
                    several = airflow.run("reef1", MORE_SHARDS * arguments.images)
                    whole = one.cpu_s - speed.whole_cpu_s
                    more = (several.cpu_s - one.cpu_s) / (MORE_SHARDS - 1) - speed.whole_cpu_s
                    print(
                        f"{name:<24}{one.before_cpu_s:>15.1f}{whole:>16.1f}{more:>16.1f}{one.before_s:>17.1f}",
                        flush=True,
                    )


def _print_idle(airflow: Airflow, idle_s: float) -> None:
    time.sleep(SETTLE_S)
    idle = airflow.idle(idle_s)
    print(f"idle for half an hour, scaled from {idle_s:g} s:", flush=True)
    for name, cpu_s in (*idle.items(), ("all", sum(idle.values()))):
        print(f"  {name:<22}{cpu_s * HALF_AN_HOUR_S / idle_s:>15.1f}", flush=True)


@contextmanager
def _airflow(folder: Path, access: StoreAccess, name: str, files: int) -> Iterator[Airflow]:
    home = Home(folder)
    folder.mkdir()
    home.make()
    for number in range(files):
        _write_dataset(home, number, folder.name)
    home.migrate(access, lambda: None)
    port = free_port()
    settings = home.airflow_environment(access) | web_environment(port)
    if name == FORKED:
        settings = {key: value for key, value in settings.items() if "__MP_" not in key}
    with airflow_processes(settings, home.logs) as processes:
        wait_until(lambda: web_is_healthy(port), READY_S, "Airflow", pause_s=1)
        rest = AirflowRest(port, read_password(home.airflow))
        wait_until(lambda: rest.get("dags?limit=1")["total_entries"] == 2 * files, READY_S, "the DAGs", pause_s=1)
        yield Airflow(rest, {name: psutil.Process(process.pid) for name, process in processes.items()})


def _write_dataset(home: Home, number: int, prefix: str) -> None:
    """Write a dataset file; results of another Airflow's runs would leave nothing to infer, so each has a prefix of its own."""
    settings = {
        "source": {"conn_id": CONN_ID, "bucket": "images"},
        "results": {"conn_id": CONN_ID, "bucket": "results", "prefix": f"{prefix}/"},
        "models": {"conn_id": CONN_ID, "bucket": "models"},
        "model": {"name": "yolov8n"},
        "cluster": {"share": 1.0, "max_pods": MORE_SHARDS if number == 1 else 1, "pod": {"cpu": "400m"}},
        "run": {"schedule": "0 2 1 1 *"},
    }
    (home.datasets / f"reef{number}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def _cpu_of_family(root: psutil.Process) -> float:
    """Add up the CPU of a process and all below it; what was waited for counts with its parent."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20, metavar="N", help="dataset files (20)")
    parser.add_argument("--images", type=int, default=20, metavar="N", help="photos of a shard (20)")
    parser.add_argument(
        "--idle-s", type=float, default=300, metavar="S", help="window without any run, 0 for none (300)"
    )
    parser.add_argument(
        "--start", nargs="+", choices=(FORKED, PRELOADED), default=(FORKED, PRELOADED), help="how tasks are started"
    )
    arguments = parser.parse_args()
    if arguments.files < 3:
        parser.error("at least 3 dataset files are needed: one warms up, one has a shard, one has two")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
