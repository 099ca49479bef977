"""A running Airflow whose shards are pods, as tests use it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from airflow_rest import AirflowRest
from dataset_settings import dataset_settings
from pipeline import Pipeline
from pods.deployed import waiting_pod
from running_airflow import RunningAirflow
from shoal.capacity.scheduler.fit import fit_pods
from shoal.embedded.home import Home
from shoal.engines.kubernetes.cluster import read_cluster
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess

ROOT = Path(__file__).parents[3]
PARSED_S, PARSED_TIMES = 40, 4


@dataclass(frozen=True)
class PodTier:
    """A running Airflow over datasets whose shards are pods.

    Attributes:
        airflow: The Airflow itself.
        home: Where dataset files and Airflow's files lie.
        core: The cluster, as its admin.
        admin: The store, as its admin.
        reader: The store with List and Get only.
        namespaces: Namespace per transfer.
        images: Image references: worker, sidecar.
        prefix: Begins the names of all buckets.
    """

    airflow: RunningAirflow = field(repr=False)
    home: Home
    core: client.CoreV1Api
    admin: StoreAccess
    reader: StoreAccess
    namespaces: dict[str, str]
    images: dict[str, str]
    prefix: str

    @property
    def rest(self) -> AirflowRest:
        """Airflow's REST API."""
        return self.airflow.rest

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of `python -m shoal` where Airflow's connections are known."""
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "shoal", *words], env=dict(self.airflow.environment), cwd=ROOT, text=True,
            capture_output=True, check=False, timeout=600,
        )  # fmt: skip

    def change(self, dataset: Dataset, **sections: Any) -> Dataset:
        """Change sections of a dataset file; the next plan reads it."""
        path = self.home.datasets / f"{dataset.name}.yaml"
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, changes in sections.items():
            settings[name] |= changes
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return load_dataset(path)

    def add_dataset(
        self, name: str, transfer: str, *, images: str | None = None, model: str = "demo-fish", **cluster: Any
    ) -> Dataset:
        """Write a dataset file and wait until Airflow has its DAG; results go to a bucket of its own."""
        self.make_bucket(f"{self.prefix}-{name}")
        pod = {"cpu": "200m", "memory": "400Mi", "transfer": transfer, **cluster.pop("pod", {})}
        run = cluster.pop("run", {})
        place = {"kind": "kubernetes", "namespace": self.namespaces[transfer], "pod": pod, "share": 1.0, "max_pods": 3}
        settings = dataset_settings(
            self.prefix,
            "shoal_source",
            source={"conn_id": "shoal_source", "bucket": f"{self.prefix}-{images or 'images'}"},
            results={"conn_id": "shoal_results", "bucket": f"{self.prefix}-{name}"},
            model={"name": model, "version": "v1"},
            cluster={**place, **cluster},
            worker={"image": self.images["worker"]},
            sidecar={"image": self.images["sidecar"], "cpu": "50m", "memory": "100Mi"},
            run=run,
        )
        path = self.home.datasets / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.wait_for_dag(f"reanalyse_{name}")
        return load_dataset(path)

    def make_bucket(self, name: str) -> None:
        store = self.admin.connect()
        if not store.bucket_exists(name):
            store.make_bucket(name)

    def pipeline(self, dataset: Dataset) -> Pipeline:
        """The same dataset's buckets for a run without Airflow and without pods."""
        return Pipeline(dataset, open_stores(dataset, lambda _: self.admin))

    def run(self, dataset: Dataset, **conf: Any) -> str:
        """Trigger a run and wait for its success; return its id."""
        return self.run_side_by_side({"": dataset}, **conf)[""]

    def run_side_by_side(self, datasets: Mapping[str, Dataset], **conf: Any) -> dict[str, str]:
        """Trigger a run of each dataset and wait for their success; return their ids."""
        started = {name: self.rest.trigger(f"reanalyse_{dataset.name}", **conf) for name, dataset in datasets.items()}
        for name, run_id in started.items():
            state = self.rest.finished(f"reanalyse_{datasets[name].name}", run_id)
            assert state == "success", self.story(datasets[name], run_id)
        return started

    def story(self, dataset: Dataset, run_id: str) -> str:
        """What happened in a run of reanalyse_<dataset>, for a person who asks why."""
        return self.rest.story(f"reanalyse_{dataset.name}", run_id)

    def summary(self, dataset: Dataset, run_id: str, dag_id: str = "") -> dict[str, Any]:
        """Read what a run of reanalyse_<dataset>, or of another DAG of it, came to."""
        uri = self.rest.xcom(dag_id or f"reanalyse_{dataset.name}", run_id, "summarize")["summary"]
        return self.pipeline(dataset).stores.results.read_json(uri.split("/", 3)[3])

    def shards(self, dataset: Dataset, run_id: str) -> dict[str, str]:
        """The state of each shard, by the first words of its label: `shard 0`."""
        tasks = self.rest.tasks(f"reanalyse_{dataset.name}", run_id)
        return {(label or "").partition(":")[0]: state for (task, label), state in tasks.items() if task == "infer"}

    def attempts(self, dataset: Dataset, run_id: str) -> list[int]:
        """How many attempts each shard took."""
        found = self.rest.get(f"dags/reanalyse_{dataset.name}/dagRuns/{run_id}/taskInstances?limit=1000")
        return [task["try_number"] for task in found["task_instances"] if task["task_id"] == "infer"]

    @contextmanager
    def full_cluster(self, namespace: str) -> Iterator[None]:
        """A pod of somebody else takes all CPU that is left, until the end of the block."""
        (node,) = fit_pods(read_cluster(self.core.api_client, namespace), waiting_pod(1)).nodes
        name = self.core.create_namespaced_pod(namespace, waiting_pod(int(node.free["cpu"] * 1000))).metadata.name
        try:
            yield
        finally:
            self.core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)

    def left_in(self, namespace: str) -> list[str]:
        """What runs left behind in a namespace (G10)."""
        selector = "app.kubernetes.io/managed-by=shoal"
        return [
            f"{kind} {item.metadata.name}"
            for kind in ("pod", "secret", "config_map")
            for item in getattr(self.core, f"list_namespaced_{kind}")(namespace, label_selector=selector).items
        ]

    def pods_started(self, namespace: str) -> set[str]:
        """Names of all pods the namespace's events tell of."""
        events = self.core.list_namespaced_event(namespace, field_selector="reason=Scheduled").items
        return {event.involved_object.name for event in events}

    def wait_for_dag(self, dag_id: str) -> None:
        """Have Airflow look at the dataset files until it has a DAG; a look costs seconds of a processor."""
        for _ in range(PARSED_TIMES):
            self.airflow.read_datasets()
            deadline = time.monotonic() + PARSED_S
            while time.monotonic() < deadline:
                found = self.rest.get(f"dags?dag_id_pattern={dag_id}&limit=100")["dags"]
                if any(dag["dag_id"] == dag_id for dag in found):
                    return
                time.sleep(0.5)
        raise AssertionError(f"Airflow has no DAG {dag_id}")
