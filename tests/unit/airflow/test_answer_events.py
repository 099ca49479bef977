"""What nights tell of the answer: to DAGs that wait for it, to people, to whoever keeps metrics and lineage."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from airflow.sdk.exceptions import TaskDeferred

from dataset_settings import dataset_settings
from played_once import play_few
from shard_attempts import airflow_connection
from shoal.airflow.assets import answer_asset, answer_outlets, describe_answer, emit_answer, is_news
from shoal.airflow.lineage_facts import find_lineage
from shoal.airflow.metrics import measure_plan, measure_summary
from shoal.airflow.operators import plan_shards, plan_told
from shoal.airflow.operators.frozen_run import FrozenRun
from shoal.airflow.operators.plan_shards import PlanShardsOperator
from shoal.airflow.run_words import about, tell_new_answer, tell_plan, tell_result
from shoal.contract.errors import InsufficientCapacityError
from shoal.plan.request import PlanRequest
from shoal.plan.resummary import Resummary, plan_resummary
from shoal.results.answer import read_current
from shoal.results.read_plan import read_plan
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from written_rows import write_rows

LATER = timedelta(seconds=10)


def night(pipeline, *, rows=True, **params):
    plan = pipeline.plan(**params)
    if rows:
        write_rows(pipeline, plan)
    return plan, pipeline.summarize(plan)


def stored_plan(pipeline, plan):
    layout = pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    return read_plan(pipeline.stores.results, layout.plan)


def values(samples):
    return {(sample.metric.name, sample.tags.get("fate", sample.tags.get("run"))): sample.value for sample in samples}


@pytest.fixture(scope="module")
def played(demo_models, scenes, tmp_path_factory):
    """A dataset of twelve images, a first night and one without news."""
    return play_few(
        tmp_path_factory.mktemp("nights"), demo_models, scenes, lambda pipeline: [night(pipeline), night(pipeline)]
    )


@pytest.fixture
def nights(played):
    """Plan and summary of those nights."""
    return played.told


def test_the_first_answer_is_news_and_the_same_one_again_is_told_as_that(answered, nights):
    (_, first), (_, idle) = nights
    told = [describe_answer(done, f"s3://{done.key}") for done in (first, idle)]
    assert [entry["changed"] for entry in told] == [True, False]
    assert told[0]["result_sha256"] == told[1]["result_sha256"]
    current = read_current(answered.stores.results, answered.stores.layout)
    assert told[1] == {
        "run_key": current["run_key"], "result_sha256": current["result_sha256"], "model": {"name": "demo-fish", "version": "v1"},
        "images": 12, "listed_at": current["listed_at"], "summary": f"s3://{idle.key}", "changed": False,
    }  # fmt: skip


def test_an_answer_that_is_summarized_again_is_news_as_its_event_may_be_lost(answered, nights):
    plan, _ = nights[1]
    assert is_news(answered.summarize(plan))


def test_after_a_count_from_the_command_line_the_next_night_is_news(answered, nights):
    counted = answered.with_settings(conf=0.6)
    (plan, _) = nights[1]
    asked = Resummary(counted.dataset, plan.run_key, plan.variant.directory, "29990101T000000Z-aaaaaaaa", publish=True)
    done = answered.summarize(plan_resummary_of(asked, counted))
    assert done.not_current_because is None
    assert is_news(done)


def plan_resummary_of(asked, pipeline):
    planned = plan_resummary(asked, pipeline.stores)

    class Planned:
        variant, run_key = planned.variant, planned.run_key

    return Planned


def test_only_what_may_become_the_answer_can_tell_of_it():
    assert [alias.name for alias in answer_outlets("reanalyse_reef")] == ["answer of reef"]
    assert answer_outlets("backfill_reef") == answer_outlets("somebody_s") == []
    assert (answer_asset("reef").uri, answer_asset("reef").name) == ("shoal://reef/answer",) * 2


def test_an_event_is_of_the_asset_that_users_name():
    from airflow.sdk import Asset
    from airflow.sdk.execution_time.context import OutletEventAccessors

    outlets, events = answer_outlets("reanalyse_reef"), OutletEventAccessors()
    emit_answer({"outlet_events": events}, "reef", outlets, {"run_key": "x"})
    [event] = events[outlets[0]].asset_alias_events
    named = Asset("shoal://reef/answer")
    assert (event.dest_asset_key.name, event.dest_asset_key.uri, event.extra) == (
        named.name,
        named.uri,
        {"run_key": "x"},
    )


def test_the_task_that_summarizes_adds_the_event_and_says_its_result(few_images, monkeypatch, store):
    from types import SimpleNamespace

    from airflow.sdk.execution_time.context import OutletEventAccessors

    from shoal.airflow.operators.frozen_run import where_it_lies
    from shoal.airflow.operators.summarize import SummarizeOperator
    from shoal.airflow.xcom_keys import TELLS

    plan, dataset = few_images.plan(), few_images.dataset
    write_rows(few_images, plan)
    planned = {"variant": plan.variant.directory, "run_key": plan.run_key, "plan_only": False}
    planned |= where_it_lies(dataset, plan.to_json())
    pushed, events = {}, OutletEventAccessors()
    instance = SimpleNamespace(
        dag_id=f"reanalyse_{dataset.name}", run_id="r1",
        xcom_pull=lambda task_ids, key: planned if (task_ids, key) == ("plan", "plan") else None,
        xcom_push=lambda key, value: pushed.update({key: value}),
    )  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))
    outlets = answer_outlets(instance.dag_id)
    operator = SummarizeOperator(task_id="summarize", dataset=dataset.model_dump(mode="json"), outlets=outlets)
    done = operator.execute({"ti": instance, "outlet_events": events})
    [event] = events[outlets[0]].asset_alias_events
    assert event.dest_asset_key.uri == f"shoal://{dataset.name}/answer"
    assert (event.extra["run_key"], event.extra["summary"]) == (plan.run_key, done["summary"])
    assert pushed[TELLS] == "12 examined = 12 used; this run is the dataset's answer"
    assert operator.lineage.run_key == plan.run_key


def test_people_are_told_of_the_first_answer_of_a_version_and_of_no_other(answered, nights):
    (_, first), (_, idle) = nights
    assert tell_new_answer(first, "reef") == (
        "reef has its first complete answer of demo-fish v1: 12 examined = 12 used",
        "python -m shoal current reef",
    )
    assert tell_new_answer(idle, "reef") is None
    newer = answered.with_settings(model={"name": "demo-fish", "version": "v2"})
    _, done = night(newer)
    text, command = tell_new_answer(done, "reef")
    assert text.endswith("answer of demo-fish v2: 12 examined = 12 used; until now it was demo-fish v1")
    assert command == f"python -m shoal compare reef {idle.stored.run_key} {done.stored.run_key}"


def test_plan_and_result_are_a_line_each(nights):
    (plan, first), (idle_plan, _) = nights
    assert tell_plan(plan) == (
        "demo-fish v1: 12 listed = 12 to look at; planned for 1 worker: about 12 s, 1 s per image (assumed)"
    )
    assert tell_result(first) == "12 examined = 12 used; this run is the dataset's answer"
    assert tell_plan(idle_plan) == "demo-fish v1: 12 listed = 12 known"


def test_a_run_that_left_work_says_how_much(few_images):
    _, done = night(few_images, rows=False)
    assert tell_result(done) == "0 examined; 12 left, which the next run goes on with; the run is not complete"


@pytest.mark.parametrize(
    ("seconds", "said"), [(40, "40 s"), (720, "12 min"), (12000, "3 h 20 min"), (0, "0 s")], ids=str
)
def test_expected_times_are_said_as_people_do(seconds, said):
    assert about(seconds) == said


def test_a_summary_is_measured_by_fate_and_a_night_that_looked_at_nothing_leaves_speed_as_it_was(answered, nights):
    (plan, first), (idle_plan, idle) = nights
    now = datetime.now(UTC)
    found = values(measure_summary(stored_plan(answered, plan), first, now - LATER, now))
    assert found["shoal.images", "processed"] == 12
    assert sum(value for (name, _), value in found.items() if name == "shoal.images") == 12
    assert (found["shoal.pending_images", "own"], found["shoal.failed_share", "own"]) == (0, 0)
    assert found["shoal.images_per_second", "own"] == 1.2
    assert found["shoal.answer_bytes", "own"] > 1000
    assert 0 <= found["shoal.answer_age_seconds", None] < 600
    counted_again = values(measure_summary(stored_plan(answered, plan), answered.summarize(plan), now - LATER, now))
    assert found.keys() - counted_again.keys() == {("shoal.images_per_second", "own")}, "it is no slower for that"
    again = values(measure_summary(stored_plan(answered, idle_plan), idle, now - LATER, now))
    assert again["shoal.images", "reused"] == 12
    for name in ("failed_share", "images_per_second", "seconds_per_image"):
        assert (f"shoal.{name}", "own") not in again


def test_a_trial_is_measured_beside_the_dataset_s_own_runs(answered, nights):
    plan, done = night(answered, conf=0.9)
    now = datetime.now(UTC)
    found = values(measure_summary(stored_plan(answered, plan), done, None, now))
    assert ("shoal.pending_images", "other") in found
    assert ("shoal.pending_images", "own") not in found
    before = read_current(answered.stores.results, answered.stores.layout)["listed_at"]
    assert found["shoal.answer_listed_timestamp_seconds", None] == datetime.fromisoformat(before).timestamp()


def test_a_plan_is_measured_before_anything_runs(few_images):
    plan = few_images.plan()
    found = values(measure_plan(plan, None, datetime.now(UTC)))
    assert found == {
        ("shoal.pending_images", "own"): 12,
        ("shoal.listed_bytes", "own"): plan.listing.size_bytes,
        ("shoal.eta_seconds", "own"): 12,
        ("shoal.capacity_pods", "own"): plan.work.capacity.pods,
    }


@pytest.mark.parametrize(
    ("run", "dag_id", "run_id", "params"),
    [
        ("own", "reanalyse_reef", "night", {}),
        ("own", "reanalyse_reef", "continue__20260601T020000Z-abcdefgh", {"model_version": "v2"}),
        ("other", "reanalyse_reef", "trial", {"model_version": "v2"}),
        ("other", "reanalyse_reef", "trial", {"limit": 3}),
        ("other", "backfill_reef", "month", {}),
    ],
    ids=["a night", "what continues it", "another model", "a few images", "a backfill"],
)
def test_a_plan_that_waits_for_room_sends_that_there_is_none(monkeypatch, run, dag_id, run_id, params):
    dataset, sent = Dataset.model_validate(dataset_settings("reef", "nowhere", name="reef")), []
    monkeypatch.setattr(plan_told, "are_wanted", lambda: True)
    monkeypatch.setattr(plan_told, "send", sent.extend)
    monkeypatch.setattr(plan_shards, "engine_of", Mock(return_value=Mock(waits=True)))
    monkeypatch.setattr(plan_shards, "_need_latest", Mock())
    monkeypatch.setattr("shoal.plan.make_plan.make_plan", Mock(side_effect=InsufficientCapacityError("0/1 nodes")))
    plan = PlanShardsOperator(task_id="plan", dataset=dataset.model_dump(mode="json"))
    with pytest.raises(TaskDeferred):
        plan._make_plan(
            {"ti": Mock(try_number=1)}, PlanRequest(dataset, RunParams(**params), dag_id, run_id), None, None
        )
    assert values(sent) == {("shoal.capacity_pods", run): 0}


def facts_of(pipeline, plan, done):
    return find_lineage(FrozenRun(pipeline.dataset, stored_plan(pipeline, plan), pipeline.stores, ""), done)


def test_lineage_leads_from_bucket_and_model_to_the_answer_and_of_a_trial_to_its_variant(answered, nights):
    plan, done = nights[1]
    facts, name = facts_of(answered, plan, done), answered.dataset.name
    assert (facts.images_namespace, facts.listing) == (f"s3://{name}-images", plan.listing_key)
    assert (facts.model_key, facts.model_sha256) == ("demo-fish/v1/model.onnx", plan.variant.release.sha256)
    assert (facts.output, facts.is_answer) == (answered.stores.layout.current, True)
    assert (facts.run_key, facts.examined, facts.fates["listed"]) == (done.stored.run_key, 12, 12)
    trial = facts_of(answered, *night(answered, conf=0.9))
    assert (trial.output, trial.is_answer) == (f"{name}/{plan.variant.directory}/", False)


def test_openlineage_receives_it_as_its_own_facets(answered, nights, tmp_path):
    """Through openlineage-python's own file transport, as a server would receive it."""
    pytest.importorskip("airflow.providers.openlineage", reason="shoal[lineage] is not installed")
    import json

    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.uuid import generate_new_uuid

    from shoal.airflow.operators.summarize import SummarizeOperator

    operator = SummarizeOperator(task_id="summarize", dataset=answered.dataset.model_dump(mode="json"))
    assert operator.get_openlineage_facets_on_complete(None) is None
    operator.lineage = facts = facts_of(answered, *nights[0])
    told = operator.get_openlineage_facets_on_complete(None)
    path = tmp_path / "events.jsonl"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(path), append=True)))
    event = RunEvent(
        eventType=RunState.COMPLETE, eventTime=datetime.now(UTC).isoformat(), producer="https://example.org/shoal",
        run=Run(str(generate_new_uuid()), told.run_facets), job=Job("airflow", "reanalyse_reef.summarize"),
        inputs=told.inputs, outputs=told.outputs,
    )  # fmt: skip
    client.emit(event)
    received = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    images, model = received["inputs"]
    assert (images["namespace"], images["name"]) == (facts.images_namespace, "/")
    assert images["inputFacets"]["inputStatistics"]["fileCount"] == 12
    assert model["facets"]["version"]["datasetVersion"] == facts.model_sha256
    [answer] = received["outputs"]
    assert (answer["name"], answer["facets"]["version"]["datasetVersion"]) == (facts.output, facts.run_key)
    assert answer["outputFacets"]["outputStatistics"]["rowCount"] == 12
    shoal = received["run"]["facets"]["shoal_run"]
    kept = ("run_key", "result_sha256", "model", "is_answer")
    assert {name: shoal[name] for name in kept} == {name: asdict(facts)[name] for name in kept}
    assert shoal["images"]["processed"] == 12
