"""From an image that arrives to the answer, on a real Airflow over the embedded store, which tells nobody what comes."""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from functools import partial

import pytest
import yaml

from cluster.binaries import minio_program
from cluster.object_store import start_object_store
from cluster.processes import Processes, answers
from dataset_settings import dataset_settings
from running_airflow import running_airflow
from shoal.airflow.triggers.arrivals import STORED_S, ArrivalsTrigger
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples.scenes import demo_scene
from shoal.settings.source import Source
from shoal.stores.s3 import S3Store
from waiting import wait_until

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="an Airflow that waits for minutes for what comes: make test-wide"
)

READY_S, ANSWER_S, GOAL_S = 300, 420, 180
DAG = "reanalyse_reef"

_wait = partial(wait_until, pause_s=0.5)


class Site:
    """A running Airflow with a dataset that images arrive in."""

    def __init__(self, home, access, airflow):
        self.home, self.airflow, self.rest = home, airflow, airflow.rest
        self.images = S3Store(access, "site-images")

    def put(self, moment):
        scene = demo_scene("IPC608", moment)
        self.images.write_bytes(scene.key, scene.jpeg)
        return scene.key

    def current(self):
        path = self.home.store / "site-results" / "reef" / "current.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def images_of_answer(self):
        current = self.current()
        run = self.home.store / "site-results" / "reef" / current["variant"]["directory"] / "runs" / current["run_key"]
        return json.loads((run / "summary.json").read_text(encoding="utf-8"))["result"]["examined"]

    def seen(self):
        """What the watcher keeps in mind."""
        assets = self.rest.get("assets?name_pattern=arrivals")["assets"]
        if not assets:
            return None
        states = self.rest.get(f"assets/{assets[0]['id']}/state-store")["asset_state_store"]
        return {state["key"]: state["value"] for state in states}.get("seen")

    def runs(self):
        found = self.rest.get(f"dags/{DAG}/dagRuns?order_by=run_after")["dag_runs"]
        return [run for run in found if run["run_type"] == "asset_triggered"]

    def tell_times(self, put_at, run_id):
        """Print what took how long, counted from the PUT."""

        def after(moment):
            return datetime.fromisoformat(moment).timestamp() - put_at

        (run,) = [run for run in self.runs() if run["dag_run_id"] == run_id]
        events = self.rest.get("assets/events?order_by=-timestamp&limit=10")["asset_events"]
        told = next(event["timestamp"] for event in events if event["uri"] == "shoal://reef/arrivals")
        lines = [("event in Airflow", after(told)), ("run starts", after(run["start_date"]))]
        for task in self.rest.get(f"dags/{DAG}/dagRuns/{run_id}/taskInstances")["task_instances"]:
            if task["start_date"] and task["end_date"]:
                lines += [(f"{task['task_id']} starts", after(task["start_date"]))]
                lines += [(f"{task['task_id']} ends", after(task["end_date"]))]
        for what, seconds in sorted(lines, key=lambda line: line[1]):
            sys.stdout.write(f"{seconds:7.1f} s  {what}\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory, demo_models, scenes):
    """An answer over six images, and a watcher that has looked once."""
    home = Home(tmp_path_factory.mktemp("arrivals"))
    home.make()
    settings = dataset_settings("site", CONN_ID, model={"name": "reef", "version": "v1"})
    settings["source"]["events"] = True
    (home.datasets / "reef.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with embedded_store(home.store, home.logs / "store.log") as access:
        client = access.connect()
        for role in ("images", "results", "models"):
            client.make_bucket(f"site-{role}")
        for scene in scenes[:6]:
            S3Store(access, "site-images").write_bytes(scene.key, scene.jpeg)
        S3Store(access, "site-models").write_bytes("reef/v1/model.onnx", demo_models["v1"])
        with running_airflow(home, home.airflow_environment(access), impatient="none") as airflow:
            running = Site(home, access, airflow)
            _wait(running.seen, READY_S, lambda: f"the watcher's first look: {running.rest.get('importErrors')}")
            assert running.rest.finished(DAG, running.rest.trigger(DAG), ANSWER_S) == "success"
            yield running


def answered(site, images, put_at):
    """Wait for an answer over so many images; return the run and the seconds from the PUT to it."""
    _wait(lambda: site.images_of_answer() == images, ANSWER_S, f"an answer over {images} images")
    took, run_id = time.time() - put_at, site.runs()[-1]["dag_run_id"]
    assert site.rest.finished(DAG, run_id, ANSWER_S) == "success"
    site.tell_times(put_at, run_id)
    sys.stdout.write(f"{took:7.1f} s  from PUT to answer\n")
    return run_id, took


def test_a_minio_that_starts_anew_is_watched_on(tmp_path):
    """By one triggerer, then by the next one: what came while nobody watched is told first."""
    processes, kept = Processes(tmp_path / "run"), Kept()
    access = start_object_store(processes, tmp_path / "data", "127.0.0.1")
    try:
        bucket = S3Store(access, "fish")
        access.connect().make_bucket("fish")
        bucket.write_bytes("cam 1/2026-06-11/ü+1.jpg", b"x")

        async def follow():
            async for event in watch(kept, access):
                yield event.payload["folders"]

        async def story():
            events = follow()
            first = asyncio.ensure_future(anext(events))
            await until(lambda: "seen" in kept.kept)
            bucket.write_bytes("cam 1/2026-06-12/ü+1.jpg", b"x")
            assert await first == ["cam 1/2026-06-12/"]
            second = asyncio.ensure_future(anext(events))
            await asyncio.sleep(STORED_S + 3)
            bucket.delete(["cam 1/2026-06-12/ü+1.jpg"])
            bucket.write_bytes("cam 1/2026-06-12/ü+2.jpg", b"x")
            assert await second == ["cam 1/2026-06-12/"]
            third = asyncio.ensure_future(anext(events))
            await asyncio.sleep(STORED_S + 3)
            processes.stop("minio")
            await asyncio.sleep(5)
            start_again(processes, access, tmp_path / "data")
            bucket.write_bytes("cam 2/2026-06-12/1.jpg", b"x")
            assert await third == ["cam 2/2026-06-12/"]

        asyncio.run(asyncio.wait_for(story(), 180))
        bucket.write_bytes("cam 2/2026-06-12/2.jpg", b"x")
        assert asyncio.run(asyncio.wait_for(anext(watch(kept, access)), 60)).payload["folders"] == ["cam 2/2026-06-12/"]
    finally:
        processes.stop("minio")


def watch(kept, access):
    """Watch the bucket as a triggerer does, but every two seconds."""
    source = Source(conn_id="s3", bucket="fish", events=True)
    trigger = ArrivalsTrigger("fish", source.model_dump(mode="json"), tell_s=2.0)
    trigger.asset_state_store, trigger._open = kept, lambda: S3Store(access, "fish")
    return trigger.run()


def start_again(processes, access, data):
    words = [str(minio_program()), "server", str(data), "--address", access.host]
    secrets = {"MINIO_ROOT_USER": access.access_key, "MINIO_ROOT_PASSWORD": access.secret_key, "MINIO_BROWSER": "off"}
    processes.start("minio", words, secrets)
    processes.wait_until("minio", lambda: answers(f"{access.endpoint_url}/minio/health/ready"), 60)


async def until(reached):
    for _ in range(300):
        if reached():
            return
        await asyncio.sleep(0.2)
    raise AssertionError("it did not come")


class Kept:
    """The asset's state, which outlives a triggerer."""

    def __init__(self):
        self.kept = {}

    async def aget(self, key):
        return self.kept.get(key)

    async def aset(self, key, value):
        self.kept[key] = value


def test_an_image_is_in_the_answer_three_minutes_after_it_arrived(site):
    assert site.runs() == []
    put_at = time.time()
    site.put(datetime(2026, 6, 4, 8, tzinfo=UTC))
    run_id, took = answered(site, 7, put_at)
    assert took < GOAL_S
    log = site.rest.log(DAG, run_id, "plan")
    assert "listed anew" in log


def test_what_arrives_while_nobody_watches_is_found_afterwards(site):
    before = len(site.runs())
    site.airflow.kill("triggerer")
    put_at = time.time()
    for minute in range(5):
        site.put(datetime(2026, 6, 5, 8, minute, tzinfo=UTC))
    time.sleep(5)
    site.airflow.start("triggerer")
    answered(site, 12, put_at)
    time.sleep(70)
    assert len(site.runs()) == before + 1, "one run for five images, and none for what was told"
