"""Nights, chains, backfills, runs by hand and what goes wrong, on the real scheduler and together: the numbers stay whole.

One Airflow runs for the whole file, and one dataset whose cron fires every minute; its images are no images, which is a row as
good as any and quick. The tests follow each other as the weeks of an installation do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from airflow_rest import AirflowRest
from dataset_settings import dataset_settings
from pipeline import Pipeline
from running_airflow import running_airflow
from shoal.contract.errors import StoreError
from shoal.embedded.home import CONN_ID, Home
from shoal.results.answer import read_current
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from waiting import wait_until

MONTHS = ("202604", "202605", "202606")
PER_MONTH = 10
AT_FIRST = len(MONTHS) * PER_MONTH
SETTLED_S = 420
LOOK_S = 3
"""Between two looks at all that lies in the bucket: each costs a session of DuckDB's, and the work waited for takes a minute."""
NIGHTS, MONTHLY = "reanalyse_reef", "backfill_reef"


@dataclass(frozen=True)
class Installation:
    """A running Airflow over one dataset."""

    rest: AirflowRest
    pipeline: Pipeline

    def put(self, names: list[str]) -> None:
        for name in names:
            self.pipeline.put(f"cam/{name}-CAM1.jpg", f"no image, {name}".encode())

    def runs(self, dag_id: str = NIGHTS) -> list[dict[str, Any]]:
        return list(self.rest.get(f"dags/{dag_id}/dagRuns?limit=200&order_by=run_after")["dag_runs"])

    def backfill(self, version: str) -> None:
        """Backfill the three months, as a person's script does."""
        self.rest.backfill(MONTHLY, "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z", model_version=version)

    def pause(self, *, paused: bool, dag_id: str = NIGHTS) -> None:
        self.rest.send("PATCH", f"dags/{dag_id}?update_mask=is_paused", {"is_paused": paused})

    def wait(self, what: str, reached: Any, within_s: float = SETTLED_S, pause_s: float = 1) -> Any:
        return wait_until(
            reached,
            within_s,
            lambda: f"{what}; {[(r['dag_run_id'], r['state']) for r in self.runs()]}",
            pause_s=pause_s,
        )

    def answer(self) -> dict[str, Any]:
        """The summary of the dataset's answer; nothing before there is one."""
        stores = self.pipeline.stores
        current = read_current(stores.results, stores.layout)
        if current is None:
            return {}
        run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
        return stores.results.read_json(run.summary)

    def answered(self, images: int) -> dict[str, Any]:
        """Wait until the answer is about so many images."""
        return dict(
            self.wait(
                f"an answer about {images} images",
                lambda: (found := self.answer()) and found["result"]["examined"] == images and found,
                pause_s=LOOK_S,
            )
        )

    def idle(self) -> None:
        """End the nights between two of them: Airflow leaves the tasks of a paused DAG where they are."""

        def paused_between_two() -> bool:
            if self.at_work(NIGHTS) or self.at_work(MONTHLY):
                return False
            self.pause(paused=True)
            if not self.at_work(NIGHTS):
                return True
            self.pause(paused=False)
            return False

        self.wait("all runs ended", paused_between_two)

    def at_work(self, dag_id: str) -> list[str]:
        return [run["dag_run_id"] for run in self.runs(dag_id) if run["state"] in {"queued", "running"}]

    def seen(self, version: str, images: int) -> None:
        """Wait until a model version has looked at so many images."""

        def all_seen() -> bool:
            try:
                return len(self.pipeline.inferences(version)) == images
            except StoreError:
                return False  # a summary has just moved a part into its ledger

        self.wait(f"{images} images seen by {version}", all_seen, pause_s=LOOK_S)

    def summaries(self) -> list[dict[str, Any]]:
        results = self.pipeline.stores.results
        keys = results.list_keys(self.pipeline.stores.layout.root)
        return [results.read_json(key) for key in keys if key.endswith("/summary.json")]


@pytest.fixture(scope="module")
def installation(store, demo_models, tmp_path_factory) -> Iterator[Installation]:
    """Airflow with scheduler, executor and triggerer; the dataset is paused until a test wants nights."""
    home = Home(tmp_path_factory.mktemp("together") / "home")
    home.make()
    pipeline = _make_dataset(home, store, demo_models)
    paused = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
    with running_airflow(home, {**home.airflow_environment(store), **paused}) as airflow:
        made = Installation(airflow.rest, pipeline)
        made.put([f"{month}{day:02d}-120000" for month in MONTHS for day in range(1, PER_MONTH + 1)])
        made.wait("the DAGs", lambda: len(made.rest.get("dags?dag_id_pattern=reef")["dags"]) == 2)
        yield made


def _make_dataset(home: Home, store, models) -> Pipeline:
    client = store.connect()
    for role in ("images", "results", "models"):
        client.make_bucket(f"reef-{role}")
    # At the assumed second per image a run takes fourteen of them or twice as many: never all that there are at first.
    run = {"schedule": "* * * * *", "budget": "14s", "tolerated_failed_share": 1.0}
    settings = dataset_settings("reef", CONN_ID, cluster={"share": 1.0, "max_pods": 2}, run=run)
    path = home.datasets / "reef.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    dataset = load_dataset(path)
    pipeline = Pipeline(dataset, open_stores(dataset, lambda _: store))
    for version, model in models.items():
        pipeline.stores.models.write_bytes(f"demo-fish/{version}/model.onnx", model)
    return pipeline


def test_a_chain_goes_on_while_the_cron_fires_and_takes_what_is_new_meanwhile(installation):
    installation.pause(paused=False)
    first = installation.wait(
        "a first continuation", lambda: [r for r in ids(installation) if r.startswith("continue__")]
    )
    assert ids(installation)[0].startswith("scheduled__")
    assert installation.answer() == {}, "no answer before the chain is through"
    installation.put([f"20260621-12{minute:02d}00" for minute in range(5)])
    answer = installation.answered(AT_FIRST + 5)
    installation.idle()
    assert len(first) >= 1
    assert answer["complete"]
    assert set(installation.pipeline.inferences("v1").values()) == {1}


def ids(installation, dag_id=NIGHTS):
    return [run["dag_run_id"] for run in installation.runs(dag_id)]


def test_a_night_without_new_images_infers_nothing_and_says_the_same(installation):
    before = installation.answer()["result_sha256"]
    run_id = installation.rest.trigger(NIGHTS)
    installation.pause(paused=False)
    assert installation.rest.finished(NIGHTS, run_id) == "success"
    installation.idle()
    assert installation.answer()["result_sha256"] == before
    assert set(installation.pipeline.inferences("v1").values()) == {1}


def test_months_are_backfilled_with_a_new_version_while_nights_go_on(installation):
    answer = installation.answer()["result_sha256"]
    for dag_id in (NIGHTS, MONTHLY):
        installation.pause(paused=False, dag_id=dag_id)
    nights = len(ids(installation))
    installation.backfill("v2")
    installation.seen("v2", AT_FIRST + 5)
    installation.wait("a night meanwhile", lambda: len(ids(installation)) > nights)
    installation.idle()
    assert set(installation.pipeline.inferences("v2").values()) == {1}
    assert installation.answer()["result_sha256"] == answer, "a backfill never moves the answer"
    months = [run for run in installation.runs(MONTHLY) if run["run_type"] == "backfill"]
    assert [(run["state"], run["data_interval_start"][:7]) for run in months] == [
        ("success", "2026-04"), ("success", "2026-05"), ("success", "2026-06"),
    ]  # fmt: skip


def test_a_backfill_that_is_repeated_infers_nothing(installation):
    before = len([s for s in installation.summaries() if s["result"]["model"]["version"] == "v2"])
    installation.backfill("v2")
    installation.wait(
        "three more summaries",
        lambda: len([s for s in installation.summaries() if s["result"]["model"]["version"] == "v2"]) == before + 3,
    )
    installation.idle()
    assert set(installation.pipeline.inferences("v2").values()) == {1}


def test_a_lost_continuation_costs_one_night(installation):
    """A person deletes the run that was to go on; the next night takes what is left."""
    installation.put([f"20260622-12{minute:02d}00" for minute in range(30)])
    run_id = installation.rest.trigger(NIGHTS)
    installation.pause(paused=False)
    installation.rest.finished(NIGHTS, run_id)
    (lost,) = installation.wait(
        "a continuation",
        lambda: [r for r in ids(installation)[-3:] if r.startswith("continue__") and r != run_id][-1:],
    )
    installation.rest.http.request(
        "DELETE", f"{installation.rest.url}/api/v2/dags/{NIGHTS}/dagRuns/{lost}", headers=installation.rest.headers
    )
    installation.answered(AT_FIRST + 35)
    installation.idle()
    assert max(installation.pipeline.inferences("v1").values()) <= 2, "a deleted run's worker may have been at it"


def test_a_run_with_other_settings_chains_in_the_backfill_dag_and_leaves_the_answer(installation):
    answer = installation.answer()["result_sha256"]
    installation.pause(paused=False)
    run_id = installation.rest.trigger(NIGHTS, model_version="v2", conf=0.4)
    assert installation.rest.finished(NIGHTS, run_id) == "success"
    installation.seen("v2", AT_FIRST + 35)
    installation.idle()
    chained = [run for run in installation.runs(MONTHLY) if run["dag_run_id"].startswith("continue__")]
    assert chained
    assert {"model_version": "v2", "conf": 0.4} in [run["conf"] for run in chained], "its settings, and no others"
    assert installation.answer()["result_sha256"] == answer


def test_a_run_marked_failed_ends_failed_and_the_next_one_finishes(installation):
    installation.put([f"20260623-12{minute:02d}00" for minute in range(5)])
    run_id = installation.rest.trigger(NIGHTS)
    installation.pause(paused=False)
    installation.wait("it runs", lambda: run_id in installation.at_work(NIGHTS))
    installation.rest.send("PATCH", f"dags/{NIGHTS}/dagRuns/{run_id}", {"state": "failed"})
    assert installation.rest.finished(NIGHTS, run_id) == "failed"
    installation.answered(AT_FIRST + 40)
    installation.idle()
    assert installation.rest.get(f"dags/{NIGHTS}/dagRuns/{run_id}")["state"] == "failed"


def test_after_all_of_it_every_balance_is_closed(installation):
    for summary in installation.summaries():
        balance = dict(summary["run"]["balance"])
        assert balance.pop("listed") == sum(balance.values())
        assert summary["result"]["examined"] == sum(summary["result"]["balance"].values())
    assert len(installation.pipeline.inferences("v1")) == AT_FIRST + 40
    stores = installation.pipeline.stores
    current = read_current(stores.results, stores.layout)
    assert installation.pipeline.verify(current["run_key"], current["variant"]["directory"]).deviations == ()
