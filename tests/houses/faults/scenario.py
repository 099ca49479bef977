"""One dataset's night in which things break, and the nights after it until its answer is whole again."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from kubernetes import client
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from faults.site import Site
from shoal.contract.errors import StoreError
from shoal.engines.kubernetes.manifests import MANAGED, WORKER
from shoal.results.answer import read_current
from shoal.settings.dataset import Dataset

IDLE_S, FIND_S, PATIENCE_S = 900, 150, 120
FIRST_GAP_S, GAP_S = (1.0, 20.0), (0.5, 8.0)
MAX_NIGHTS = 8
"""The nights in which everything has to be whole again, the one with the faults among them."""

ENDED = {"success", "failed"}
TRIALS = tuple(f"trial-{number}" for number in range(8))
"""Versions of the model that have seen nothing yet: a trial of one is work that leaves the answer alone."""


@dataclass(frozen=True)
class Fault:
    """Something that breaks.

    Attributes:
        name: For people.
        inject: Breaks it, and mends what does not mend itself; returns what was hit, empty when there was nothing to hit.
        hits_everybody: Other scenarios notice it too.
        needs_mount: There is nothing to hit where workers read the bucket directly.
    """

    name: str
    inject: "Callable[[Scenario], str]"
    hits_everybody: bool = False
    needs_mount: bool = False


@dataclass(frozen=True)
class Injected:
    """A fault that was injected: what it hit, and when, in seconds since the night began."""

    fault: str
    hit: str
    began_s: float
    took_s: float


@dataclass
class Scenario:
    """One dataset under faults.

    Attributes:
        site: Where it lives.
        dataset: Whose results go to a bucket of its own.
        rng: Decides everything that is random, from the seed.
    """

    site: Site
    dataset: Dataset
    rng: random.Random
    injected: list[Injected] = field(default_factory=list)
    nights: int = 0
    trials: int = 0

    @property
    def dag_id(self) -> str:
        return f"reanalyse_{self.dataset.name}"

    @property
    def namespace(self) -> str:
        return str(self.dataset.cluster.namespace)

    def play(self, faults: Sequence[Fault]) -> None:
        """Begin a night, inject the faults one after the other at random moments, and go on until the answer is whole.

        A fault that finds nothing at work is given something: the next night, or a trial of another model version.
        """
        began, gap = time.monotonic(), FIRST_GAP_S
        self.start_night()
        for fault in faults:
            time.sleep(self.rng.uniform(*gap))
            gap = GAP_S
            with self.site.everybody if fault.hits_everybody else nullcontext():
                self.be_at_work()
                at = time.monotonic()
                hit = fault.inject(self)
                if not hit:  # what was at work ended just then
                    self.be_at_work()
                    hit = fault.inject(self)
            self.injected.append(Injected(fault.name, hit, at - began, time.monotonic() - at))
        self.wait_idle()
        while not self.whole() and self.nights < MAX_NIGHTS:
            self.start_night()
            self.wait_idle()

    def start_night(self) -> str:
        """Do what the dataset's cron does."""
        self.nights += 1
        return str(self.site.tier.rest.trigger(self.dag_id))

    def be_at_work(self) -> None:
        """Have a run of the dataset at work, and be some seconds into it."""
        if self.active_run():
            return
        if self.whole():
            self.site.tier.rest.trigger(self.dag_id, model_version=TRIALS[self.trials % len(TRIALS)])
            self.trials += 1
        else:
            self.start_night()
        time.sleep(self.rng.uniform(*FIRST_GAP_S))

    def runs(self) -> list[dict[str, Any]]:
        """All Dag runs of the dataset, oldest first."""
        found = [
            run
            for dag_id in (self.dag_id, f"backfill_{self.dataset.name}")
            for run in self.site.tier.rest.get(f"dags/{dag_id}/dagRuns?limit=100&order_by=run_after")["dag_runs"]
        ]
        return sorted(found, key=lambda run: run["run_after"])

    def active_run(self) -> str:
        """The run that is at work, or will be next; empty when there is none."""
        active = [
            run["dag_run_id"] for run in self.runs() if run["state"] not in ENDED and run["dag_id"] == self.dag_id
        ]
        return active[0] if active else ""

    def wait_idle(self) -> None:
        """Wait until no run of the dataset is at work."""
        deadline = time.monotonic() + IDLE_S
        while [run for run in self.runs() if run["state"] not in ENDED]:
            assert time.monotonic() < deadline, f"runs do not end in {IDLE_S} s: {self.story()}"
            time.sleep(2)

    def summary(self) -> dict[str, Any] | None:
        """The summary of the dataset's answer."""
        found: dict[str, Any] | None = patiently(self._read_summary)
        return found

    def _read_summary(self) -> dict[str, Any] | None:
        stores = self.site.tier.pipeline(self.dataset).stores
        current = read_current(stores.results, stores.layout)
        if current is None:
            return None
        run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
        return dict(stores.results.read_json(run.summary))

    def whole(self) -> bool:
        """Whether the dataset has a complete answer."""
        return self.summary() is not None

    def inferences(self) -> dict[str, int]:
        """In how many attempts each image was inferred."""
        return dict(patiently(self.site.tier.pipeline(self.dataset).inferences))

    def pods(self) -> list[client.V1Pod]:
        """The dataset's pods now; those of others in the same namespace write to other buckets."""
        selector = ",".join(f"{label}={value}" for label, value in MANAGED.items())
        core = self.site.tier.core
        found = patiently(lambda: core.list_namespaced_pod(self.namespace, label_selector=selector)).items
        return [pod for pod in found if self.dataset.results.bucket in pod.spec.containers[0].args]

    def working_pod(self) -> client.V1Pod | None:
        """One of the dataset's pods whose worker runs; None when the run ends without one."""
        deadline = time.monotonic() + FIND_S
        while time.monotonic() < deadline and self.active_run():
            if working := [pod for pod in self.pods() if _works(pod)]:
                return self.rng.choice(sorted(working, key=lambda pod: str(pod.metadata.name)))
            time.sleep(0.5)
        return None

    def seconds_to_next_attempt(self) -> list[float]:
        """How long after each attempt of a shard that failed the next one began."""
        gaps = []
        for run in self.runs():
            path = f"dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
            tasks = self.site.tier.rest.get(f"{path}?limit=1000")["task_instances"]
            for task in tasks:
                if task["task_id"] == "infer" and task["try_number"] > 1 and task["map_index"] >= 0:
                    tries = self.site.tier.rest.get(f"{path}/infer/{task['map_index']}/tries")["task_instances"]
                    tries = sorted((one for one in tries if one["start_date"]), key=lambda one: one["start_date"])
                    gaps += [
                        (_time(after["start_date"]) - _time(before["end_date"])).total_seconds()
                        for before, after in pairwise(tries)
                        if before["end_date"]
                    ]
        # One that was cleared at its work did not fail: its successor does not wait for its end.
        return [gap for gap in gaps if gap >= 0]

    def story(self) -> str:
        """What happened, for a person who asks why."""
        runs = [f"{run['dag_run_id']} {run['state']}" for run in self.runs()]
        faults = [f"{entry.began_s:.0f} s: {entry.fault} ({entry.hit or 'hit nothing'})" for entry in self.injected]
        tasks = [self.site.tier.rest.story(last["dag_id"], last["dag_run_id"]) for last in self.runs()[-1:]]
        pods = [f"{pod.metadata.name} {pod.status.phase}" for pod in self.pods()]
        return "\n".join([self.dataset.name, *faults, *runs, *pods, *tasks])


def twice(inferences: dict[str, int]) -> int:
    """Count the inferences beyond one per image."""
    return sum(inferences.values()) - len(inferences)


def patiently(read: Callable[[], Any]) -> Any:
    """Read what a summary may just be moving, from servers that somebody else's fault may have taken away."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return read()
        except (StoreError, client.ApiException, HTTPError, MinioException, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _works(pod: client.V1Pod) -> bool:
    statuses = pod.status.container_statuses or ()
    return pod.metadata.deletion_timestamp is None and any(
        status.name == WORKER and status.state.running for status in statuses
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
