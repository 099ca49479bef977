"""Images that end their worker, by a crash or by filling its memory: each costs itself only, wherever the worker runs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline import make_pipeline
from pods.installation import put
from shard_attempts import airflow_connection, run_with_attempts
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import crash_on_white, hungry_on_white

DARK = 40
WHITE = (5, 6, 20)
PLACES = {
    "a process that crashes": ("process", crash_on_white, ""),
    "a pod that crashes": ("pods", crash_on_white, "direct"),
    "a pod out of memory": ("pods", hungry_on_white, "mount"),
}


def key(number):
    return f"20260601-00{number:02}00-IPC608.jpg"


def image(number):
    return (white_jpeg() if number in WHITE else dark_jpeg(number)) + str(number).encode()


@dataclass
class Poisoned:
    """A dataset with three images that their model does not survive, after its runs.

    Attributes:
        first: Summary of the first run.
        attempts: How many attempts its one shard took.
        log: What its tasks said.
        second: Summary of the run after.
        workers_of_the_second: How many workers that started.
        left: What each of the runs left behind where it ran.
    """

    first: Mapping[str, Any]
    attempts: list[int]
    log: str
    second: Mapping[str, Any]
    workers_of_the_second: int
    left: list[str]


@pytest.fixture(scope="module")
def in_processes(store, tmp_path_factory) -> Callable[[str], Poisoned]:
    """The shard's task as Airflow calls it, with real workers that crash."""

    def play(place: str) -> Poisoned:
        _, model, _ = PLACES[place]
        folder = tmp_path_factory.mktemp("poison")
        log = folder / "tasks.log"
        handler = logging.FileHandler(log)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))
            patch.setenv("AIRFLOW_HOME", str(folder / "airflow"))
            logging.getLogger("shoal").addHandler(handler)
            try:
                pipeline = make_pipeline(store, {"v1": model()}, folder, cluster={"share": 1.0, "max_pods": 1})
                for number in range(DARK):
                    pipeline.put(key(number), image(number))
                first = run_with_attempts(pipeline)
                second = run_with_attempts(pipeline)
            finally:
                logging.getLogger("shoal").removeHandler(handler)
        results, layout = pipeline.stores.results, pipeline.stores.layout
        left = [name for name in results.list_keys(layout.root) if "/trying-" in name]
        return Poisoned(first.summary, [first.attempts], log.read_text(), second.summary, second.attempts, left)

    return play


@pytest.fixture(scope="module")
def in_pods(request) -> Callable[[str], Poisoned]:
    """Pods of a real cluster, planned and watched by a real Airflow; all models side by side."""
    played: dict[str, Poisoned] = {}

    def play(place: str) -> Poisoned:
        if not played:
            played.update(_play_in_pods(request.getfixturevalue("pods")))
        return played[place]

    return play


def _play_in_pods(pods) -> dict[str, Poisoned]:
    store, bucket = pods.admin.connect(), f"{pods.prefix}-poison"
    pods.make_bucket(bucket)
    for number in range(DARK):
        put(store, bucket, key(number), image(number))
    datasets = {}
    for place, (where, model, transfer) in PLACES.items():
        if where == "pods":
            name = place.rpartition(" ")[2]
            put(store, f"{pods.prefix}-models", f"{name}/v1/model.onnx", model())
            datasets[place] = pods.add_dataset(f"poison-{name}", transfer, images="poison", model=name, max_pods=1)
    left: dict[str, list[str]] = {place: [] for place in datasets}

    def run() -> dict[str, str]:
        runs = pods.run_side_by_side(datasets)
        for place, dataset in datasets.items():
            left[place] += pods.left_in(dataset.cluster.namespace)  # the next plan would delete it
        return runs

    first = run()
    before = {place: pods.pods_started(dataset.cluster.namespace) for place, dataset in datasets.items()}
    second = run()
    started = {
        place: len(pods.pods_started(dataset.cluster.namespace) - before[place]) for place, dataset in datasets.items()
    }
    return {
        place: Poisoned(
            pods.summary(dataset, first[place]),
            pods.attempts(dataset, first[place]),
            pods.rest.log(f"reanalyse_{dataset.name}", first[place], "infer", 0, 2),
            pods.summary(dataset, second[place]),
            started[place],
            left[place],
        )
        for place, dataset in datasets.items()
    }


@pytest.fixture(scope="module", params=PLACES)
def poisoned(request, in_processes, in_pods) -> Poisoned:
    where = PLACES[request.param][0]
    return (in_pods if where == "pods" else in_processes)(request.param)


def test_three_poison_images_cost_one_attempt_and_themselves(poisoned):
    summary = poisoned.first
    assert poisoned.attempts == [2]
    assert summary["complete"]
    assert summary["result"]["failed_by_reason"] == {"killed_worker": len(WHITE)}
    assert summary["run"]["balance"]["processed"] == DARK - len(WHITE)
    for number in WHITE:
        assert f"'{key(number)}' was tried alone and ended the worker: failed, killed_worker" in poisoned.log


def test_they_are_not_tried_again(poisoned):
    assert poisoned.workers_of_the_second == 0
    assert poisoned.second["result_sha256"] == poisoned.first["result_sha256"]


def test_nothing_of_them_is_left(poisoned):
    assert poisoned.left == []
