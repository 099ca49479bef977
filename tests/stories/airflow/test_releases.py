"""Releases, approval and what operators do meanwhile on a real Airflow: scheduler, executor, triggerer, REST API, embedded store."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from dataset_settings import dataset_settings
from impatience import POLL_S
from metrics_received import OtlpCollector, collector_settings, running_collector
from reef_airflow import stopped
from running_airflow import RunningAirflow, running_airflow
from shoal.airflow.triggers.model_release import STORED_S
from shoal.contract.layout import DatasetLayout
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.processes.rclone import embedded_store
from waiting import wait_until

READY_S, NOTICED_S, RUN_S = 300, 60, 600
QUIET_S = 2 * (POLL_S + STORED_S)
"""The watcher has looked twice since, and told of what it found."""
SOON_DEAD = {"AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2", "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15"}
"""What a killed triggerer watched goes to another one once its heartbeat is so old."""
UNWATCHED = {"model": {"name": "reef", "version": "v1", "watch": False}}
IN_FLIGHT = {"marked": UNWATCHED, "edited": UNWATCHED, "removed": UNWATCHED}
DATASETS = {
    **IN_FLIGHT,
    "unheard": UNWATCHED,
    "newest": {"model": {"name": "reef", "version": "latest"}},
    "fixed": {"model": {"name": "reef", "version": "v1"}},
    "brief": {"model": {"name": "reef", "version": "v1", "watch": False}, "run": {"approval_timeout": "5s"}},
}


ON_ANSWER = re.search(
    r"<!-- dag: on_answer -->\n```python\n(.*?)```",
    (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8"),
    re.DOTALL,
)[1]
"""What the manual shows of a DAG that waits for an answer."""

_wait = partial(wait_until, pause_s=0.5)


class Site:
    """A running Airflow with three datasets of one model, whose versions lie in a bucket."""

    def __init__(self, home: Home, access: Any, airflow: RunningAirflow, metrics: OtlpCollector) -> None:
        self.home, self.access, self.airflow, self.rest = home, access, airflow, airflow.rest
        self.metrics = metrics
        self.client = access.connect()

    def release(self, version: str, data: bytes) -> None:
        import io

        self.client.put_object("site-models", f"reef/{version}/model.onnx", io.BytesIO(data), len(data))

    def stored(self, key: str) -> dict | None:
        path = self.home.store / "site-results" / key
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def approval(self, dataset: str, version: str) -> dict | None:
        found = list((self.home.store / "site-results" / dataset).glob(f"reef-{version}-*/approval.json"))
        return json.loads(found[0].read_text(encoding="utf-8")) if found else None

    @contextmanager
    def approval_refused(self, dataset: str, run_id: str) -> Iterator[None]:
        """Let the store refuse what a person says about a run's variant: a folder lies where the object would."""
        run = self.rest.xcom(f"reanalyse_{dataset}", run_id, "plan", "plan")
        path = self.home.store / "site-results" / DatasetLayout("", dataset).variant(run["variant"]).approval
        path.mkdir()
        yield
        path.rmdir()

    def plan(self, dataset: str, run_id: str) -> dict:
        run = self.rest.xcom(f"reanalyse_{dataset}", run_id, "plan", "plan")
        layout = DatasetLayout("", dataset).variant(run["variant"]).run(run["run_key"])
        return self.stored(layout.plan)

    def started_by_release(self, dataset: str) -> list[str]:
        runs = self.rest.get(f"dags/reanalyse_{dataset}/dagRuns?order_by=run_after")["dag_runs"]
        return [run["dag_run_id"] for run in runs if run["run_type"] == "asset_triggered"]

    def finished(self, dataset: str, run_id: str) -> dict[str, str]:
        """Wait for a run's end; its task states by name."""
        assert self.rest.finished(f"reanalyse_{dataset}", run_id, RUN_S) == "success"
        return {task: state for (task, _), state in self.rest.tasks(f"reanalyse_{dataset}", run_id).items()}

    def asked(self, dataset: str, run_id: str) -> dict:
        return self.rest.asked(f"reanalyse_{dataset}", run_id, RUN_S)

    def answer(self, dataset: str, run_id: str, option: str) -> None:
        self.rest.answer(f"reanalyse_{dataset}", run_id, option)

    def dag(self, dataset: str) -> dict:
        return self.rest.get(f"dags/reanalyse_{dataset}/details")

    def on_answer(self, count: int) -> list[dict[str, Any]]:
        """Wait until the DAG that waits for the answer has run so often; what it was given, the first first."""

        def runs() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.rest.get("dags/on_answer/dagRuns?order_by=run_after")["dag_runs"]
            return found if len(found) >= count and all(run["state"] == "success" for run in found) else []

        said = f"{count} runs of on_answer"
        found = [run["dag_run_id"] for run in _wait(runs, RUN_S, said)]
        assert len(found) == count
        return [self.rest.xcom("on_answer", run_id, "look", "return_value") for run_id in found]

    def note(self, dataset: str, run_id: str) -> str:
        return self.rest.get(f"dags/reanalyse_{dataset}/dagRuns/{run_id}")["note"] or ""

    def told(self) -> dict | None:
        """What the watcher says it has told of."""
        assets = self.rest.get("assets?name_pattern=model")["assets"]
        if not assets:
            return None
        states = self.rest.get(f"assets/{assets[0]['id']}/state-store")["asset_state_store"]
        return {state["key"]: state["value"] for state in states}.get("seen")

    def restart_triggerer(self, then: Callable[[], None] = lambda: None) -> None:
        """Kill the triggerer as a lost machine would, start another, and wait until it watches in its place."""
        before = self._watching()
        self.airflow.kill("triggerer")
        then()
        self.airflow.start("triggerer")
        _wait(lambda: self._watching() not in {before, None}, READY_S)

    def _watching(self) -> int | None:
        """Which triggerer has the watcher."""
        watcher = "SELECT triggerer_id FROM trigger WHERE classpath LIKE '%ModelReleaseTrigger'"
        return self.airflow.database.rows(watcher)[0][0]


@contextmanager
def running_site(folder, demo_models, scenes):
    home = Home(folder)
    home.make()
    run = {"schedule": "0 2 1 1 *", "approval_cpu_hours": 0.001}
    for name, own in DATASETS.items():
        settings = dataset_settings("site", CONN_ID, **{**own, "run": {**run, **own.get("run", {})}})
        (home.datasets / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with embedded_store(home.store, home.logs / "store.log") as access:
        client = access.connect()
        for role in ("images", "results", "models"):
            client.make_bucket(f"site-{role}")
        for scene in scenes[:8]:
            path = home.store / "site-images" / scene.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(scene.jpeg)
        model = home.store / "site-models" / "reef" / "v1" / "model.onnx"
        model.parent.mkdir(parents=True)
        model.write_bytes(demo_models["v1"])
        with (
            running_collector() as metrics,
            running_airflow(
                home, {**home.airflow_environment(access), **SOON_DEAD, **collector_settings(metrics.port)}
            ) as airflow,
        ):
            (airflow.dags / "on_answer.py").write_text(ON_ANSWER.replace("reef", "newest"), encoding="utf-8")
            site = Site(home, access, airflow, metrics)
            _wait(site.told, READY_S)
            yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory, demo_models, scenes):
    with running_site(tmp_path_factory.mktemp("site"), demo_models, scenes) as running:
        yield running


@pytest.fixture(scope="module")
def first_answer(site):
    """The dataset has an answer of v1, which a person approved by REST while nothing could be written about it."""
    run_id = site.rest.trigger("reanalyse_newest")
    question = site.asked("newest", run_id)
    with site.approval_refused("newest", run_id):
        site.answer("newest", run_id, "Approve")
        site.rest.reached("reanalyse_newest", run_id, "approve", "up_for_retry", RUN_S)
    return run_id, question, site.finished("newest", run_id)


def test_what_lies_there_at_first_starts_nothing(site):
    assert set(site.told()) == {"v1"}
    assert site.started_by_release("newest") == site.started_by_release("fixed") == []


def test_a_person_s_run_asks_with_all_figures(first_answer):
    _, question, _ = first_answer
    assert question["subject"] == "Infer 8 images with reef v1?"
    assert question["options"] == ["Approve", "Reject"]
    assert question["defaults"] == ["Reject"]
    for figure in (
        "8 of 8 in scope",
        "0.002",
        "assumed: this version was never measured here",
        "reef v1",
        "0.001 CPU hours",
    ):
        assert figure in question["body"]


def test_a_yes_is_written_down_and_the_run_goes_on_even_where_that_takes_two_attempts(site, first_answer):
    run_id, _, states = first_answer
    assert (states["approve"], states["infer"], states["summarize"]) == ("success",) * 3
    answer = site.approval("newest", "v1")
    assert (answer["answer"], answer["by"], answer["images"]) == ("yes", "admin", 8)
    assert answer["run_key"] == site.rest.xcom("reanalyse_newest", run_id, "plan", "plan")["run_key"]
    assert site.stored("newest/current.json")["model"]["version"] == "v1"
    assert f"approved by admin at {answer['at']}: reef v1: 8 images, 0.002 CPU hours" in site.note("newest", run_id)


def test_an_answer_starts_the_dag_that_waits_for_it_and_says_what_it_is(site, first_answer):
    current = site.stored("newest/current.json")
    [told] = site.on_answer(1)
    assert told == {
        "run_key": current["run_key"], "result_sha256": current["result_sha256"], "model": {"name": "reef", "version": "v1"},
        "images": 8, "listed_at": current["listed_at"], "changed": True,
        "summary": f"s3://site-results/newest/{current['variant']['directory']}/runs/{current['run_key']}/summary.json",
    }  # fmt: skip


def test_a_note_says_plan_and_result_in_a_line_each_and_leads_to_the_pages(site, first_answer):
    run_id, _, _ = first_answer
    note = site.note("newest", run_id)
    assert "8 examined = 8 used; this run is the dataset's answer" in note
    assert re.search(
        r"reef v1: 8 listed = 8 to look at; planned for \d workers?: about \d+ s, 1 s per image \(assumed\)", note
    )
    paths = dict(re.findall(r"\[(\w+)\]\((\S+)\)", note))
    assert list(paths) == ["Report", "Summary", "Plan"]
    for path in paths.values():
        assert site.rest.http.request("GET", site.rest.url + path, headers=site.rest.headers).status == 200


def test_a_run_sends_what_it_did_through_airflow_s_own_metrics(site, first_answer):
    own = {"dataset": "newest", "run": "own"}
    received = site.metrics.of
    _wait(lambda: received("airflow.shoal.pending_images", **own) == 0, READY_S, "the summary's metrics")
    assert received("airflow.shoal.images", **own, fate="processed") == 8
    assert received("airflow.shoal.images", **own, fate="failed") == received("airflow.shoal.failed_share", **own) == 0
    assert received("airflow.shoal.capacity_pods", **own) >= 1
    assert 0 < received("airflow.shoal.seconds_per_image", **own) < 60
    assert 0 < received("airflow.shoal.images_per_second", **own) < 60
    assert received("airflow.shoal.listed_bytes", **own) > 8000
    assert 0 < received("airflow.shoal.answer_age_seconds", dataset="newest") < READY_S


@pytest.fixture(scope="module")
def released(site, first_answer, demo_models):
    """v2 was dropped into the bucket; the runs that started, and how long that took."""
    site.release("v2", demo_models["v2"])
    dropped = time.monotonic()
    runs = {name: _wait(lambda name=name: site.started_by_release(name), READY_S)[0] for name in ("newest", "fixed")}
    return runs, time.monotonic() - dropped


def test_a_release_starts_a_run_within_a_minute(released):
    assert released[1] < NOTICED_S


def test_a_dataset_with_a_fixed_version_gets_a_notice_and_infers_nothing(site, released):
    run_id = released[0]["fixed"]
    states = site.finished("fixed", run_id)
    assert (states["infer"], states["summarize"], states["end_run"]) == ("skipped", "skipped", "success")
    notice = site.stored("fixed/releases.json")
    assert (notice["model"]["version"], notice["instead_of"], notice["images"]) == ("v2", "v1", 8)
    assert notice["command"].startswith(
        "airflow backfill create --dag-id backfill_fixed --from-date 2026-06-01 --to-date 2026-06-01"
    )
    assert notice["command"] in site.rest.log("reanalyse_fixed", run_id, "plan")


def test_the_release_of_latest_asks_and_a_no_leaves_everything_as_it_was(site, released):
    run_id = released[0]["newest"]
    assert site.asked("newest", run_id)["subject"] == "Infer 8 images with reef v2?"
    site.answer("newest", run_id, "Reject")
    states = site.finished("newest", run_id)
    assert [states[task] for task in ("plan", "approve", "infer", "summarize", "continue_run", "end_run")] == [
        "success", "skipped", "skipped", "skipped", "skipped", "success",
    ]  # fmt: skip
    assert (site.approval("newest", "v2")["answer"], site.approval("newest", "v2")["by"]) == ("no", "admin")
    assert site.stored("newest/current.json")["model"]["version"] == "v1"


def test_a_triggerer_that_starts_again_tells_of_what_came_meanwhile_once(site, released):
    before = len(site.started_by_release("newest"))
    assert set(_wait(lambda: len(site.told()) == 2 and site.told(), READY_S)) == {"v1", "v2"}
    site.restart_triggerer(then=lambda: site.release("v3", b"torn in half"))
    runs = _wait(lambda: site.started_by_release("newest")[before:], READY_S)
    assert site.finished("newest", runs[0])["summarize"] == "success"
    plan = site.plan("newest", runs[0])
    assert (plan["model"]["version"], plan["may_become_current"]) == ("v1", True), (
        "after a no, latest is the old version"
    )
    torn, refused = plan["passed_over"]
    assert (torn["version"], "is not ONNX" in torn["reason"]) == ("v3", True)
    assert (refused["version"], "refused by admin" in refused["reason"]) == ("v2", True)
    _wait(lambda: len(site.told()) == 3, READY_S)
    site.restart_triggerer()
    time.sleep(QUIET_S)
    assert site.started_by_release("newest")[before:] == runs


def test_a_deleted_version_starts_nothing(site, released):
    before = site.started_by_release("newest")
    site.client.remove_object("site-models", "reef/v3/model.onnx")
    _wait(lambda: "v3" not in site.told(), READY_S)
    assert site.started_by_release("newest") == before


def test_a_person_who_names_a_refused_version_is_asked_again(site, released):
    run_id = site.rest.trigger("reanalyse_newest", model_version="v2")
    site.asked("newest", run_id)
    site.answer("newest", run_id, "Approve")
    assert site.finished("newest", run_id)["summarize"] == "success"
    assert site.approval("newest", "v2")["answer"] == "yes"
    assert site.stored("newest/current.json")["model"]["version"] == "v2", "the version that latest means now"


def test_an_event_by_rest_starts_a_run(site, released):
    [asset] = site.rest.get("assets?name_pattern=model")["assets"]
    before = len(site.started_by_release("newest"))
    site.rest.send("POST", "assets/events", {"asset_id": asset["id"], "extra": {"why": "by hand"}})
    [run_id] = _wait(lambda: site.started_by_release("newest")[before:], READY_S)
    assert site.finished("newest", run_id)["summarize"] == "success"


def test_a_run_that_finds_nothing_new_tells_of_the_same_answer_and_a_new_version_of_another(site, released):
    """All runs of this file that became the answer: v1, a night without news, v2, and one without news again."""
    told = site.on_answer(4)
    assert [(entry["model"]["version"], entry["changed"]) for entry in told] == [
        ("v1", True), ("v1", False), ("v2", True), ("v2", False),
    ]  # fmt: skip
    assert len({entry["run_key"] for entry in told}) == 4


def test_the_form_proposes_the_versions_that_the_last_plan_saw(site, released):
    site.airflow.read_datasets()

    def proposed() -> list[str]:
        return site.dag("newest")["params"]["model_version"]["schema"].get("examples", [])

    # Until the file is parsed anew the form has what an earlier plan saw: v3, which is deleted.
    _wait(lambda: proposed()[:2] == ["v2", "v1"], READY_S, "v2 and v1 are proposed")


def test_what_only_a_backfill_starts_shows_no_cron_in_the_list_of_dags(site):
    shown = site.rest.get("dags?dag_id_pattern=backfill_newest")["dags"][0]
    assert (shown["timetable_summary"], shown["next_dagrun_run_after"]) == ("by backfill only", None)
    assert "never by itself" in shown["description"]


def test_two_releases_at_once_start_one_run_for_the_newest(site, released, demo_models):
    before = len(site.started_by_release("fixed"))
    site.release("v9", demo_models["v1"])
    site.release("v10", demo_models["v2"])
    [run_id, *_] = _wait(lambda: site.started_by_release("fixed")[before:], READY_S)
    site.finished("fixed", run_id)
    time.sleep(QUIET_S)
    for later in site.started_by_release("fixed")[before:]:
        site.finished("fixed", later)
    assert site.stored("fixed/releases.json")["model"]["version"] == "v10"


def test_the_watcher_s_row_holds_no_secret(site):
    rows = site.airflow.database.rows("SELECT classpath, kwargs FROM trigger")
    assert any("ModelReleaseTrigger" in classpath for classpath, _ in rows)
    assert all(site.access.secret_key not in str(row) for row in rows)


@pytest.fixture(scope="module")
def in_flight(site):
    """Runs that ask a person: one is marked, one's file is edited, one's is removed, and one gets no answer."""
    runs = {name: site.rest.trigger(f"reanalyse_{name}") for name in (*IN_FLIGHT, "brief")}
    for name in IN_FLIGHT:
        site.asked(name, runs[name])
    marked = f"dags/reanalyse_marked/dagRuns/{runs['marked']}/taskInstances/approve"
    site.rest.send("PATCH", marked, {"new_state": "success"})
    edited = site.home.datasets / "edited.yaml"
    settings = yaml.safe_load(edited.read_text(encoding="utf-8"))
    settings["results"]["prefix"] = "elsewhere/"
    edited.write_text(yaml.safe_dump(settings), encoding="utf-8")
    (site.home.datasets / "removed.yaml").rename(site.home.datasets / "renamed.yaml")
    site.airflow.read_datasets()
    _wait(lambda: "elsewhere/" in site.dag("edited")["doc_md"], READY_S)
    _wait(lambda: "dataset file gone" in str(site.dag("removed")["tags"]), READY_S)
    for name in ("edited", "removed"):
        site.answer(name, runs[name], "Approve")
    return runs


def test_an_answer_that_airflow_lost_is_not_asked_for_again(site):
    """As one that comes before its scheduler has heard that the asking process ended: the attempt counts as failed."""
    dag_id, run_id = "reanalyse_unheard", site.rest.trigger("reanalyse_unheard")
    site.asked("unheard", run_id)
    with stopped(psutil.Process(site.airflow.processes["scheduler"].pid)):
        site.answer("unheard", run_id, "Approve")
        site.rest.send(
            "POST", f"dags/{dag_id}/clearTaskInstances",
            {"dry_run": False, "dag_run_id": run_id, "task_ids": ["approve"], "only_failed": False, "reset_dag_runs": True},
        )  # fmt: skip
    states = site.finished("unheard", run_id)
    assert (states["approve"], states["summarize"]) == ("success", "success")
    assert (site.approval("unheard", "v1")["answer"], site.approval("unheard", "v1")["by"]) == ("yes", "admin")


def test_no_answer_in_time_means_no(site, in_flight):
    states = site.finished("brief", in_flight["brief"])
    assert (states["approve"], states["infer"], states["summarize"]) == ("skipped",) * 3
    answer = site.approval("brief", "v1")
    assert (answer["answer"], answer["by"]) == ("no", None)


def test_a_task_that_is_marked_success_is_no_answer(site, in_flight):
    run_id = in_flight["marked"]
    assert site.rest.finished("reanalyse_marked", run_id, RUN_S) == "failed"
    said = (
        "reef v1 leaves 8 images to infer, 0.002 CPU hours, and nobody said yes: a task that is marked success is no answer - "
        "clear task approve and answer under Required actions"
    )
    note, run_key = site.note("marked", run_id), site.rest.xcom("reanalyse_marked", run_id, "plan", "plan")["run_key"]
    assert said in note
    assert f"next: python -m shoal why marked/{run_key}" in note
    states = {task: state for (task, _), state in site.rest.tasks("reanalyse_marked", run_id).items()}
    assert (states["approve"], states["infer"], states["summarize"]) == ("success", "failed", "failed")
    assert site.approval("marked", "v1") is None
    assert site.stored("marked/current.json") is None


def test_a_run_ends_where_it_was_planned_whatever_its_file_says_by_then(site, in_flight):
    run_id = in_flight["edited"]
    assert site.finished("edited", run_id)["summarize"] == "success"
    changed = "changed since this run was planned: results.prefix none -> elsewhere/"
    assert changed in site.note("edited", run_id)
    assert changed in site.rest.log("reanalyse_edited", run_id, "summarize")
    assert (
        site.stored("edited/current.json")["run_key"]
        == site.rest.xcom("reanalyse_edited", run_id, "plan", "plan")["run_key"]
    )
    assert not (site.home.store / "site-results/elsewhere").exists()


@pytest.fixture(scope="module")
def afterwards(site, in_flight):
    """What is started once those have ended: plans by the edited and the renamed file, and a run of the removed one."""
    for name in ("edited", "removed"):
        site.rest.finished(f"reanalyse_{name}", in_flight[name], RUN_S)
    planned = {name: site.rest.trigger(f"reanalyse_{name}", plan_only=True) for name in ("edited", "renamed")}
    return {**planned, "removed": site.rest.trigger("reanalyse_removed")}


def test_a_plan_into_other_results_says_that_everything_is_inferred_again_and_asks(site, afterwards):
    run_id = afterwards["edited"]
    site.finished("edited", run_id)
    places = f"s3://{CONN_ID}@site-results/edited/ -> s3://{CONN_ID}@site-results/elsewhere/edited/"
    said = f"results changed since this dataset's last run: {places}, where nothing of it lies: 8 images will be inferred again"
    log = site.rest.log("reanalyse_edited", run_id, "plan")
    assert said in log
    assert "needs approval: 8 images" in log


def test_a_run_whose_file_is_gone_ends_and_no_other_is_planned(site, in_flight, afterwards):
    assert site.finished("removed", in_flight["removed"])["summarize"] == "success"
    assert site.stored("removed/current.json")["model"]["version"] == "v1"
    gone = f"Dataset file removed.yaml is not in {site.home.datasets} any more: runs in flight end as they were planned"
    assert gone in site.note("removed", in_flight["removed"])
    run_id = afterwards["removed"]
    assert site.rest.finished("reanalyse_removed", run_id, RUN_S) == "failed"
    assert gone in site.note("removed", run_id)


def test_the_plan_of_a_renamed_dataset_says_what_its_old_name_has(site, afterwards):
    run_id = afterwards["renamed"]
    site.finished("renamed", run_id)
    said = "dataset removed has rows of the same images and no dataset file beside this one: under this name 8 images will be"
    assert said in site.rest.log("reanalyse_renamed", run_id, "plan")
