"""An Airflow over one dataset `reef`, its processes as they can be stopped, and what its runs left in the buckets."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from airflow_rest import AirflowRest
from dataset_settings import dataset_settings
from pipeline import Pipeline
from running_airflow import RunningAirflow, running_airflow
from shoal.contract.run_layout import RunLayout
from shoal.embedded.home import CONN_ID, Home
from shoal.results.answer import read_current
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess
from waiting import wait_until

NIGHTS = "reanalyse_reef"
READY_S, RUN_S, FILE_READ_S = 300, 600, 300
NEVER = {"schedule": "0 2 1 1 *", "budget": "20m", "tolerated_failed_share": 1.0}


@dataclass(frozen=True)
class ReefAirflow:
    """A running Airflow over the dataset."""

    airflow: RunningAirflow
    home: Home
    pipeline: Pipeline

    @property
    def rest(self) -> AirflowRest:
        return self.airflow.rest

    def trigger(self, **conf: Any) -> str:
        return self.rest.trigger(NIGHTS, **conf)

    def trigger_as(self, run_id: str) -> None:
        """Start a run of a name that another Airflow may give one of its own, as a cron does."""
        self.rest.send("POST", f"dags/{NIGHTS}/dagRuns", {"logical_date": None, "conf": {}, "dag_run_id": run_id})

    def finished(self, run_id: str) -> str:
        """Wait until a run has ended; return its state. What ends of Airflow meanwhile is started again, whenever that is."""

        def ended() -> str:
            self.start_what_ended()
            state = self.rest.get(f"dags/{NIGHTS}/dagRuns/{run_id}")["state"]
            return str(state) if state in {"success", "failed"} else ""

        said = f"the end of run {run_id}"
        return str(wait_until(ended, RUN_S, lambda: f"{said}: {self.rest.tasks(NIGHTS, run_id)}", pause_s=2))

    def log(self, run_id: str, task: str, map_index: int = -1) -> str:
        """What all attempts at a task said: on a busy machine one may be taken for dead."""
        path = f"dags/{NIGHTS}/dagRuns/{run_id}/taskInstances/{task}"
        attempts = self.rest.get(path if map_index < 0 else f"{path}/{map_index}")["try_number"]
        return "\n".join(self.rest.log(NIGHTS, run_id, task, map_index, number) for number in range(1, attempts + 1))

    def run_key(self, run_id: str) -> str:
        return str(self.rest.xcom(NIGHTS, run_id, "plan", "plan")["run_key"])

    def summary(self, run_id: str) -> dict[str, Any]:
        return self.pipeline.stores.results.read_json(self._layout(run_id).summary)

    def answer(self) -> dict[str, Any] | None:
        """The dataset's answer, as current.json names it."""
        return read_current(self.pipeline.stores.results, self.pipeline.stores.layout)

    def assert_answer_whole(self, images: int) -> None:
        """The answer is about so many images, each once, and is the same when it is computed again."""
        current, stores = self.answer(), self.pipeline.stores
        assert current is not None
        directory, run_key = current["variant"]["directory"], current["run_key"]
        summary = stores.results.read_json(stores.layout.variant(directory).run(run_key).summary)
        assert summary["complete"]
        assert summary["result"]["examined"] == images == sum(summary["result"]["balance"].values())
        assert self.pipeline.verify(run_key, directory).deviations == ()

    def stored(self, folder: str) -> set[Path]:
        """The Parquet files below folders of a name, such as `ledger`, where the store keeps them on this machine."""
        bucket = self.pipeline.stores.results.bucket
        return set((self.home.root.parent / "store" / bucket).rglob(f"{folder}/**/*.parquet"))

    def read_datasets(self, until: str) -> None:
        """Have the dataset file read anew, and wait until the DAG's page says a word."""
        self.airflow.read_datasets()
        wait_until(lambda: until in self.rest.get(f"dags/{NIGHTS}/details")["doc_md"], FILE_READ_S, until, pause_s=1)

    def start_what_ended(self) -> list[str]:
        """Start again those of Airflow's programs that ended, as systemd, compose or Kubernetes do; return which."""
        ended = [name for name, process in self.airflow.processes.items() if process.poll() is not None]
        for name in ended:
            self.airflow.start(name)
        return ended

    def shard_workers(self) -> list[psutil.Process]:
        """Workers that are at a shard, not at the trial of a model."""
        return [process for process in self._family() if " -m shoal_worker run " in _command(process)]

    def task_processes(self, run_id: str, task: str) -> list[psutil.Process]:
        """Processes that run a task of a run, and those that watch them: Airflow names both after the task instance."""
        found = self.rest.get(f"dags/{NIGHTS}/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"]
        ids = [instance["id"] for instance in found if instance["task_id"] == task]
        return [process for process in self._family() if any(name in _command(process) for name in ids)]

    def _family(self) -> list[psutil.Process]:
        return psutil.Process(self.airflow.processes["scheduler"].pid).children(recursive=True)

    def _layout(self, run_id: str) -> RunLayout:
        planned = self.rest.xcom(NIGHTS, run_id, "plan", "plan")
        return self.pipeline.stores.layout.variant(planned["variant"]).run(planned["run_key"])


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """Hold processes where they are (SIGSTOP), and let them go on afterwards."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            if process.is_running():
                process.resume()


def make_buckets(store: StoreAccess, models: Mapping[str, bytes], prefix: str) -> None:
    """Make the dataset's three buckets, without images."""
    client = store.connect()
    for role in ("images", "results", "models"):
        client.make_bucket(f"{prefix}-{role}")
    for version, data in models.items():
        client.put_object(f"{prefix}-models", f"demo-fish/{version}/model.onnx", io.BytesIO(data), len(data))


def write_dataset(home: Home, prefix: str, **sections: Any) -> Path:
    """Write the dataset file; its cron never fires."""
    settings = {"cluster": {"share": 1.0, "max_pods": 1}, "run": NEVER, **sections}
    path = home.datasets / "reef.yaml"
    path.write_text(yaml.safe_dump(dataset_settings(prefix, CONN_ID, **settings)), encoding="utf-8")
    return path


@contextmanager
def reef_airflow(
    folder: Path, store: StoreAccess, environment: Mapping[str, str], prefix: str
) -> Iterator[ReefAirflow]:
    """Start an Airflow over the dataset, in buckets that are there.

    Args:
        folder: For its home.
        store: Has the buckets.
        environment: What it is told beside.
        prefix: Begins the buckets' names.
    """
    home = Home(folder)
    home.make()
    dataset = load_dataset(write_dataset(home, prefix))
    pipeline = Pipeline(dataset, open_stores(dataset, lambda _: store))
    with running_airflow(home, {**home.airflow_environment(store), **environment}) as airflow:
        made = ReefAirflow(airflow, home, pipeline)
        wait_until(lambda: len(made.rest.get("dags?dag_id_pattern=reef")["dags"]) == 2, READY_S, "the DAGs", pause_s=1)
        yield made
