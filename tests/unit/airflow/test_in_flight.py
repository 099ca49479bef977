"""Dataset files that are edited, broken or removed while a run is in flight: the run's tasks hold to its plan."""

import json
import logging
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from pipeline import make_pipeline
from shard_attempts import airflow_connection
from shoal.airflow import dags, open_runs
from shoal.airflow.open_runs import LINGERS, OpenRun, keep_open
from shoal.airflow.operators import end_run, left_behind, plan_shards
from shoal.airflow.operators.end_run import EndRunOperator
from shoal.airflow.operators.frozen_run import frozen_run, where_it_lies, where_it_works
from shoal.airflow.operators.left_behind import end_left_behind, end_moved
from shoal.airflow.operators.plan_shards import PlanShardsOperator
from shoal.airflow.operators.shard import ShardOperator
from shoal.contract.errors import ClusterError, ConfigError, InsufficientCapacityError
from shoal.contract.units import utc_text
from shoal.engines.engine import DELETED
from shoal.engines.kubernetes import patience
from shoal.results.ledger import list_settled
from shoal.settings.changed import stored_settings
from shoal.settings.checkout import EXAMPLES
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import DATASETS_VARIABLE, load_dataset

PODS = {"kind": "kubernetes", "namespace": "reef", "share": 1.0, "pod": {"transfer": "direct"}}
HERE = "this-airflow"


class Instance(SimpleNamespace):
    """A task instance as operators see it: what earlier tasks pushed, and what this one pushes."""

    def __init__(self, pulled=None, states=None, run_states=None, run_id="r1"):
        super().__init__(try_number=1, dag_id="reanalyse_reef", run_id=run_id, task_id="infer", map_index=0, pushed={})
        self._pulled, self._states, self._run_states = pulled or {}, states or {}, run_states or {}

    def xcom_pull(self, task_ids, key="return_value"):
        return self._pulled.get((task_ids, key))

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def get_task_states(self, dag_id, task_ids, run_ids):
        del dag_id, task_ids
        return {run_ids[0]: self._states}

    def get_dagrun_state(self, dag_id, run_id):
        del dag_id
        if run_id not in self._run_states:
            raise RuntimeError("no such run")
        return self._run_states[run_id]

    def get_dr_count(self, dag_id, run_ids):
        del dag_id
        return sum(run_id in self._run_states for run_id in run_ids)

    @property
    def context(self):
        dag = SimpleNamespace(dag_id=self.dag_id)
        return {
            "ti": self,
            "task_instance": self,
            "run_id": self.run_id,
            "dag": dag,
            "dag_run": SimpleNamespace(run_id=self.run_id),
        }


class Cluster(BaseHTTPRequestHandler):
    """As much of an API server as shows which namespace is asked for what; pods of a real one are in tests/stories/pods."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 - of the one server of a test
    stored: dict[str, dict] = {}  # noqa: RUF012
    refused: tuple[str, str] | None = None

    def parse_request(self):
        """Refuse what this server has too much of for an hour, before anybody looks at it."""
        well = super().parse_request()
        if well and self.refused == (self.command, self.path.partition("?")[0].rsplit("/", 1)[-1][:4]):
            self.asked.append(("REFUSED", self.path))
            self.command = "BUSY"
        return well

    def do_BUSY(self):
        self._read()
        self.send_response(429)
        self.send_header("Retry-After", "3600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _read(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")

    def log_message(self, *_):
        pass

    def do_POST(self):
        path, body = self.path.split("?")[0], self._read()
        self.asked.append(("POST", path))
        body["metadata"] |= {"uid": "1", "creationTimestamp": "2026-11-01T00:00:00Z", "namespace": path.split("/")[4]}
        self.stored[f"{path}/{body['metadata']['name']}"] = body
        self._answer(201, body)

    def do_GET(self):
        found = self.stored.get(self.path)
        self._answer(200, found or {"kind": "List", "items": []}) if found or self.path.count(
            "/"
        ) == 5 else self._answer(404, {})

    def do_DELETE(self):
        self.asked.append(("DELETE", self.path))
        self._answer(200 if self.stored.pop(self.path, None) else 404, {"kind": "Status"})


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    Cluster.asked, Cluster.stored, Cluster.refused = [], {}, None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    named = {"clusters": {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}, "users": {"user": {}}}
    config = {kind: [{"name": "one", **what}] for kind, what in named.items()}
    config["contexts"] = [{"name": "one", "context": {"cluster": "one", "user": "one"}}]
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump({"current-context": "one", **config}))
    extra = {"kube_config_path": str(tmp_path / "kubeconfig")}
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    monkeypatch.setenv("AIRFLOW_VAR_SHOAL_INSTALLATION", HERE)
    yield Cluster
    server.shutdown()
    server.server_close()


@pytest.fixture
def planned(store, demo_models, scenes, tmp_path, monkeypatch):
    """Makes a planned run of three images, and what its plan hands on."""
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))

    def make(**settings):
        pipeline = make_pipeline(store, demo_models, tmp_path, **settings)
        pipeline.put_scenes(scenes[:3])
        plan = pipeline.plan()
        run = {
            "variant": plan.variant.directory,
            "run_key": plan.run_key,
            **where_it_lies(plan.dataset, plan.to_json()),
        }
        return pipeline, {"shard": 0, **run}, {**run, "plan_only": False, "cluster": where_it_works(pipeline.dataset)}

    return make


def edited(pipeline, **sections):
    """The dataset file's settings, as operators have them after it was edited."""
    now = pipeline.dataset.model_dump(mode="json")
    return {**now, **{name: {**now[name], **changes} for name, changes in sections.items()}}


GONE = {"conn_id": "nobody_made_it", "bucket": "another"}
EDITS = {
    "places": {"results": {**GONE, "prefix": "elsewhere/"}, "source": {**GONE, "prefix": "more/"}, "models": GONE},
    "model and run": {"model": {"version": "v2", "iou": 0.5}, "run": {"schedule": "0 2 * * *", "budget": "1m"}},
    "pods": {
        "cluster": {"kind": "kubernetes", "namespace": "atoll", "max_pods": 1},
        "worker": {"image": "x"},
        "sidecar": {"image": "x"},
    },
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_shard_is_worked_on_as_planned_whatever_the_file_says_now(planned, edit, caplog):
    pipeline, shard, _ = planned()
    with caplog.at_level("INFO", logger="shoal.airflow.operators.frozen_run"):
        ShardOperator(task_id="infer", dataset=edited(pipeline, **edit), shard=shard).execute(Instance().context)
    parts, _ = list_settled(pipeline.stores.results, pipeline.stores.layout.variant(shard["variant"]))
    assert any(shard["run_key"] in part for part in parts)
    assert "changed since this run was planned: " in caplog.text


def test_a_plan_of_an_earlier_release_goes_by_the_file(planned):
    pipeline, shard, _ = planned()
    earlier = {name: shard[name] for name in ("shard", "variant", "run_key")}
    run = frozen_run(edited(pipeline, model={"iou": 0.5}), earlier)
    assert (run.plan.run_key, run.changed, run.dataset.model.iou) == (shard["run_key"], "", 0.5)


def test_a_plan_that_somebody_changed_since_names_no_pod_and_no_connection(planned):
    """A worker's key may write where plans lie."""
    pipeline, shard, _ = planned()
    results = pipeline.stores.results
    key = pipeline.stores.layout.variant(shard["variant"]).run(shard["run_key"]).plan
    plan = results.read_json(key)
    plan["settings"]["source"]["conn_id"] = "somebody_else_s"
    results.write_json(key, plan)
    with pytest.raises(
        AirflowFailException, match=r"plan\.json is not as it was planned: somebody changed it - start a new run"
    ):
        ShardOperator(task_id="infer", dataset=pipeline.dataset.model_dump(mode="json"), shard=shard).execute(
            Instance().context
        )


def test_a_run_that_waits_for_room_lists_anew_where_its_source_was_changed(reef):
    class Planner(PlanShardsOperator):
        def _plan(self, context, run_key, waiting):
            return [{"run_key": run_key, "since": waiting.since, "context": context}]

    before, now = reef.model_dump(mode="json"), reef.model_dump(mode="json")
    now["source"]["bucket"] = "another"
    since, waited = (
        "2026-11-01T10:00:00+00:00",
        {"run_key": "20261101T000000Z-aaaaaaaa", "source": plan_shards._listed(before)},
    )
    [same] = Planner(task_id="plan", dataset=before).look_again(Instance().context, None, since=since, **waited)
    [other] = Planner(task_id="plan", dataset=now).look_again(Instance().context, None, since=since, **waited)
    assert same["run_key"] == waited["run_key"]
    assert other["run_key"] != waited["run_key"]
    assert other["since"] == same["since"] == datetime.fromisoformat(since)


def test_a_plan_that_waits_says_once_what_it_waits_for(reef, caplog):
    caplog.set_level(logging.INFO, plan_shards.__name__)
    plan = PlanShardsOperator(task_id="plan", dataset=reef.model_dump(mode="json"))
    waiting = plan_shards._Waiting(datetime.now(UTC))
    for reason in ("quota reef leaves 0", "quota reef leaves 0", "0/1 nodes fit one pod"):
        with pytest.raises(TaskDeferred) as deferred:
            plan._wait(reef, InsufficientCapacityError(reason), "20261101T000000Z-aaaaaaaa", waiting)
        waiting = replace(waiting, said=deferred.value.kwargs["said"])
    told = [record.getMessage() for record in caplog.records if record.name == plan_shards.__name__]
    assert told == [
        "quota reef leaves 0; looking again every 60 s",
        "0/1 nodes fit one pod; looking again every 60 s",
    ]


def test_a_pod_goes_and_is_judged_where_the_plan_had_it(planned, cluster, monkeypatch):
    pipeline, shard, _ = planned(cluster=PODS, worker={"image": "shoal-worker"})
    now = edited(pipeline, cluster={"kind": "local", "namespace": "atoll"})
    with pytest.raises(TaskDeferred) as waits:
        ShardOperator(task_id="infer", dataset=now, shard=shard).execute(Instance().context)
    pod = f"/api/v1/namespaces/reef/pods/{waits.value.trigger.name}"
    assert waits.value.trigger.namespace == "reef"
    ended = {
        "name": "worker",
        "image": "",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": {"exitCode": 0}},
    }
    cluster.stored[pod]["status"] = {"phase": "Succeeded", "containerStatuses": [ended]}
    monkeypatch.setenv("AIRFLOW_CONN_TEST", "")  # a pod that has done its work is judged without the store
    ShardOperator(task_id="infer", dataset=now, shard=shard).trigger_reentry(
        Instance().context, {"status": "over", "name": waits.value.trigger.name, "message": ""}, **waits.value.kwargs
    )
    verb, path = cluster.asked[-1]
    assert (verb, path.partition("?")[0]) == ("DELETE", pod)
    assert not any("atoll" in path for _, path in cluster.asked)


def test_a_server_that_asks_for_an_hour_does_not_get_it_from_a_task(planned, cluster, monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE_S", 0.3)
    monkeypatch.setattr(patience, "LONGEST_ASKED_S", 0.1)
    pipeline, shard, _ = planned(cluster=PODS, worker={"image": "shoal-worker"})
    cluster.refused = ("POST", "pods")
    task = ShardOperator(task_id="infer", dataset=pipeline.dataset.model_dump(mode="json"), shard=shard)
    with pytest.raises(ClusterError, match="says 429 Too Many Requests"):
        task.execute(Instance().context)
    assert any(path.endswith("/pods") for verb, path in cluster.asked if verb == "REFUSED"), "not only the trial"


def test_a_killed_task_gives_up_to_delete_its_pod_where_the_server_asks_for_an_hour(
    planned, cluster, monkeypatch, caplog
):
    monkeypatch.setattr(patience, "PATIENCE_S", 0.3)
    monkeypatch.setattr(patience, "LONGEST_ASKED_S", 0.1)
    pipeline, shard, _ = planned(cluster=PODS, worker={"image": "shoal-worker"})
    task = ShardOperator(task_id="infer", dataset=pipeline.dataset.model_dump(mode="json"), shard=shard)
    with pytest.raises(TaskDeferred) as waits:
        task.execute(Instance().context)
    cluster.refused = ("DELETE", waits.value.trigger.name[:4])
    task.on_kill()
    assert f"Pod {waits.value.trigger.name} is not deleted yet: " in caplog.text
    cluster.refused = None
    task.on_kill()
    assert cluster.asked[-1][0] == "DELETE"


@pytest.fixture
def written(monkeypatch):
    """What is written down of open runs, in place of Airflow's variables: a task of a real Airflow is in tests/stories/airflow."""
    runs = {}
    monkeypatch.setattr(left_behind, "list_open_runs", lambda: list(runs.values()))
    monkeypatch.setattr(left_behind, "forget", lambda run: runs.pop(run.key))
    monkeypatch.setattr(plan_shards, "find_open_run", lambda dag_id, run_id: runs.get(open_runs.key_of(dag_id, run_id)))
    monkeypatch.setattr(end_run, "find_open_run", lambda dag_id, run_id: runs.get(open_runs.key_of(dag_id, run_id)))
    monkeypatch.setattr(open_runs, "find_open_run", lambda dag_id, run_id: runs.get(open_runs.key_of(dag_id, run_id)))
    monkeypatch.setattr(open_runs, "remember", lambda run: runs.update({run.key: run}))
    monkeypatch.setattr(end_run, "mark_ended", lambda *_: None)
    monkeypatch.setattr(dags, "list_open_runs", lambda: list(runs.values()))
    return runs


def open_run(written, dataset, run_id="r1", dag_id="reanalyse_reef", **more):
    cluster = {"kind": "kubernetes", "conn_id": "kubernetes_default", "namespace": "reef"}
    run = OpenRun(dag_id, run_id, stored_settings(dataset), cluster, "20261101T000000Z-aaaaaaaa", **more)
    written[run.key] = run


@pytest.mark.parametrize(
    "has_plan", [True, False], ids=["by its plan", "by what was written down, where the plan was cleared"]
)
def test_what_a_run_owns_is_deleted_where_the_plan_had_it(planned, cluster, written, has_plan):
    pipeline, _, said = planned(cluster=PODS, worker={"image": "shoal-worker"})
    open_run(written, pipeline.dataset)
    instance = Instance({("plan", "plan"): said} if has_plan else {}, {"summarize": "success"})
    end = EndRunOperator(task_id="end_run", dataset=edited(pipeline, cluster={"namespace": "atoll"}))
    end.execute(instance.context)
    deleted = [path for method, path in cluster.asked if method == "DELETE"]
    assert [path.split("/")[4:6] for path in deleted] == [["reef", "secrets"], ["reef", "configmaps"]]
    assert instance.pushed == (
        {"changed": "changed since this run was planned: cluster.namespace reef -> atoll"} if has_plan else {}
    )


@pytest.mark.parametrize(
    ("state", "ended_s", "deleted", "kept"),
    [
        pytest.param("running", None, False, True, id="at work"),
        pytest.param("failed", None, True, False, id="failed before it could clean up"),
        pytest.param(DELETED, None, True, False, id="deleted"),
        pytest.param("success", 3600, False, False, id="cleaned up by itself, long ago"),
        pytest.param("success", 1, False, True, id="cleaned up by itself a second ago: its DAG lingers"),
    ],
)
def test_any_plan_ends_what_a_run_left_in_another_namespace(
    planned, cluster, written, *, state, ended_s, deleted, kept
):
    pipeline, _, _ = planned(cluster=PODS, worker={"image": "shoal-worker"})
    ended_at = utc_text(datetime.now(UTC) - timedelta(seconds=ended_s)) if ended_s else None
    open_run(written, pipeline.dataset, run_id="lost", dag_id="reanalyse_gone", ended_at=ended_at)
    states = {} if state == DELETED else {"lost": state}
    end_left_behind(Instance(run_states={**states, "r1": "running"}))
    assert bool(cluster.asked) is deleted
    assert bool(written) is kept


def test_a_plan_that_is_cleared_ends_its_pods_in_the_namespace_they_are_in(planned, cluster, written):
    pipeline, _, _ = planned(cluster=PODS, worker={"image": "shoal-worker"})
    open_run(written, pipeline.dataset)
    now = Dataset.model_validate(edited(pipeline, cluster={"namespace": "atoll"}))
    assert end_moved(Instance(), written.popitem()[1], where_it_works(now)) == ()
    assert {path.split("/")[4] for _, path in cluster.asked} == {"reef"}


def test_a_plan_that_is_cleared_keeps_the_place_that_it_could_not_reach(planned, written, cluster):
    del cluster
    pipeline, _, _ = planned(cluster={**PODS, "conn_id": "gone"}, worker={"image": "shoal-worker"})
    open_run(written, pipeline.dataset)
    earlier = written.popitem()[1]
    earlier.cluster["conn_id"] = "gone"
    now = Dataset.model_validate(edited(pipeline, cluster={"namespace": "atoll"}))
    assert end_moved(Instance(), earlier, where_it_works(now)) == (earlier.cluster,)


def test_a_plan_that_stood_still_while_another_attempt_planned_counts_for_nothing(written, reef):
    """Its process was stopped until Airflow took it for dead; Airflow takes its XComs all the same."""
    at_work, mine = Instance(run_states={"r1": "running"}), "20261031T235900Z-mine0000"
    plan_shards._need_latest(at_work, mine)  # what could not be written down is not asked for
    open_run(written, reef)
    (known,) = written.values()
    plan_shards._need_latest(at_work, known.run_key)
    with pytest.raises(
        ConfigError, match=f"^Another attempt has planned this run since \\({known.run_key}\\): plan {mine}"
    ):
        plan_shards._need_latest(at_work, mine)
    written.clear()
    with pytest.raises(ConfigError, match=f"^The run was over before its plan {mine} was made"):
        plan_shards._need_latest(Instance(run_states={"r1": "success"}), mine)


def test_a_plan_that_could_not_be_written_down_counts_beside_what_an_earlier_attempt_wrote(written, reef):
    open_run(written, reef)
    plan_shards._need_latest(Instance(run_states={"r1": "running"}), "20261101T000100Z-mine0000")


def test_a_second_attempt_counts_though_the_first_was_planned_where_the_clock_is_ahead(written, reef):
    open_run(written, reef)
    ((key, known),) = written.items()
    ahead = f"{datetime.now(UTC) + timedelta(hours=1):%Y%m%dT%H%M%SZ}-zzzzzzzz"
    written[key] = replace(known, run_key=ahead)
    mine = plan_shards._mint_run_key(Instance(run_states={"r1": "running"}))
    assert mine > ahead
    plan_shards._need_latest(Instance(run_states={"r1": "running"}), mine)


def test_a_plan_that_wakes_writes_nothing_over_what_a_later_attempt_wrote(monkeypatch, reef):
    kept = {}
    monkeypatch.setattr(open_runs.Variable, "get", lambda key, default: kept.get(key) or default)
    monkeypatch.setattr(open_runs.Variable, "set", lambda key, text, **_: kept.update({key: text}))
    earlier = OpenRun("reanalyse_reef", "r1", stored_settings(reef), {}, "20261101T000000Z-aaaaaaaa")
    for run in (earlier, replace(earlier, run_key="20261101T000500Z-bbbbbbbb"), earlier):
        open_runs.remember(run)
    known = open_runs.find_open_run("reanalyse_reef", "r1")
    assert known.run_key == "20261101T000500Z-bbbbbbbb"


def test_a_plan_that_comes_too_late_asks_for_no_room_and_ends_no_pod(cluster, written, reef):
    """What it would end are the pods of the attempt that planned since, and the promise it would lower is that one's."""
    open_run(written, reef)
    dataset = Dataset.model_validate({**reef.model_dump(mode="json"), "cluster": PODS, "worker": {"image": "w"}})
    late = SimpleNamespace(
        dataset=dataset, run_key="20261031T235900Z-mine0000", params=SimpleNamespace(plan_only=False)
    )
    context = {"ti": Instance(run_states={"r1": "running"})}
    context["ti"].try_number = 2
    plan = PlanShardsOperator(task_id="plan", dataset=dataset.model_dump(mode="json"))
    with pytest.raises(ConfigError, match=r"^Another attempt has planned this run since"):
        plan._make_plan(context, late, None, None)
    with pytest.raises(ConfigError, match=r"^Another attempt has planned this run since"):
        plan._write_down(context, dataset, late.run_key)
    assert cluster.asked == []


def test_a_finished_run_whose_shards_are_cleared_is_open_again(written, reef):
    open_run(written, reef, ended_at="2026-11-29T10:00:00Z")
    (known,) = written.values()
    keep_open(known)
    (again,) = written.values()
    assert (again.ended_at, again.run_key) == (None, known.run_key)
    keep_open(replace(again, run_key="another"))
    assert list(written.values()) == [again], "what a plan wrote stays"


def test_a_cluster_that_does_not_answer_keeps_what_is_written_down_and_fails_no_plan(planned, written, cluster, caplog):
    del cluster
    pipeline, _, _ = planned(cluster={**PODS, "conn_id": "gone"}, worker={"image": "shoal-worker"})
    open_run(written, pipeline.dataset, run_id="lost")
    written[next(iter(written))].cluster["conn_id"] = "gone"
    end_left_behind(Instance(run_states={"lost": "failed"}))
    assert "What run lost of reanalyse_reef left is not deleted now: Airflow connection 'gone'" in caplog.text
    assert f"gone for good: airflow variables delete {next(iter(written))}" in caplog.text


@contextmanager
def datasets(monkeypatch, tmp_path, *names):
    folder = tmp_path / "datasets"
    folder.mkdir()
    for name in names:
        shutil.copy(EXAMPLES / "demo.yaml", folder / f"{name}.yaml")
    monkeypatch.setenv(DATASETS_VARIABLE, str(folder))
    yield folder


@pytest.fixture
def reef():
    return load_dataset(EXAMPLES / "demo.yaml").model_copy(update={"name": "reef"})


def test_a_file_that_is_gone_keeps_the_dag_that_its_run_needs(monkeypatch, tmp_path, written, reef):
    scheduled = Dataset.model_validate({**reef.model_dump(mode="json"), "run": {"schedule": "0 2 * * *"}})
    open_run(written, scheduled)
    with datasets(monkeypatch, tmp_path, "other") as folder:
        made = dags.build()
    assert set(made) == {"reanalyse_other", "backfill_other", "reanalyse_reef"}
    dag = made["reanalyse_reef"]
    assert not dag.timetable.can_be_scheduled, "nothing starts by itself"
    assert "dataset file gone" in dag.tags
    assert [task.task_id for task in dag.tasks] == [task.task_id for task in made["reanalyse_other"].tasks]
    gone = (
        f"Dataset file reef.yaml is not in {folder} any more: runs in flight end as they were planned, nothing new is planned - "
        "put it back to go on"
    )
    assert gone in dag.doc_md
    plan = dag.get_task("plan")
    assert isinstance(plan, PlanShardsOperator)
    with pytest.raises(AirflowFailException, match="any more: runs in flight end as they were planned"):
        plan.execute(Instance().context)


def test_a_file_that_is_broken_now_keeps_it_too(monkeypatch, tmp_path, written, reef):
    open_run(written, reef)
    with datasets(monkeypatch, tmp_path) as folder:
        (folder / "reef.yaml").write_text("sauce: {}\n", encoding="utf-8")
        made = dags.build()
    assert set(made) == {"broken_reef", "reanalyse_reef"}
    assert "Dataset file reef.yaml cannot be used now" in made["reanalyse_reef"].doc_md


def test_a_file_that_is_there_is_the_one_that_counts(monkeypatch, tmp_path, written, reef):
    open_run(written, reef)
    with datasets(monkeypatch, tmp_path, "reef"):
        made = dags.build()
    assert set(made) == {"reanalyse_reef", "backfill_reef"}
    assert "dataset file gone" not in made["reanalyse_reef"].tags


@pytest.mark.parametrize(("minutes", "there"), [(1, True), (11, False)])
def test_the_dag_goes_when_its_last_run_has_ended_for_a_while(monkeypatch, tmp_path, written, reef, *, minutes, there):
    assert timedelta(minutes=10) == LINGERS
    open_run(written, reef, ended_at=utc_text(datetime.now(UTC) - timedelta(minutes=minutes)))
    with datasets(monkeypatch, tmp_path):
        assert ("reanalyse_reef" in dags.build()) is there


def test_settings_of_a_later_release_make_no_dag_and_break_no_other(monkeypatch, tmp_path, written, reef):
    open_run(written, reef)
    for run in written.values():
        run.settings["cluster"]["kind"] = "mainframe"
    with datasets(monkeypatch, tmp_path, "other"):
        assert set(dags.build()) == {"reanalyse_other", "backfill_other"}


@pytest.mark.parametrize("text", ['{"dag_id": "a"}', "not json", "[]", '"x"', "null"])
def test_a_variable_that_is_no_run_is_passed_over(monkeypatch, text):
    monkeypatch.setenv(f"AIRFLOW_VAR_{open_runs.key_of('reanalyse_reef', 'r1').upper()}", text)
    assert open_runs.find_open_run("reanalyse_reef", "r1") is None
