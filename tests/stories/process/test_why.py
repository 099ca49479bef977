"""`why`: the first cause and the next step of a run, from a real bucket that holds what real runs left there."""

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline import run_worker, worker_environment
from reached_through import held_back
from shoal.contract.errors import ConfigError, ContractError, StoreError, WorkerError
from shoal.contract.rows import FATES, ROW_COLUMNS
from shoal.contract.units import utc_text
from shoal.history.facts import Images, read_facts
from shoal.history.find_run import latest_run
from shoal.history.standing import read_first_run
from shoal.history.why import State, diagnose
from shoal.models.approval import Answer
from shoal.preflight.sample_run import SampleRun
from shoal.results.plan_parts import StoredApproval
from shoal.results.run_list import list_runs
from shoal.settings.dataset_stores import open_stores
from shoal.shards.failure_notes import FailedAttempt, read_failed_attempts, write_failed_attempt
from shoal.tables.session import open_database
from worker.images import dark_jpeg
from written_rows import write_rows

OUT_OF_MEMORY = "Worker of pod infer-x ran out of memory - raise cluster.pod.memory; rows up to the last part are kept"


def facts_of(pipeline, run_key=None, later_s=0.0):
    runs = list_runs(pipeline.stores.results, pipeline.stores.layout)
    facts = read_facts(pipeline.stores, run_key or list(runs)[-1], runs)
    return replace(facts, now=facts.now + timedelta(seconds=later_s))


def why(pipeline, run_key=None, later_s=0.0):
    return diagnose(facts_of(pipeline, run_key, later_s))


def run_of(pipeline, plan):
    return pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key)


def note(pipeline, plan, shard=0, try_number=1, error=OUT_OF_MEMORY, **pod):
    failed = FailedAttempt(shard, try_number, utc_text(datetime.now(UTC)), error, retried=True, **pod)
    write_failed_attempt(pipeline.stores.results, run_of(pipeline, plan), failed)


@pytest.fixture
def slow_images(few_images):
    """Twelve images that make two shards, because the run's time box has room for a few only."""
    return few_images.with_settings(run={"budget": "4s"})


def test_a_complete_run_is_the_answer_and_can_be_verified(few_images):
    plan = few_images.plan()
    write_rows(few_images, plan)
    few_images.summarize(plan)
    found = why(few_images)
    assert found.state is State.COMPLETE
    assert found.cause == "every image is accounted for, and the run is the dataset's answer"
    assert found.next == f"python -m shoal verify {few_images.dataset.name}/{plan.run_key}"


def test_a_file_that_somebody_wrote_over_with_a_huge_one_is_not_read(few_images):
    done = few_images.run()
    results, (file,) = few_images.stores.results, [one for one in done.stored.files if one.name == "failures.csv"]
    results.write_bytes(file.key, b"x" * 3 * 1024**2)
    said = r"^Object '.*/failures\.csv' .* it has 3\.0 MiB, and 1 MiB are the most of its kind - python -m shoal verify \S+ tells whether"
    with pytest.raises(ContractError, match=said):
        why(few_images)


def test_bad_images_are_counted_by_reason_with_their_first_keys(few_images, bad):
    for file in bad[:4]:
        few_images.put(file.key, file.data)
    few_images.run()
    found = why(few_images)
    assert found.state is State.COMPLETE
    assert "images cannot be used" in found.cause or "failed" not in " ".join(found.images)
    assert all(': "' in line for line in found.images if "failed" in line)


def test_a_shard_that_ran_out_of_memory_three_times_is_the_first_cause(slow_images):
    plan = slow_images.plan()
    for try_number in (1, 2, 3):
        note(slow_images, plan, try_number=try_number, pod="infer-x", node="n1")
    slow_images.summarize(plan)
    found = why(slow_images)
    assert found.state is State.INCOMPLETE
    assert found.cause.startswith("shard 0 failed 3 times, first at 20")
    assert found.cause.endswith(f" on node n1: {OUT_OF_MEMORY}")
    images = plan.work.images
    assert found.shards[0].startswith(
        f"shard 0: {images} of {images} images without a row, 3 failed attempts, last: Worker of pod"
    )
    assert found.images[0].startswith(f'{images} open now: "')
    assert found.next.startswith("mend that, then airflow dags trigger reanalyse_")


def test_work_beyond_the_time_box_is_no_failure(slow_images):
    plan = slow_images.plan()
    write_rows(slow_images, plan)
    slow_images.summarize(plan)
    found = why(slow_images)
    assert found.state is State.INCOMPLETE
    left = 12 - plan.work.images
    assert found.cause == f"{left} images did not fit into the time box of 4s (run.budget); nothing failed"
    assert found.images == (f"{left} pending: left to a later run",)


def test_images_that_another_run_had_taken_did_not_miss_a_time_box(few_images):
    """Two of them in an archive, too: those were nobody's."""
    facts = facts_of(few_images, few_images.run().summary["run"]["run_key"])
    fates = {**dict.fromkeys(FATES, 0), "listed": 100, "reused": 88, "archived": 2, "pending": 10}
    found = diagnose(replace(facts, summary=replace(facts.summary, complete=False, balance=fates)))
    assert found.state is State.INCOMPLETE
    assert found.cause == "its 10 open images were left to a run that was at work on them"
    assert found.images == (
        "2 archived: no run can read them before they are restored",
        "10 pending: left to a later run",
    )


def test_what_a_later_run_settled_needs_nothing(slow_images):
    plan = slow_images.plan()
    slow_images.summarize(plan)
    next_plan = slow_images.plan()
    write_rows(slow_images, next_plan)
    found = why(slow_images, plan.run_key)
    assert (
        found.next
        == f"nothing: other runs have settled its images since; python -m shoal why {slow_images.dataset.name}"
    )
    assert "open now" not in " ".join(found.images)


def test_a_run_that_goes_on_in_a_later_one_names_it(slow_images):
    plan, later = slow_images.plan(), slow_images.plan()
    first, second = sorted([plan.run_key, later.run_key])
    slow_images.summarize(plan if plan.run_key == first else later)
    found = why(slow_images, first)
    assert found.next == f"a later run goes on from there: python -m shoal why {slow_images.dataset.name}/{second}"


def test_a_run_of_another_variant_or_over_less_goes_on_with_nothing(slow_images):
    first, soon = slow_images.plan(), datetime.now(UTC)
    slow_images.summarize(first)
    slow_images.plan(at=soon + timedelta(seconds=5), model_version="v2")
    slow_images.plan(at=soon + timedelta(seconds=10), prefix="IPC608/")
    slow_images.plan(at=soon + timedelta(seconds=15), plan_only=True)
    assert facts_of(slow_images, first.run_key).later is None
    command = f"airflow dags trigger reanalyse_{slow_images.dataset.name}: what is settled is kept"
    assert why(slow_images, first.run_key).next == command
    last = slow_images.plan(at=soon + timedelta(seconds=20), conf=0.5)
    assert facts_of(slow_images, first.run_key).later == last.run_key


def test_failures_that_a_run_tried_again_are_not_tried_again_by_what_goes_on_with_it(slow_images):
    plan = slow_images.plan(retry_failed=["killed_worker"])
    slow_images.summarize(plan)
    said = json.dumps({"retry_failed": ["killed_worker"], "retry_failed_before": plan.run_key})
    command = f"airflow dags trigger reanalyse_{slow_images.dataset.name} --conf '{said}': what is settled is kept"
    assert why(slow_images, plan.run_key).next == command


def test_a_shard_that_stopped_for_its_failures_says_how_many(empty_bucket):
    for number in range(120):
        empty_bucket.put(f"{number:03}.jpg", dark_jpeg(number)[:200])
    plan = empty_bucket.plan()
    # Else the whole shard is through where the thread that judges it gets no time.
    with held_back(empty_bucket, given=55) as held:
        run_worker(held.stores, plan, 0)
    empty_bucket.summarize(plan)
    found = why(empty_bucket)
    assert found.state is State.INCOMPLETE
    assert found.cause.startswith("shard 0 stopped: 5")
    assert "more than run.tolerated_failed_share allows" in found.cause
    assert any(
        line.startswith("5") and 'failed: truncated: "000.jpg", "001.jpg", "002.jpg", …' in line
        for line in found.images
    )


@pytest.mark.parametrize(
    ("later_s", "state", "cause"),
    [
        (0, State.RUNNING, "it is at work, or ended a moment ago: last sign"),
        (
            3600,
            State.WAITING,
            "no worker has written anything and no attempt left a note, last sign ",
        ),
    ],
    ids=["running", "silent"],
)
def test_a_run_without_summary_is_at_work_or_silent(few_images, later_s, state, cause):
    few_images.plan()
    found = why(few_images, later_s=later_s)
    assert (found.state, found.cause.startswith(cause)) == (state, True), found


def test_a_running_run_tells_what_failed_so_far_and_an_ended_one_why(few_images):
    plan = few_images.plan()
    note(few_images, plan, error="Pod infer-x was told to go (Evicted: low on memory) - rows are kept")
    assert "so far: shard 0 failed once, at" in why(few_images).cause
    ended = why(few_images, later_s=3600)
    assert (ended.state, "told to go (Evicted" in ended.cause) == (State.ENDED, True)


def test_a_sample_of_check_hides_no_run_and_is_told_as_one(few_images):
    few_images.run()
    latest = few_images.plan(at=datetime.now(UTC) + timedelta(seconds=5))
    sample = SampleRun.prepare(few_images.dataset, few_images.stores)
    runs = list_runs(few_images.stores.results, few_images.stores.layout)
    assert latest_run(few_images.stores, {**runs, sample.plan.run_key: sample.plan.variant.directory}) == latest.run_key
    found = why(few_images, sample.plan.run_key)
    assert (found.state, "a sample that python -m shoal check" in found.cause) == (State.STOPPED, True)


@pytest.mark.parametrize(("later_s", "state"), [(0, State.RUNNING), (3600, State.ENDED)], ids=["at work", "killed"])
def test_a_run_without_summary_before_a_later_one_names_that_first(few_images, later_s, state):
    plan = few_images.plan()
    write_rows(few_images, plan)
    later = few_images.run(at=datetime.now(UTC) + timedelta(seconds=5)).summary["run"]["run_key"]
    found = why(few_images, plan.run_key, later_s)
    assert found.state is state
    assert found.next.startswith(
        f"see whether python -m shoal why {few_images.dataset.name}/{later} is complete; if not, look at"
    )


def test_a_killed_summarize_is_told_from_missing_rows(few_images):
    plan = few_images.plan()
    write_rows(few_images, plan)
    found = why(few_images, later_s=3600)
    assert found.state is State.ENDED
    assert found.cause.startswith("every image of its manifest has a row, the summary is missing")
    assert found.next.startswith("look at task summarize of its Dag run: where it runs, wait; where not, clear it")


@pytest.mark.parametrize(("later_s", "state"), [(5000, State.RUNNING), (6000, State.ENDED)], ids=["at work", "killed"])
def test_a_summary_of_many_images_may_be_silent_for_longer(few_images, later_s, state):
    facts = facts_of(few_images, few_images.plan().run_key)
    plan = replace(facts.plan, counts=replace(facts.plan.counts, listed=10_000_000))
    now = facts.now + timedelta(seconds=later_s)
    found = diagnose(replace(facts, plan=plan, now=now, open=Images()))
    assert (found.state, "(10,000,000 images take it up to about 93 min)" in found.cause) == (state, True), found


def test_rows_that_lie_in_parts_count_while_the_run_is_at_work(slow_images):
    plan = slow_images.plan()
    write_rows(slow_images, plan)
    layout = slow_images.stores.layout.variant(plan.variant.directory)
    *_, last = slow_images.stores.results.list_keys(layout.parts)
    slow_images.stores.results.delete([last])
    facts = facts_of(slow_images)
    left = plan.work.shards[-1].images
    assert (facts.open.count, sum(shard.open for shard in facts.shards)) == (left, left)


@pytest.mark.parametrize(
    ("status", "reason", "params"),
    [
        pytest.param("denied", None, {}, id="the key of the bucket's encryption was refused"),
        pytest.param("changed", None, {}, id="overwritten meanwhile, and now as it was listed then"),
        pytest.param("failed", "killed_worker", {"retry_failed": ["killed_worker"]}, id="a failure that is to be tried again"),
    ],
)  # fmt: skip
def test_what_an_earlier_run_could_not_settle_is_open_until_this_one_has_tried_it(few_images, status, reason, params):
    def write(plan):
        write_rows(few_images, plan)
        results = few_images.stores.results
        (part,) = results.list_keys(few_images.stores.layout.variant(plan.variant.directory).parts)
        with open_database(results) as database:
            database.view_parquet("written", [part], ROW_COLUMNS)
            boxes = f"NULL::{ROW_COLUMNS['detections']} AS detections"
            values = f"'{status}' AS status, {repr(reason) if reason else 'NULL::VARCHAR'} AS reason"
            database.store_parquet(f"SELECT * REPLACE ({values}, {boxes}) FROM written", part)

    earlier = few_images.plan()
    write(earlier)
    few_images.summarize(earlier)
    plan = few_images.plan(**params)
    found = why(few_images, plan.run_key)
    assert (found.state, found.cause[:13]) == (State.RUNNING, "it is at work")
    assert found.shards == ("shard 0: 12 of 12 images without a row",)
    write(plan)
    assert why(few_images, plan.run_key).cause.startswith(
        "every image of its manifest has a row, the summary is missing"
    )


def test_rows_of_a_shard_in_the_middle_of_its_work_count(few_images):
    plan = few_images.plan()
    write_rows(few_images, plan)
    results = few_images.stores.results
    (part,) = results.list_keys(few_images.stores.layout.variant(plan.variant.directory).parts)
    with open_database(results) as database:
        database.view_parquet("written", [part], ROW_COLUMNS)
        assert database.store_parquet("SELECT * FROM written ORDER BY key LIMIT 5", part).rows == 5
    found = why(few_images)
    assert found.state is State.RUNNING
    assert found.shards[0].startswith("shard 0: 7 of 12 images without a row")
    assert found.images[0].startswith("7 open now: ")


def test_current_says_that_the_first_run_is_at_work(slow_images):
    with pytest.raises(ConfigError, match="has no answer yet and no run - trigger reanalyse_"):
        read_first_run(slow_images.stores)
    plan = slow_images.plan()
    lines = read_first_run(slow_images.stores).describe()
    images, shards = plan.work.images, len(plan.work.shards)
    assert lines[0] == f"run      {slow_images.dataset.name}/{plan.run_key}"
    assert lines[1].startswith("state    running: it is at work, or ended a moment ago: last sign ")
    assert lines[2] == (
        f"progress 0 of {images} images done, 0 of them failed, {images} left; 0.0 images/s, ETA unknown; shards: {shards} waiting"
    )


def test_plan_only_ends_on_purpose(few_images):
    few_images.plan(plan_only=True)
    found = why(few_images, later_s=3600)
    assert (found.state, found.next) == (
        State.STOPPED, f"to infer what it planned: airflow dags trigger reanalyse_{few_images.dataset.name}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "answer", "state", "cause"),
    [
        pytest.param("ask", None, State.WAITING, "need approval: more than run.approval_cpu_hours 24", id="asked"),
        pytest.param("waits", None, State.STOPPED, "need approval: more than run.approval_cpu_hours 24", id="nobody awake"),
        pytest.param("ask", (False, "ana"), State.STOPPED, "of demo-fish v1: refused by ana at 2026", id="no"),
        pytest.param("ask", (False, None), State.STOPPED, "answered by nobody in time", id="no answer"),
        pytest.param("ask", (True, "ana"), State.RUNNING, "it is at work", id="yes"),
    ],
)  # fmt: skip
def test_approval_is_told_from_plan_and_answer(few_images, decision, answer, state, cause):
    facts = facts_of(few_images, few_images.plan().run_key)
    approval = StoredApproval(decision, 12, 30.5, 24.0, answered_by=None, answered_at=None)
    said = answer and Answer(*answer, "2026-11-25T10:00:00Z")
    found = diagnose(replace(facts, plan=replace(facts.plan, approval=approval), answer=said))
    assert (found.state, cause in found.cause) == (state, True), found


def test_what_was_said_when_a_run_was_started_is_said_again(few_images):
    """Also of a month's run, whose own DAG would refuse to look at no month."""
    may = {"window_start": "2026-05-01T00:00:00Z", "window_end": "2026-06-01T00:00:00Z"}
    said = {"model_version": "v2", "conf": 0.5, "prefix": "d'en Baix/", **may}
    facts = facts_of(few_images, few_images.plan(model_version="v2", conf=0.5).run_key)
    by = replace(facts.plan.dag_run, dag_id=f"backfill_{few_images.dataset.name}")
    plan = replace(facts.plan, dag_run=by, params_json=facts.plan.params_json | said)
    ended = diagnose(replace(facts, plan=plan, now=facts.now + timedelta(hours=1)))
    command = shlex.split(ended.next.partition("; then ")[2])
    assert command[:4] == ["airflow", "dags", "trigger", f"reanalyse_{few_images.dataset.name}"]
    assert json.loads(command[-1]) == said
    approval = StoredApproval("ask", 12, 30.5, 24.0, answered_by=None, answered_at=None)
    no = Answer(yes=False, by="ana", at="2026-11-25T10:00:00Z")
    unsaid = replace(plan, approval=approval, params_json=plan.params_json | {"model_version": None})
    refused = diagnose(replace(facts, plan=unsaid, answer=no)).next
    assert refused.startswith(f"to be asked again: airflow dags trigger reanalyse_{few_images.dataset.name} --conf ")
    assert json.loads(shlex.split(refused)[-1]) == said


def test_a_count_that_died_is_asked_for_as_it_was(few_images):
    run = few_images.run().summary["run"]["run_key"]
    facts = facts_of(few_images, run)
    plan = replace(facts.plan, of_run=run, params_json=facts.plan.params_json | {"conf": 0.4}, may_become_current=False)
    command = f"python -m shoal summarize {few_images.dataset.name} --at {run}"
    assert f"{command} --conf 0.4 once more" in diagnose(replace(facts, plan=plan, summary=None)).next
    plan = replace(plan, params_json=plan.params_json | {"conf": None}, may_become_current=True)
    assert f"{command} --publish once more" in diagnose(replace(facts, plan=plan, summary=None)).next


@pytest.mark.parametrize(
    ("later_s", "state"),
    [(0, State.RUNNING), (3600, State.WAITING), (13 * 3600, State.ENDED)],
    ids=["at work", "waits for room or failed", "longer than a plan waits"],
)
def test_a_run_without_plan_says_where_to_look(few_images, later_s, state):
    """A run that another DAG plans meanwhile tells nothing of it."""
    plan = few_images.plan()
    few_images.plan(at=datetime.now(UTC) + timedelta(seconds=5))
    few_images.stores.results.delete([run_of(few_images, plan).plan, run_of(few_images, plan).manifest])
    found = why(few_images, plan.run_key, later_s)
    assert found.state is state
    assert "plan.json" in found.cause
    assert "wait" not in found.cause or "(cluster.wait, 12h" in found.cause
    assert found.next.endswith(f"python -m shoal check {few_images.dataset.name}")


def test_a_pruned_run_is_told_from_its_summary(slow_images):
    plan = slow_images.plan()
    note(slow_images, plan)
    slow_images.summarize(plan)
    run = run_of(slow_images, plan)
    folder = slow_images.stores.results.read_json(run.summary)["folder"]
    slow_images.stores.results.delete([run.manifest, *slow_images.stores.results.list_keys(folder)])
    found = why(slow_images)
    assert found.state is State.INCOMPLETE
    assert found.cause.startswith("shard 0 failed once, at")
    assert found.shards == ("not told any more: python -m shoal gc has deleted the manifest",)


def test_notes_come_back_in_the_order_of_the_failures(few_images):
    plan = few_images.plan()
    written = [
        FailedAttempt(shard, number, f"2026-11-25T10:0{number}:00Z", "why - way out", retried=False)
        for number, shard in enumerate((2, 0, 1))
    ]
    for failed in reversed(written):
        write_failed_attempt(few_images.stores.results, run_of(few_images, plan), failed)
    assert read_failed_attempts(few_images.stores.results, run_of(few_images, plan)) == written


@pytest.mark.parametrize(
    ("error", "retried"),
    [(WorkerError("Worker died\nin two lines - again"), True), (ConfigError("no such model - export it"), False)],
    ids=["retried", "not retried"],
)
def test_the_operators_note_an_error_and_let_it_pass(few_images, error, retried):
    from shoal.airflow.operators.note_failures import noted_failures

    plan = few_images.plan()
    shard = {"shard": 0, "variant": plan.variant.directory, "run_key": plan.run_key}
    seen = {"pod": "infer-x", "node": "n1"}
    with pytest.raises(type(error)), noted_failures(lambda: few_images.stores, shard, 2, seen):
        raise error
    [note] = read_failed_attempts(few_images.stores.results, run_of(few_images, plan))
    assert (note.error, note.retried, note.try_number) == (" ".join(str(error).split()), retried, 2)
    assert (note.pod, note.node) == ("infer-x", "n1")


def test_a_store_that_takes_no_note_does_not_hide_the_error(few_images, monkeypatch, caplog, capsys):
    from shoal.airflow.hooks.object_store import read_access
    from shoal.airflow.operators.note_failures import noted_failures

    plan = few_images.plan()
    reach_by_environment(few_images, monkeypatch, secret_key="wrong-secret-key")
    shard = {"shard": 0, "variant": plan.variant.directory, "run_key": plan.run_key}
    with (
        pytest.raises(StoreError, match="the first error"),
        noted_failures(lambda: open_stores(few_images.dataset, read_access), shard, 1),
    ):
        raise StoreError("the first error")
    said = caplog.text + capsys.readouterr().out  # Airflow, once imported, may have taken the log for itself
    assert "Why the attempt failed is not written to the results bucket: Access to" in said


def reach_by_environment(pipeline, monkeypatch, **changes):
    """Give Airflow's connection the way to the test's store."""
    access = pipeline.stores.results.access
    connection = {
        "conn_type": "generic", "login": access.access_key, "password": changes.get("secret_key", access.secret_key),
        "extra": {"endpoint_url": access.endpoint_url},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_TEST", json.dumps(connection))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    assert worker_environment(pipeline.stores)
