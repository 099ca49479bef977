"""What operators do to runs in mid-work, on the real scheduler: no image is lost by it, and none has rows of two attempts.

Each does it to a dataset of its own, of which both shards are at work. It takes minutes, so that `make test-wide` plays it alone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
import yaml

from airflow_rest import RUN_S, AirflowRest
from dataset_settings import dataset_settings
from pipeline import Pipeline
from running_airflow import HEALTHY_S, RunningAirflow, running_airflow
from shoal.embedded.home import CONN_ID, Home
from shoal.results.answer import read_current
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from waiting import wait_until
from worker.images import white_jpeg
from worker.onnx_models import slow_on_white

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="what operators do in mid-run takes minutes: make test-wide"
)

IMAGES, MOST_NIGHTS = 40, 4
STEPS = 300_000
"""Half a second an image, or some on a busy machine."""


@dataclass(frozen=True)
class Flight:
    """A run whose shards are at work, and what an operator has at hand."""

    airflow: RunningAirflow
    pipeline: Pipeline
    run_id: str

    @property
    def rest(self) -> AirflowRest:
        return self.airflow.rest

    @property
    def dag_id(self) -> str:
        return f"reanalyse_{self.pipeline.dataset.name}"

    def send(self, method: str, path: str, **body: object) -> None:
        self.rest.send(method, f"dags/{self.dag_id}{path}", body)

    def airflow_command(self, *words: str) -> None:
        command = [sys.executable, "-m", "airflow", *words]
        ended = subprocess.run(command, env=dict(self.airflow.environment), capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def clean_the_database(flight: Flight) -> None:
    """As a nightly job does that keeps no history, with the run's own rows among what it deletes."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    tables = "trigger,task_instance,task_instance_history,log"
    flight.airflow_command(
        "db", "clean", "--clean-before-timestamp", later, "--tables", tables, "--skip-archive", "--yes"
    )


def pause_and_go_on(flight: Flight) -> None:
    flight.send("PATCH", "?update_mask=is_paused", is_paused=True)
    time.sleep(15)
    flight.send("PATCH", "?update_mask=is_paused", is_paused=False)


def kill_the_api_server(flight: Flight) -> None:
    """Tasks have nobody to tell for a minute."""
    flight.airflow.kill("api-server")
    time.sleep(60)
    start_the_api_server(flight)


def stop_and_resume(flight: Flight) -> None:
    """The machine is shut down in order and started again."""
    for name in ("scheduler", "triggerer", "dag-processor", "api-server"):
        process = flight.airflow.processes[name]
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)
    start_the_api_server(flight)
    for name in ("dag-processor", "scheduler", "triggerer"):
        flight.airflow.start(name)


def start_the_api_server(flight: Flight) -> None:
    flight.airflow.start("api-server")

    def answers() -> bool:
        try:
            return bool(
                flight.rest.http.request("GET", f"{flight.rest.url}/api/v2/version", retries=False).status == 200
            )
        except urllib3.exceptions.HTTPError:
            return False

    wait_until(answers, HEALTHY_S, "an API server", pause_s=1)


def clear_one_index(flight: Flight) -> None:
    body = {"dry_run": False, "dag_run_id": flight.run_id, "task_ids": [["infer", 1]], "only_failed": False}
    flight.send("POST", "/clearTaskInstances", **body)


def clear_all_indexes(flight: Flight) -> None:
    flight.rest.clear(flight.dag_id, flight.run_id, "infer")


def cancel_a_backfill_and_repeat_it(flight: Flight) -> None:
    """Three months, of which the first is cancelled amid its shards; the same again goes on to the end."""
    monthly = f"backfill_{flight.pipeline.dataset.name}"
    months = ("2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z")
    backfill = flight.rest.backfill(monthly, *months)
    time.sleep(20)
    flight.rest.send("PUT", f"backfills/{backfill}/cancel")
    flight.rest.backfill(monthly, *months)

    def ended() -> bool:
        runs = flight.rest.get(f"dags/{monthly}/dagRuns?limit=50")["dag_runs"]
        return len(runs) >= 3 and all(run["state"] in {"success", "failed"} for run in runs)

    wait_until(ended, RUN_S, "the end of the backfill", pause_s=2)


def nothing(_flight: Flight) -> None:
    """Its run id is as long as it may be: what Shoal names after it has room elsewhere."""


ACTS: dict[str, Callable[[Flight], None]] = {
    "airflow db clean": clean_the_database,
    "paused": pause_and_go_on,
    "API server SIGKILLed": kill_the_api_server,
    "stopped and resumed": stop_and_resume,
    "one map index cleared": clear_one_index,
    "all map indexes cleared": clear_all_indexes,
    "a backfill cancelled and repeated": cancel_a_backfill_and_repeat_it,
    "a run id of 247 characters": nothing,
}


@pytest.fixture(scope="module")
def airflow(store, tmp_path_factory) -> Iterator[RunningAirflow]:
    home = Home(tmp_path_factory.mktemp("operators") / "home")
    home.make()
    client = store.connect()
    for role in ("images", "results", "models"):
        client.make_bucket(f"operators-{role}")
    for number in range(len(ACTS)):
        settings = dataset_settings(
            "operators",
            CONN_ID,
            cluster={"share": 1.0, "max_pods": 2},
            model={"name": f"slow{number}", "version": "v1"},
        )
        (home.datasets / f"act{number}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        pipeline = _pipeline(home, number, store)
        # Of each act its own: rows of one must not be those of another.
        pipeline.stores.models.write_bytes(f"slow{number}/v1/model.onnx", slow_on_white(STEPS + number))
    for number in range(IMAGES):
        key = f"20260{4 + number % 3}{number // 3 + 1:02}-120000-CAM1.jpg"
        pipeline.put(key, white_jpeg() + str(number).encode())
    with running_airflow(home, home.airflow_environment(store)) as running:
        wait_until(
            lambda: len(running.rest.get("dags?dag_id_pattern=act")["dags"]) == 2 * len(ACTS),
            RUN_S,
            "the DAGs",
            pause_s=2,
        )
        yield running


def _pipeline(home: Home, number: int, store) -> Pipeline:
    dataset = load_dataset(home.datasets / f"act{number}.yaml")
    return Pipeline(dataset, open_stores(dataset, lambda _: store))


@pytest.fixture(params=ACTS)
def flown(request, airflow, store) -> Flight:
    """A run in whose middle an operator did it, and as many nights afterwards as it took."""
    number = list(ACTS).index(request.param)
    home = Home(airflow.logs.parents[0])
    pipeline = _pipeline(home, number, store)
    dag_id, run_id = f"reanalyse_act{number}", f"{'o' * (247 - len('operator__'))}operator__"
    if ACTS[request.param] is not nothing:
        run_id = f"operator__{number}"
    airflow.rest.send("POST", f"dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None})
    airflow.rest.reached(dag_id, run_id, "infer", "running")
    time.sleep(4)
    flight = Flight(airflow, pipeline, run_id)
    ACTS[request.param](flight)
    for night in range(MOST_NIGHTS):
        airflow.rest.finished(dag_id, run_id)
        _wait_for_all(airflow.rest, dag_id)
        if read_current(pipeline.stores.results, pipeline.stores.layout) is not None:
            return flight
        run_id = f"night__{night}"
        airflow.rest.send("POST", f"dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None})
    pytest.fail(airflow.rest.story(dag_id, run_id))


def _wait_for_all(rest: AirflowRest, dag_id: str) -> None:
    """Continuations are runs, too."""

    def ended() -> bool:
        runs = rest.get(f"dags/{dag_id}/dagRuns?limit=50")["dag_runs"]
        return all(run["state"] in {"success", "failed"} for run in runs)

    wait_until(ended, RUN_S, f"the end of all runs of {dag_id}", pause_s=2)


def test_no_image_is_lost_and_none_is_inferred_twice(flown):
    pipeline = flown.pipeline
    stores = pipeline.stores
    current = read_current(stores.results, stores.layout)
    run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
    summary = stores.results.read_json(run.summary)
    balance = dict(summary["run"]["balance"])
    assert summary["complete"]
    assert balance.pop("listed") == sum(balance.values()) == IMAGES
    assert summary["result"]["examined"] == IMAGES
    rows = stores.results.list_keys(stores.layout.root)
    assert any("/ledger/" in key for key in rows)
    assert set(pipeline.inferences().values()) == {1}, "no image has rows of two attempts"
    assert len(pipeline.inferences()) == IMAGES
    assert pipeline.verify(current["run_key"], current["variant"]["directory"]).deviations == ()
