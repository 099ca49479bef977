"""What happens to a running Airflow from outside: a second Airflow, its database, stopped processes, edited files, floods of events.

Wide: minutes each, so `SHOAL_SEEDS` has to be set, as `make test-wide` does.
"""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import psutil
import pytest

from metadata_database import Postgres
from reef_airflow import NIGHTS, ReefAirflow, make_buckets, reef_airflow, stopped, write_dataset
from seeds import CHOSEN
from shoal.embedded.processes.rclone import embedded_store
from shoal.history.gc import delete, survey, terms_of
from shoal.stores.s3 import S3Store
from waiting import wait_until

pytestmark = pytest.mark.skipif(CHOSEN not in os.environ, reason="wide: make test-wide")

SOON_DEAD = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
}
"""A task whose process stands still is taken for dead after so many seconds, not after five minutes."""

PREFIX, SAME_NIGHT = "disturbed", "night"
AWAY_S, GOES_ON_S = 40, 25
MONTHS = iter([f"2024{month:02d}" for month in range(1, 13)])
EVENTS = 500


@pytest.fixture(scope="module")
def two(demo_models, tmp_path_factory):
    """Two Airflows over the same buckets, with the same dataset file."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "store").mkdir()
    with (
        embedded_store(folder / "store", folder / "store.log") as store,
        made_buckets(store, demo_models),
        reef_airflow(folder / "first", store, SOON_DEAD, PREFIX) as first,
        reef_airflow(folder / "second", store, SOON_DEAD, PREFIX) as second,
    ):
        yield first, second


@contextmanager
def made_buckets(store, models):
    make_buckets(store, models, PREFIX)
    yield


@pytest.fixture
def reef(two) -> ReefAirflow:
    """One of them: the other stands by."""
    return two[0]


@pytest.fixture
def images(two, scenes):
    """A month of scenes of its own for every test; how many images the bucket has then."""
    reef, month = two[0], next(MONTHS)
    for scene in scenes:
        reef.pipeline.put(scene.key.replace("202606", month), scene.jpeg + month.encode())
    return len(reef.pipeline.stores.source.list_keys(""))


def held_worker(reef: ReefAirflow) -> psutil.Process:
    """Wait for the worker of a shard, and stop it amid its images."""
    worker = wait_until(reef.shard_workers, 240, "a worker", pause_s=0.05)[0]
    worker.suspend()
    return worker


def assert_nothing_twice(reef: ReefAirflow, images: int) -> None:
    assert Counter(reef.pipeline.inferences().values()) == {1: images}


def test_images_that_another_airflow_has_in_hand_are_left_to_it(two, images):
    """The same night, so the same name of the run, in both; the first one's worker stands still meanwhile."""
    first, second = two
    first.trigger_as(SAME_NIGHT)
    with stopped(held_worker(first)):
        second.trigger_as(SAME_NIGHT)
        assert second.finished(SAME_NIGHT) == "success"
        assert "of another Airflow, which is not asked) may be at work" in second.log(SAME_NIGHT, "plan")
        assert second.summary(SAME_NIGHT)["run"]["balance"]["pending"] > 0
        stores = second.pipeline.stores
        terms = terms_of(second.pipeline.dataset, stores.results, timedelta(seconds=1))
        gone = delete(stores.results, stores.layout, survey(stores.results, stores.layout, terms))
        assert first.run_key(SAME_NIGHT) not in {entry.name.run_key for entry in gone}
    assert first.finished(SAME_NIGHT) == "success"
    first.assert_answer_whole(images)
    assert_nothing_twice(first, images)


@pytest.mark.parametrize(
    ("signum", "away_s"),
    [
        pytest.param(signal.SIGINT, 0, id="restarted"),
        pytest.param(signal.SIGKILL, AWAY_S, id="killed and away for a while"),
    ],
)
def test_a_run_goes_on_after_its_database_was_away(reef, images, signum, away_s):
    database = reef.airflow.database
    if not isinstance(database, Postgres):
        pytest.skip("Airflow keeps its state in SQLite here: make cluster-packages")
    run_id = reef.trigger()
    with stopped(held_worker(reef)):
        database.stop(signum)
    time.sleep(away_s)
    database.start()
    reef.start_what_ended()
    assert reef.finished(run_id) == "success", reef.rest.story(NIGHTS, run_id)
    reef.assert_answer_whole(images)


@pytest.fixture
def dataset_file(reef):
    """The dataset file, put back afterwards whatever happened: other stories plan by it."""
    path = reef.home.datasets / "reef.yaml"
    before = path.read_text(encoding="utf-8")
    yield path
    path.write_text(before, encoding="utf-8")
    reef.read_datasets(f"{PREFIX}-images")


def test_a_run_reads_the_bucket_that_it_was_planned_for(reef, images, dataset_file, scenes):
    other = S3Store(reef.pipeline.stores.source.access, f"{PREFIX}-other")
    other.access.connect().make_bucket(other.bucket)
    other.write_bytes(scenes[0].key, scenes[0].jpeg)
    run_id = reef.trigger()
    worker = held_worker(reef)
    before = dataset_file.read_text(encoding="utf-8")
    dataset_file.write_text(before.replace(f"{PREFIX}-images", other.bucket), encoding="utf-8")
    reef.read_datasets(other.bucket)
    worker.kill()  # its shard is attempted anew, by a task that reads the edited file
    assert reef.finished(run_id) == "success"
    changed = f"source.bucket {PREFIX}-images -> {other.bucket}"
    assert f"changed since this run was planned: {changed}; the run goes on as planned" in reef.log(run_id, "infer", 0)
    reef.assert_answer_whole(images)
    following = reef.trigger(plan_only=True)
    assert reef.finished(following) == "failed"
    assert f"are not where the dataset file looks now ({changed}); nothing was started" in reef.log(following, "plan")
    other.delete([scenes[0].key])
    nothing_there, answer = reef.trigger(plan_only=True), reef.answer()
    assert reef.finished(nothing_there) == "failed"
    said = f"nothing lies there - check source.bucket and source.prefix; the dataset file named other images before ({changed})"
    assert said in reef.log(nothing_there, "plan")
    assert reef.answer() == answer


@pytest.mark.parametrize("task", ["plan", "infer", "summarize"])
def test_a_task_that_stood_still_and_goes_on_beside_its_successor_changes_nothing(reef, images, task):
    run_id = reef.trigger()
    if task == "infer":
        held = [held_worker(reef), *reef.task_processes(run_id, task)]
    else:
        # Each has written its first object and not its last.
        folder = "listings" if task == "plan" else "ledger"
        before = reef.stored(folder)
        wait_until(lambda: reef.stored(folder) - before, 300, f"something in {folder}", pause_s=0.002)
        held = reef.task_processes(run_id, task)
    with stopped(*held):
        assert reef.finished(run_id) == "success", reef.rest.story(NIGHTS, run_id)
        planned, answer, summary = reef.run_key(run_id), reef.answer(), reef.summary(run_id)["result_sha256"]
    time.sleep(GOES_ON_S)
    assert reef.run_key(run_id) == planned, "the plan that counts"
    assert (reef.answer(), reef.summary(run_id)["result_sha256"]) == (answer, summary)
    assert reef.finished(reef.trigger()) == "success"
    reef.assert_answer_whole(images)


def test_a_flood_of_events_starts_no_run_beside_another_and_infers_nothing_twice(reef, images):
    write_dataset(reef.home, PREFIX, model={"name": "demo-fish", "version": "latest"})
    reef.read_datasets("latest")
    [asset] = reef.rest.get("assets?name_pattern=model")["assets"]

    def fire(number: int) -> None:
        reef.rest.send("POST", "assets/events", {"asset_id": asset["id"], "extra": {"number": number}})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(fire, range(EVENTS)))

    def runs() -> list[dict]:
        found = reef.rest.get(f"dags/{NIGHTS}/dagRuns?limit=600&order_by=run_after")["dag_runs"]
        return [run for run in found if run["run_type"] == "asset_triggered"]

    def all_over() -> bool:
        at_work = [run for run in runs() if run["state"] in {"queued", "running"}]
        assert len([run for run in at_work if run["state"] == "running"]) <= 1
        return bool(runs()) and not at_work

    wait_until(all_over, 600, "the end of all runs", pause_s=1)
    assert len(runs()) < EVENTS / 10
    assert Counter(reef.pipeline.inferences("v2").values()) == {1: images}
