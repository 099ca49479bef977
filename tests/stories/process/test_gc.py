"""`gc` on a real store: killed in the middle, beside a run, beside another gc; what is needed stays, what is gone is said."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler

import pytest

from jumping_clock import JumpingClock
from pipeline import INCLUDE, Pipeline, few_of, find_test_room, make_pipeline, worker_environment
from played_once import play_once
from seeds import CHOSEN
from shoal.__main__ import main
from shoal.contract.errors import ConfigError, ContractError
from shoal.contract.minted_names import RUN_KEY, mint_run_key, run_time
from shoal.contract.stored_names import Kind, read_name
from shoal.embedded.processes.rclone import embedded_store
from shoal.history.gc import delete, survey, terms_of
from shoal.history.retention import Terms
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.results.answer import read_current
from shoal.settings.run_form import RunParams
from shoal.shards.remaining import write_remaining
from shoal.tables.session import open_database
from worker.http_faults import faulty_store, passed_on
from written_rows import write_rows

NOW = datetime.now(UTC) + timedelta(days=200)
"""The rule's now: what the tests write today is old, unless its run_key says otherwise."""

A_YEAR = 366 * 86400
APART = timedelta(minutes=20)

TERMS = Terms(NOW, timedelta(days=90))


def plan_at(pipeline: Pipeline, days_ago: float, now=NOW, **params):
    """Plan a run so many days before now."""
    request = PlanRequest(
        pipeline.dataset, RunParams.parse(params), dag_id=f"reanalyse_{pipeline.dataset.name}",
        run_key=mint_run_key(now - timedelta(days=days_ago)),
    )  # fmt: skip
    return make_plan(request, pipeline.stores, lambda: find_test_room(pipeline.dataset))


def run_at(pipeline: Pipeline, days_ago: float, **params):
    plan = plan_at(pipeline, days_ago, **params)
    write_rows(pipeline, plan)
    pipeline.summarize(plan)
    return plan


def prune(pipeline: Pipeline, terms: Terms = TERMS):
    found = survey(pipeline.stores.results, pipeline.stores.layout, terms)
    return delete(pipeline.stores.results, pipeline.stores.layout, found)


def kinds_of(pipeline: Pipeline, plan) -> set[str]:
    """What is left of a run, its listing too."""
    layout = pipeline.stores.layout
    names = [read_name(layout, key) for key in pipeline.stores.results.list_keys(layout.root)]
    return {str(name.kind) for name in names if name.run_key == plan.run_key}


def verify(pipeline: Pipeline, plan):
    return pipeline.verify(plan.run_key, plan.variant.directory)


WHOLE = {"listing", "manifest", "plan", "summary"}


@pytest.fixture(scope="module")
def played_nights(demo_models, scenes, tmp_path_factory):
    """Two old runs and a young one, which is the answer; each inferred something."""

    def play(pipeline):
        pipeline.put_scenes(few_of(scenes))
        plans = []
        for number, days_ago in enumerate((180, 150, 10)):
            pipeline.put(f"later/2026060{number + 4}-120000-IPC608.jpg", scenes[number + 3].jpeg)
            plans.append(run_at(pipeline, days_ago))
        return plans

    return play_once(tmp_path_factory.mktemp("nights"), demo_models, play)


@pytest.fixture
def three_nights(played_nights, tmp_path):
    """Those nights in a store of the test's own."""
    with played_nights.copy(tmp_path) as pipeline:
        yield pipeline, played_nights.told


def test_old_runs_lose_what_only_recomputing_needs_and_the_answer_keeps_everything(three_nights):
    pipeline, (first, second, answer) = three_nights
    rows_before = pipeline.stores.results.list_keys(
        f"{pipeline.stores.layout.variant(first.variant.directory).ledgers}"
    )
    deleted = prune(pipeline)
    assert [kinds_of(pipeline, plan) for plan in (first, second, answer)] == [
        {"plan", "summary"}, {"plan", "summary"}, WHOLE,
    ]  # fmt: skip
    assert {entry.name.kind for entry in deleted} == {Kind.LISTING, Kind.MANIFEST, Kind.SHARED}
    assert (
        pipeline.stores.results.list_keys(f"{pipeline.stores.layout.variant(first.variant.directory).ledgers}")
        == rows_before
    )
    assert verify(pipeline, answer).deviations == ()
    assert prune(pipeline) == [], "a second one finds nothing"


def test_a_dry_run_s_survey_deletes_nothing(three_nights):
    pipeline, _ = three_nights
    before = pipeline.stores.results.list_keys("")
    found = survey(pipeline.stores.results, pipeline.stores.layout, TERMS)
    kinds = Counter(entry.name.kind for entry in found.goes)
    assert (kinds[Kind.LISTING], kinds[Kind.MANIFEST]) == (2, 2)
    assert {*kinds} == {Kind.LISTING, Kind.MANIFEST, Kind.SHARED}
    assert [verdict.stored.key for verdict in found.verdicts] == before, "every object is accounted for"
    assert pipeline.stores.results.list_keys("") == before


def test_the_next_run_reuses_all_rows_and_gives_the_same_result(three_nights):
    pipeline, _ = three_nights
    before = read_current(pipeline.stores.results, pipeline.stores.layout)["result_sha256"]
    prune(pipeline)
    plan = plan_at(pipeline, 0)
    assert (plan.reused, plan.work.images) == (15, 0)
    done = pipeline.summarize(plan)
    assert done.summary["result_sha256"] == before
    assert done.summary["run"]["removed_since_previous"] == 0
    assert verify(pipeline, plan).deviations == ()


def test_an_answer_of_long_ago_keeps_everything(few_images):
    answer, trial = run_at(few_images, 180), run_at(few_images, 170, conf=0.75)
    prune(few_images)
    assert (kinds_of(few_images, answer), kinds_of(few_images, trial)) == (
        WHOLE,
        {"plan", "summary", "listing"},
    )
    prune(few_images, Terms(NOW, TERMS.keep, pinned=frozenset()))
    assert verify(few_images, answer).deviations == ()
    done = few_images.summarize(plan_at(few_images, 0))
    assert done.summary["run"]["removed_since_previous"] == 0


def test_the_last_answer_of_an_older_model_keeps_everything(few_images):
    old, newer = run_at(few_images, 190), run_at(few_images, 185)
    replaced = few_images.with_settings(model={"name": "demo-fish", "version": "v2"})
    current = run_at(replaced, 170)
    prune(few_images)
    assert [kinds_of(few_images, plan) for plan in (old, newer, current)] == [
        {"plan", "summary"}, {"plan", "summary", "listing"}, WHOLE,
    ]  # fmt: skip
    assert verify(few_images, newer).deviations == ()


def test_a_cited_run_keeps_everything(three_nights):
    pipeline, (cited, other, _) = three_nights
    prune(pipeline, Terms(NOW, TERMS.keep, pinned=frozenset({cited.run_key})))
    assert (kinds_of(pipeline, cited), kinds_of(pipeline, other)) == (WHOLE, {"plan", "summary"})


@pytest.mark.parametrize("days_ago", [0, 20], ids=["of tonight", "that waited for approval for weeks"])
def test_a_run_between_plan_and_summarize_is_not_touched(few_images, days_ago):
    run_at(few_images, 180, limit=3)
    plan = plan_at(few_images, days_ago)
    terms = Terms(NOW, timedelta(days=2))
    prune(few_images, terms)
    write_rows(few_images, plan)
    prune(few_images, terms)
    done = few_images.summarize(plan)
    prune(few_images, terms)
    assert done.balance.complete
    assert verify(few_images, plan).deviations == ()


def test_a_run_that_died_long_ago_loses_its_manifest_and_none_of_its_rows(few_images):
    dead = plan_at(few_images, 180)
    write_rows(few_images, dead)
    prune(few_images)
    assert kinds_of(few_images, dead) == {"plan"}
    done = few_images.run()
    assert done.balance.fates["reused"] == 12


def test_a_listing_that_a_kept_run_shares_stays(few_images):
    first, second = run_at(few_images, 180), run_at(few_images, 10)
    results, layout = few_images.stores.results, few_images.stores.layout.variant(second.variant.directory)
    plan_key = layout.run(second.run_key).plan
    shared = {**results.read_json(plan_key)}
    shared["listing"] = {**shared["listing"], "key": first.listing_key}
    results.write_json(plan_key, shared)
    prune(few_images)
    assert kinds_of(few_images, first) == {"plan", "summary", "listing"}
    assert verify(few_images, second).balance.complete


def test_what_a_killed_summarize_left_goes_and_the_named_folder_stays(few_images):
    plan = run_at(few_images, 10)
    run = few_images.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    few_images.stores.results.write_bytes(run.summary_file("killed00", "report.html"), b"half")
    assert [entry.key for entry in prune(few_images)] == [run.summary_file("killed00", "report.html")]
    assert verify(few_images, plan).deviations == ()
    few_images.stores.results.write_bytes(run.summary_file("running0", "report.html"), b"being written")
    assert prune(few_images, Terms(datetime.now(UTC), TERMS.keep)) == []


def test_an_old_run_that_becomes_the_answer_meanwhile_is_spared(few_images):
    plan = run_at(few_images, 180, limit=3)
    found = survey(few_images.stores.results, few_images.stores.layout, TERMS)
    planned = {name: plan.to_json()[name] for name in ("format_version", "run_key", "variant", "model")}
    few_images.stores.results.write_json(
        few_images.stores.layout.current, {**planned, "listing": plan.listing_key, "result_sha256": "0" * 64}
    )
    assert delete(few_images.stores.results, few_images.stores.layout, found) == []


def test_a_plan_that_cannot_be_read_stops_gc_before_anything_is_deleted(three_nights):
    pipeline, (_, _, answer) = three_nights
    run = pipeline.stores.layout.variant(answer.variant.directory).run(answer.run_key)
    pipeline.stores.results.write_bytes(run.plan, b"{")
    with pytest.raises(
        ContractError,
        match=r"Nothing is deleted: .*plan\.json' in bucket .* is no JSON object of Shoal's \(.*\) - restore it",
    ):
        prune(pipeline)


def test_a_plan_that_was_never_shoals_stops_gc_until_it_is_deleted(three_nights):
    pipeline, (first, _, answer) = three_nights
    run = pipeline.stores.layout.variant(answer.variant.directory).run(mint_run_key(NOW - timedelta(days=5)))
    for foreign in (b"x", b'{"format_version": 1}'):
        pipeline.stores.results.write_bytes(run.plan, foreign)
        with pytest.raises(ContractError, match=r"restore it, .*; where .* it never was Shoal's, delete it") as told:
            prune(pipeline)
        assert f"what {run.plan} needs is not known" in str(told.value)
    pipeline.stores.results.delete([run.plan])
    prune(pipeline)
    assert kinds_of(pipeline, first) == {"plan", "summary"}
    assert verify(pipeline, answer).deviations == ()


SLOW_GC = """
import sys, time
from datetime import datetime, timedelta
from shoal.history import gc as pruning
from shoal.stores.s3 import S3Store
from shoal.contract.layout import DatasetLayout
from shoal.stores.s3_access import StoreAccess
from shoal.history.retention import Terms

class SlowBucket(S3Store):
    def delete(self, keys):
        for key in keys:
            super().delete([key])
            print(key, flush=True)
            time.sleep(0.2)

results = SlowBucket(StoreAccess.from_env("results"), sys.argv[1])
layout = DatasetLayout("", sys.argv[2])
found = pruning.survey(results, layout, Terms(datetime.fromisoformat(sys.argv[3]), timedelta(days=90)))
pruning.delete(results, layout, found)
"""


@pytest.mark.parametrize("after", [1, 5], ids=lambda after: f"after {after} deletions")
def test_gc_killed_in_the_middle_leaves_what_is_needed_and_the_next_one_goes_on(three_nights, after):
    pipeline, (first, second, answer) = three_nights
    stores = pipeline.stores
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_GC, stores.results.bucket, stores.layout.dataset, NOW.isoformat()],
        env={**worker_environment(stores), "PYTHONPATH": str(INCLUDE)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(after):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert verify(pipeline, answer).deviations == ()
    assert read_current(stores.results, stores.layout)["run_key"] == answer.run_key
    assert plan_at(pipeline, 0).work.images == 0
    prune(pipeline)
    assert [kinds_of(pipeline, plan) for plan in (first, second)] == [{"plan", "summary"}] * 2
    assert verify(pipeline, answer).deviations == ()


@dataclass(frozen=True)
class Aged:
    """A dataset whose objects are as old as their run_keys say, by the store's own clock."""

    pipeline: Pipeline
    old: str
    answer: str
    environment: dict[str, str]

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "shoal", *words], env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )  # fmt: skip


@pytest.fixture
def aged(demo_models, scenes, tmp_path):
    """An old run that nothing needs and the answer, 180 and 10 days ago."""
    (tmp_path / "data").mkdir()
    with embedded_store(tmp_path / "data", tmp_path / "store.log") as access:
        pipeline = make_pipeline(access, demo_models, tmp_path)
        pipeline.put_scenes(scenes[40:44])
        today = datetime.now(UTC)
        old = run_at(pipeline, 180, now=today, limit=2)
        answer = run_at(pipeline, 10, now=today)
        for path in (tmp_path / "data" / pipeline.stores.results.bucket).rglob("*"):
            if found := re.search(RUN_KEY, str(path)):
                os.utime(path, (run_time(found[0]).timestamp(),) * 2)
        time.sleep(2.5)  # the store looks at its folders again
        connection = {
            "conn_type": "generic", "login": access.access_key, "password": access.secret_key,
            "extra": {"endpoint_url": access.endpoint_url},
        }  # fmt: skip
        environment = {
            **os.environ, "PYTHONPATH": str(INCLUDE), "SHOAL_DATASETS": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW_CONN_TEST": json.dumps(connection), "SHOAL_HOME": str(tmp_path / "home"),
        }  # fmt: skip
        yield Aged(pipeline, old.run_key, answer.run_key, environment)


def test_the_command_shows_what_goes_and_deletes_it_only_when_told(aged):
    name, before = aged.pipeline.dataset.name, aged.pipeline.stores.results.list_keys("")
    dry = aged.command("gc", name, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    table = [re.split(r"  +", line) for line in dry.stdout.splitlines()]
    assert table[0] == ["WHAT", "OBJECTS", "MB", "BECAUSE"]
    assert [row[:2] + row[3:] for row in table if row[0] in {"listings", "manifests", "summary files"}] == [
        ["listings", "1", "goes", "older than 90d"],
        ["listings", "1", "kept", "current.json names it"],
        ["manifests", "1", "goes", "older than 90d"],
        ["manifests", "1", "kept", "current.json names the run"],
    ]
    assert sum(int(row[1]) for row in table[1:] if len(row) == 5) == len(before), "each object once"
    assert dry.stdout.splitlines()[-1] == "dry run: 2 objects would be deleted, none was"
    assert aged.pipeline.stores.results.list_keys("") == before
    done = aged.command("gc", name)
    assert (done.returncode, done.stdout.splitlines()[:-1]) == (0, dry.stdout.splitlines()[:-1])
    assert done.stdout.splitlines()[-1].startswith("deleted 2 objects, ")
    verified = aged.command("verify", f"{name}/{aged.old}")
    assert verified.returncode == 2
    assert verified.stderr.startswith(
        f"shoal: Run {aged.old} cannot be computed again: its listing and manifest are not in"
    )
    assert verified.stderr.count("\n") == 1


@pytest.mark.skipif(CHOSEN not in os.environ, reason="wide: make test-wide")
def test_a_clock_that_was_stepped_deletes_nothing_that_the_right_one_keeps(aged, tmp_path):
    """This machine's: ages are told by the store's, which refuses a clock that is far from its own."""
    name, results, clock = aged.pipeline.dataset.name, aged.pipeline.stores.results, JumpingClock.make(tmp_path)
    before = results.list_keys("")
    stepped = Aged(aged.pipeline, aged.old, aged.answer, aged.environment | clock.environment)
    right = stepped.command("gc", name, "--dry-run")
    assert right.stdout.splitlines()[-1] == "dry run: 2 objects would be deleted, none was", right.stderr
    for jump_s in (20 * 60, -20 * 60, A_YEAR, -A_YEAR):
        clock.jump(jump_s)
        told = stepped.command("gc", name)
        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr.count("\n") == 1, told.stderr
        # Of the past, rclone says AccessDenied alone.
        assert "are too far apart - set both by NTP" in told.stderr or jump_s < 0
        assert results.list_keys("") == before
    clock.jump(-10 * 60)
    assert stepped.command("gc", name, "--dry-run").stdout == right.stdout
    clock.jump(10 * 60)
    assert stepped.command("gc", name).stdout.splitlines()[-1].startswith("deleted 2 objects, ")


def tells_another_time(endpoint_url, step):
    """The store as it is, but for what its answers say that the time is."""
    good = passed_on(endpoint_url)

    def answer(handler, number):
        send = BaseHTTPRequestHandler.send_header.__get__(handler)
        handler.send_header = lambda name, value: send(
            name, format_datetime(parsedate_to_datetime(value) + step, usegmt=True) if name == "Date" else value
        )
        good(handler, number)

    return answer


@pytest.mark.skipif(CHOSEN not in os.environ, reason="wide: make test-wide")
def test_two_clocks_an_hour_apart_delete_nothing_and_less_changes_nothing(aged):
    name, results, access = (
        aged.pipeline.dataset.name,
        aged.pipeline.stores.results,
        aged.pipeline.stores.results.access,
    )
    before, right = results.list_keys(""), aged.command("gc", name, "--dry-run").stdout
    assert right.splitlines()[-1] == "dry run: 2 objects would be deleted, none was"
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    for step, is_believed in (
        (hour + minute, False),
        (-hour - minute, False),
        (minute - hour, True),
        (hour - minute, True),
    ):
        with faulty_store(tells_another_time(access.endpoint_url, step)) as (url, _):
            connection = aged.environment["AIRFLOW_CONN_TEST"].replace(access.endpoint_url, url)
            told = replace(aged, environment={**aged.environment, "AIRFLOW_CONN_TEST": connection})
            if is_believed:
                assert told.command("gc", name, "--dry-run").stdout == right
                continue
            refused = told.command("gc", name)
        assert (refused.returncode, refused.stdout) == (2, "")
        said = (
            rf"shoal: It is \S+ by the clock of {url}, and \S+ by this machine's: .* 1h apart, .* - set both by NTP\n"
        )
        assert re.fullmatch(said, refused.stderr), refused.stderr
        assert results.list_keys("") == before
    assert aged.command("gc", name).stdout.splitlines()[-1].startswith("deleted 2 objects, ")


@pytest.mark.parametrize("step", [timedelta(days=366), -timedelta(hours=2)], ids=["a year ahead", "hours back"])
def test_a_store_whose_clock_was_stepped_is_not_believed(few_images, monkeypatch, step):
    """The manifest of a run at work would be as old as that of a dead one, or a dead one's as young."""
    at_work, results = few_images.plan(), few_images.stores.results
    clock = results.read_clock
    monkeypatch.setattr(results, "read_clock", lambda: clock() + step)
    with pytest.raises(
        ConfigError,
        match=r"^It is \S+ by the clock of http\S+, and \S+ by this machine's: .* 1h apart, .* - set both by NTP$",
    ):
        terms_of(few_images.dataset, results)
    monkeypatch.setattr(results, "read_clock", lambda: clock() + (APART if step > timedelta() else -APART))
    terms = terms_of(few_images.dataset, results)
    assert prune(few_images, terms) == []
    few_images.infer(at_work)
    assert few_images.summarize(at_work).balance.complete


def test_why_finds_a_run_by_all_its_names_and_its_exit_status_says_complete(aged):
    pipeline, name = aged.pipeline, aged.pipeline.dataset.name
    latest = aged.command("why", name)
    assert latest.returncode == 0, latest.stderr
    assert [line.split(" ", 1)[0] for line in latest.stdout.splitlines() if line[0] != " "] == [
        "run", "planned", "balance", "state", "cause", "next",
    ]  # fmt: skip
    assert f"run      {name}/{aged.answer}\n" in latest.stdout
    pipeline.put("new/20260609-120000-IPC608.jpg", b"")
    plan = pipeline.plan()
    uri = pipeline.stores.results.uri(pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan)
    as_json = aged.command("why", uri, "--json")
    assert as_json.returncode == 1, as_json.stderr
    found = json.loads(as_json.stdout)
    assert (found["run"], found["state"]) == (f"{name}/{plan.run_key}", "running")
    assert found["images"] == ['1 open now: "new/20260609-120000-IPC608.jpg"']
    unknown = aged.command("why", f"{name}/20200101T000000Z-aaaaaaaa")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("shoal: Nothing of run 20200101T000000Z-aaaaaaaa lies below s3://")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("--keep", "1h"), "1h is too short, runs share listings - keep 2d or more", id="too short"),
        pytest.param(("--keep", "soon"), "Invalid duration 'soon' - write a number and a unit", id="no duration"),
    ],
)
def test_a_bad_age_is_one_line(words, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["gc", "reef", *words])
    assert message in capsys.readouterr().err


def test_two_at_once_and_beside_a_whole_run_harm_nobody(aged, scenes):
    pipeline = aged.pipeline
    pipeline.put_scenes(scenes[50:52])
    stop, errors = threading.Event(), []

    def prune_on():
        try:
            while not stop.is_set():
                prune(pipeline, Terms(pipeline.stores.results.read_clock(), timedelta(days=2)))
        except Exception as err:  # noqa: BLE001 - shown by the test
            errors.append(err)

    threads = [threading.Thread(target=prune_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    done = pipeline.run()
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert done.balance.complete
    plan = done.summary["run"]["run_key"]
    assert pipeline.verify(plan, done.summary["run"]["ledger"].split("/")[1]).deviations == ()
    assert pipeline.stores.results.has(pipeline.stores.layout.listing(aged.old)) is False


def test_a_pruned_run_says_so_in_one_line_wherever_it_is_needed(three_nights):
    pipeline, (pruned, *_) = three_nights
    prune(pipeline)
    layout = pipeline.stores.layout.variant(pruned.variant.directory)
    gone = (
        rf"^Run {pruned.run_key} cannot be computed again: its listing and manifest are not in the bucket - python -m shoal gc "
        r"deletes them after retention\.keep; a summary\.json stays, and so do all rows; gone: .+/listings/.+\.json, .+/manifest\.parquet$"
    )
    with pytest.raises(ContractError, match=gone):
        verify(pipeline, pruned)
    with pytest.raises(ContractError, match=gone):
        pipeline.summarize(pruned)
    with open_database(pipeline.stores.results) as database, pytest.raises(ContractError, match=gone):
        write_remaining(database, layout, pruned.run_key, 0, "attempt1")


def test_a_run_that_lost_only_its_files_says_so_and_one_that_lost_one_deviates(few_images):
    plan = run_at(few_images, 10)
    run = few_images.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    folder = few_images.stores.results.read_json(run.summary)["folder"]
    few_images.stores.results.delete([f"{folder}report.html"])
    missing = (
        f"G3: file report.html of the summary of run {plan.run_key} is missing: there is no object {folder}report.html"
    )
    assert verify(few_images, plan).deviations == (missing,)
    answer = few_images.stores.layout.variant(plan.variant.directory).answer
    few_images.stores.results.delete(few_images.stores.results.list_keys(answer))
    with pytest.raises(ContractError, match="cannot be verified: the files of its summary are not in the bucket"):
        verify(few_images, plan)


def test_the_store_tells_its_own_time(few_images):
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= few_images.stores.results.read_clock() <= datetime.now(UTC)


def test_a_store_without_unfinished_uploads_says_so(few_images):
    """That one is given up is tested on MinIO, see tests/pods: rclone lists none."""
    found = survey(few_images.stores.results, few_images.stores.layout, TERMS)
    assert (found.uploads, found.uploads_unknown) == ((), None)


def test_a_store_that_lists_no_uploads_is_told_and_nothing_else_suffers(few_images, monkeypatch):
    run_at(few_images, 180)

    def refuse(_prefix):
        raise ConfigError("Access to unfinished uploads denied (AccessDenied) - check the rights of that key")

    monkeypatch.setattr(few_images.stores.results, "list_unfinished_uploads", refuse)
    found = survey(few_images.stores.results, few_images.stores.layout, TERMS)
    assert found.uploads_unknown.startswith("Access to unfinished uploads denied")
    assert found.verdicts
