"""A night in which nothing happened: what it names again, what it costs, and what each thing that changes makes it compute."""

import os
from dataclasses import fields, replace
from importlib import metadata
from types import SimpleNamespace

import pytest

from played_once import play_few
from shoal import LOADED_AT
from shoal.answers.find import find_run
from shoal.contract.errors import ContractError, NoRoomError, StoreError
from shoal.evidence.cite import cite
from shoal.exports import loaded_code
from shoal.results import compaction
from shoal.results.ledger import find_sources
from shoal.results.plan_parts import ComparedWith, StoredThen
from shoal.results.read_plan import read_plan
from shoal.summary import evidence_beside, same_answer, summarize
from shoal.summary.known_months import hash_rules
from shoal.summary.same_answer import AnswerInputs, read_inputs
from shoal.tables.session import open_database
from waiting import wait_until
from written_rows import write_rows

OF_A_RUN = {"run_key", "dag_run", "listing", "summarized_at"}
OF_IMAGES_AND_ROWS = {"left_out", "listing", "ledgers", "late_origins", "compared", "labels", "numpy"}
"""Inputs that say which images and rows there are, what the report compares with, and what stands beside the numbers; all others decide what lines and files they make."""


@pytest.fixture
def computed(monkeypatch):
    """Run keys of the runs whose tables were built."""
    built = []

    def build_tables(database, plan, *given):
        built.append(plan.run_key)
        return build(database, plan, *given)

    build = summarize.build_tables
    monkeypatch.setattr(summarize, "build_tables", build_tables)
    return built


def night(pipeline, **params):
    plan = pipeline.plan(**params)
    write_rows(pipeline, plan)
    return pipeline.summarize(plan)


@pytest.fixture(scope="module")
def played(demo_models, scenes, tmp_path_factory):
    """A dataset of twelve images whose first night is over."""
    return play_few(tmp_path_factory.mktemp("answered"), demo_models, scenes, night)


@pytest.fixture
def first(played):
    """What that night came to."""
    return played.told


@pytest.fixture
def computed_since(computed, first):
    """Run keys of the runs whose tables were built, that night's among them."""
    computed.append(first.stored.run_key)
    return computed


def objects(pipeline):
    return {found.key: found.last_modified for found in pipeline.stores.results.list_objects("")}


def test_an_idle_night_names_the_files_of_the_answer_and_computes_nothing(answered, computed_since, first):
    before = objects(answered)
    idle = night(answered)
    assert computed_since == [first.stored.run_key]
    assert idle.balance.to_json() == {"listed": 12, **dict.fromkeys(idle.balance.fates, 0), "reused": 12}
    for name in ("result", "result_sha256", "folder", "files", "complete"):
        assert idle.summary[name] == first.summary[name], name
    assert idle.not_current_because is None
    added = {name.rsplit("/", 1)[-1] for name, at in objects(answered).items() if before.get(name) != at}
    assert {name for name in added if len(name) < 24} == {"plan.json", "summary.json", "current.json"}
    assert len(added) <= 5, "beside them only the listing"


def test_a_night_after_an_idle_one_is_idle_too(answered, computed_since):
    third = [night(answered), night(answered)][-1]
    assert len(computed_since) == 1
    assert third.not_current_because is None


@pytest.mark.parametrize(
    ("err", "computes"),
    [
        pytest.param(NoRoomError("512 MiB were not enough"), 0, id="want of memory: every night has as little"),
        pytest.param(StoreError("InternalError"), 1, id="the store failed: tonight it may not"),
    ],
)
def test_what_could_not_be_found_beside_the_answer_is_looked_for_again_where_that_may_help(
    few_images, computed, monkeypatch, err, computes
):
    def fail(*_):
        raise err

    monkeypatch.setattr(evidence_beside, "is_told", lambda *_: True)
    monkeypatch.setattr(evidence_beside, "read_evidence", fail)
    first = night(few_images)
    assert type(err).__name__ in first.summary["run"]["exports"]["evidence"]["failed"]
    night(few_images)
    assert len(computed) == 1 + computes


def test_what_an_idle_night_tells_is_what_computing_tells(few_images, computed, monkeypatch):
    few_images = few_images.with_settings(clock={"pattern": r"(?P<camera>IPC\d+)/(?P<time>\d{8}-\d{6})"})
    night(few_images)
    idle = night(few_images)
    monkeypatch.setattr(summarize, "find_same_answer", lambda *_: None)
    whole = night(few_images)
    assert len(computed) == 2
    for name in ("complete", "result", "result_sha256", "folder", "files"):
        assert idle.summary[name] == whole.summary[name], name
    told = [{name: said for name, said in one.summary["run"].items() if name not in OF_A_RUN} for one in (idle, whole)]
    assert told[0] == told[1]
    assert idle.summary["run"].keys() == whole.summary["run"].keys() >= OF_A_RUN
    directory = few_images.stores.results.read_json(few_images.stores.layout.current)["variant"]["directory"]
    assert few_images.verify(idle.stored.run_key, directory).deviations == ()


def test_a_damaged_current_json_stops_runs_and_deleting_it_mends_them(few_images, computed):
    first = night(few_images)
    stores = few_images.stores
    stores.results.write_bytes(stores.layout.current, b"x")
    way_out = (
        r"current\.json'.* is no JSON object of Shoal's .* - restore it, or delete it: the next complete run becomes"
    )
    with pytest.raises(ContractError, match=way_out):
        night(few_images)
    stores.results.delete([stores.layout.current])
    mended = night(few_images)
    assert mended.not_current_because is None
    assert mended.summary["result_sha256"] == first.summary["result_sha256"]
    assert stores.results.read_json(stores.layout.current)["run_key"] == mended.stored.run_key


def test_a_paper_names_the_releases_that_made_the_rows_whichever_night_it_cites(few_images, computed):
    stores = few_images.stores
    night(few_images)
    few_images.put("IPC608/20260605-120000-IPC608.jpg", b"new")
    plan = few_images.plan()
    write_rows(few_images, plan, worker_version="'0.2.0'")
    with_news = few_images.summarize(plan).summary["run"]
    assert (with_news["worker_versions"], with_news["examined_with"]) == (["0.2.0"], ["0.1.0", "0.2.0"])
    idle = night(few_images)
    assert len(computed) == 2
    assert idle.summary["run"]["worker_versions"] == []
    run = find_run(stores.results, stores.layout)
    assert run.run_key == idle.stored.run_key
    cited = cite(run)
    assert "were examined with Shoal 0.1.0, 0.2.0." in cited.methods[0]
    assert "  version = {0.1.0, 0.2.0}," in cited.bibtex[1].splitlines()
    # A summary of an earlier release tells of its own rows alone.
    told = {name: said for name, said in run.summary.run.items() if name != "examined_with"}
    earlier = replace(run, summary=replace(run.summary, run={**told, "worker_versions": ["0.2.0"]}))
    assert "were examined with Shoal 0.2.0, 13 of them in earlier runs." in cite(earlier).methods[0]


CHANGED = {
    "release": lambda plan, patch: patch(metadata, "version", lambda _: "0.2.0") or plan,
    "variant_sha256": lambda plan, _: replace(plan, variant=replace(plan.variant, sha256="0" * 64)),
    "model": lambda plan, _: replace(plan, model=replace(plan.model, version="v9")),
    "names": lambda plan, _: replace(plan, names=(*plan.names, "another")),
    "settings": lambda plan, _: replace(plan, settings_json={**plan.settings_json, "conf": 0.3}),
    "params": lambda plan, _: replace(plan, params_json={**plan.params_json, "conf": 0.3}),
    "may_become_current": lambda plan, _: replace(plan, may_become_current=not plan.may_become_current),
    "scope": lambda plan, _: replace(plan, scope=replace(plan.scope, window_end="2026-07-01T00:00:00Z")),
    "left_out": lambda plan, _: replace(plan, listing=replace(plan.listing, ignored=1)),
    "listing": None,
    "ledgers": None,
    "late_origins": None,
    "exports": None,
    "compared": lambda plan, _: replace(
        plan, compared_with=ComparedWith("20260601T000000Z-abcd1234", "demo-fish-v0-0")
    ),
    "then": lambda plan, _: replace(plan, then=StoredThen(plan.model, ("fish",), 1)),
    "repeats": None,
    "labels": None,
    "numpy": lambda plan, patch: patch(same_answer, "numpy_release", lambda: "0.1") or plan,
}
"""How the inputs of a run's answer become others, field by field, with nothing else changed; those with None have a test of their own."""


@pytest.fixture
def inputs_of(few_images):
    """Reads what the answer of a run depends on; of a plan as it is or as a test would have it."""
    done = night(few_images)
    plan = few_images.plan()
    layout = few_images.stores.layout.variant(plan.variant.directory)
    stored = read_plan(few_images.stores.results, layout.run(plan.run_key).plan)
    with open_database(few_images.stores.results) as database:
        sources = find_sources(database, layout, stored)

        def read(change=lambda plan: plan, sources=sources):
            return read_inputs(database, change(stored), sources)

        assert read().sha256 == done.summary["run"]["inputs_sha256"]
        read.sources = sources
        yield read


def test_each_of_the_inputs_has_its_line(inputs_of, monkeypatch):
    before = inputs_of()
    assert [field.name for field in fields(AnswerInputs)] == list(CHANGED)
    for name, change in CHANGED.items():
        if change is None:
            continue
        with monkeypatch.context() as context:
            context.setattr(loaded_code, "version", metadata.version)

            def patch(_, attribute, value, context=context):
                context.setattr(loaded_code if attribute == "version" else same_answer, attribute, value)

            after = inputs_of(lambda plan, change=change, patch=patch: change(plan, patch))
        differ = [
            field.name for field in fields(AnswerInputs) if getattr(before, field.name) != getattr(after, field.name)
        ]
        assert differ == [name], f"{name} alone"
        assert after.sha256 != before.sha256, name
        assert (hash_rules(after) == hash_rules(before)) == (name in OF_IMAGES_AND_ROWS), name
    sources = inputs_of.sources
    for name, others in {
        "ledgers": replace(sources, whole=sources.whole[1:]),
        "late_origins": replace(sources, late_origins=("20260601T000000Z-abcd1234-attempt1",)),
    }.items():
        after = inputs_of(sources=others)
        differ = [
            field.name for field in fields(AnswerInputs) if getattr(before, field.name) != getattr(after, field.name)
        ]
        assert differ == [name]
        assert after.sha256 != before.sha256
    for name, other in (
        ("listing", ("0" * 64,)),
        ("exports", {"sightings": "a-wheel 1.0"}),
        ("repeats", "0" * 64),
        ("labels", "0" * 64),
    ):
        assert replace(before, **{name: other}).sha256 != before.sha256
        assert (hash_rules(replace(before, **{name: other})) == hash_rules(before)) == (name in OF_IMAGES_AND_ROWS)


def test_a_changed_setting_computes_the_answer_anew(answered, computed_since):
    """Each once, from then on the answer is another: one of numbers, one that the report shows, one that decides no number."""
    for setting in ({"conf": 0.4}, {"description": "Ana's camera"}, {"run": {"budget": "3h"}}):
        answered = answered.with_settings(**setting)
        after = night(answered)
        assert computed_since[-1] == after.stored.run_key, setting
        assert after.balance.fates["reused"] == 12
        night(answered)
        assert computed_since[-1] == after.stored.run_key


def test_a_changed_image_a_new_one_and_a_lost_one_compute_the_answer_anew(answered, computed_since):
    keys = answered.stores.source.list_keys("")
    for change in (
        lambda: answered.put(keys[0], b"other bytes"),
        lambda: answered.put("IPC608/20260605-120000-IPC608.jpg", b"new"),
        lambda: answered.stores.source.delete(keys[1:2]),
        lambda: answered.put("notes.txt", b"no image"),  # the report counts what is left out
    ):
        change()
        after = night(answered)
        assert computed_since[-1] == after.stored.run_key


def test_a_file_that_is_gone_is_computed_and_stored_again(answered, computed_since, first):
    for file in (first.stored.tables[0], first.stored.named["report.html"]):
        answered.stores.results.delete([file.key])
        mended = night(answered)
        assert computed_since[-1] == mended.stored.run_key
        assert mended.summary["files"] == first.summary["files"]
        assert answered.stores.results.has(file.key)


def test_a_file_of_another_size_is_written_again(answered, computed_since, first):
    file = first.stored.tables[0]
    answered.stores.results.write_bytes(file.key, b"half of it")
    mended = night(answered)
    assert computed_since[-1] == mended.stored.run_key
    assert len(answered.stores.results.read_bytes(file.key)) == file.bytes


def test_an_answer_that_cannot_be_read_or_was_changed_is_no_reason_not_to_compute(answered, computed_since, first):
    for change in (
        {"result": {**first.summary["result"], "examined": 11}},
        {"files": {"report.html": 7}},
        {"complete": False},
        {"run": {**first.summary["run"], "silent": 7, "etag_unchecked_images": None, "clock": {"odd": None}}},
    ):
        answered.stores.results.write_json(first.key, {**first.summary, **change})
        after = night(answered)
        assert computed_since[-1] == after.stored.run_key
        assert after.summary["result_sha256"] == first.summary["result_sha256"]
        first = after


def test_what_the_report_would_have_to_warn_of_now_makes_a_new_report(few_images, computed, monkeypatch):
    from shoal.results.plan_parts import StoredSilent

    first = night(few_images)
    plan = few_images.plan()
    key = few_images.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan
    stored = few_images.stores.results.read_json(key)
    silent = StoredSilent("IPC608", "2026-06-02T12:00:00Z")
    few_images.stores.results.write_json(key, {**stored, "silent": [vars(silent)]})
    after = few_images.summarize(plan)
    assert computed[-1] == plan.run_key
    assert after.stored.named["report.html"].key != first.stored.named["report.html"].key
    assert {file.key for file in after.stored.tables} == {file.key for file in first.stored.tables}


def test_a_run_that_is_summarized_again_is_computed(few_images, computed):
    plan = few_images.plan()
    write_rows(few_images, plan)
    few_images.summarize(plan)
    few_images.summarize(plan)
    assert computed == [plan.run_key] * 2


def test_code_that_changed_since_it_was_loaded_has_no_inputs_to_be_taken_again(few_images, computed, monkeypatch):
    loaded = loaded_code._look_at_code()
    path, looks = next(iter(loaded.items()))
    written = {**loaded, path: looks._replace(changed_ns=looks.changed_ns + 1)}
    monkeypatch.setattr(loaded_code, "_look_at_code", lambda: written)
    assert night(few_images).summary["run"]["inputs_sha256"] is None
    for as_loaded in (1, 2):  # when inputs are read, and before months are named again
        looked = iter([*[loaded] * as_loaded, *[written] * 2])
        monkeypatch.setattr(loaded_code, "_look_at_code", lambda looked=looked: next(looked))
        told = night(few_images).summary["run"]
        assert (told["inputs_sha256"], told["lines"]) == (None, None), "moved on while it was summarized"
    monkeypatch.setattr(loaded_code, "_look_at_code", lambda: loaded)
    assert night(few_images).summary["run"]["inputs_sha256"] is not None
    monkeypatch.setattr(loaded_code, "LOADED_AT", LOADED_AT - 10 * 365 * 24 * 3600)
    assert night(few_images).summary["run"]["inputs_sha256"] is None, (
        "a server loaded some of it before it was moved on"
    )
    assert len(computed) == 5


def test_a_file_that_is_written_removed_or_new_is_no_code_as_it_was_loaded(monkeypatch, tmp_path):
    path = tmp_path / "a.py"
    path.write_text("old")
    monkeypatch.setattr(loaded_code, "_PACKAGE", str(tmp_path))
    monkeypatch.setattr(loaded_code, "_LOADED_LOOKS", loaded_code._look_at_code())
    monkeypatch.setattr(loaded_code, "LOADED_AT", LOADED_AT + 365 * 24 * 3600)
    assert loaded_code.is_code_as_loaded()
    before = path.stat()
    # Kernels before 6.13 tell the times of files in ticks of milliseconds.
    wait_until(lambda: _touched(tmp_path / "now").st_ctime_ns > before.st_ctime_ns, what="the next tick", pause_s=0.001)
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not loaded_code.is_code_as_loaded(), "as long as before and, by its time of writing, as old"
    monkeypatch.setattr(loaded_code, "_LOADED_LOOKS", loaded_code._look_at_code())
    (tmp_path / "b.sql").touch()
    assert not loaded_code.is_code_as_loaded()
    path.rename(tmp_path / "b.sql")
    assert not loaded_code.is_code_as_loaded()


def _touched(path):
    path.write_text("")
    return path.stat()


def test_ledgers_that_are_written_together_leave_the_answer_as_it_is(answered, computed_since, monkeypatch):
    answered.put("IPC608/20260605-120000-IPC608.jpg", b"new")
    last = night(answered)
    results = answered.stores.results
    ledgers = {key for key in results.list_keys("") if "/ledger/" in key}
    assert len(ledgers) == 2
    monkeypatch.setattr(compaction, "CROWD", 2)
    assert "2 ledgers are one now" in " ".join(night(answered).remarks)
    night(answered)  # rows lie in both
    results.delete(ledgers)
    after = night(answered)
    assert computed_since[-1] == last.stored.run_key
    assert len(computed_since) == 2
    assert after.stored.result_sha256 == last.stored.result_sha256


@pytest.mark.parametrize(
    ("files", "known"),
    [
        pytest.param({"RECORD": "a.py,sha256=x,1", "direct_url.json": None}, True, id="of an index"),
        pytest.param({"RECORD": "a.py,sha256=x,1", "direct_url.json": '{"dir_info": {}}'}, True, id="of a folder"),
        pytest.param({"RECORD": "a.pth,sha256=x,1", "direct_url.json": '{"dir_info": {"editable": true}}'}, False, id="editable"),
        pytest.param({"RECORD": None, "direct_url.json": None}, False, id="nobody wrote down what was installed"),
    ],
)  # fmt: skip
def test_an_export_is_known_by_what_was_installed_of_its_wheel(files, known):
    wheel = SimpleNamespace(name="a-wheel", version="1.0", read_text=files.get)
    told = same_answer._installed(wheel)
    assert (told is not None) == known
    files["RECORD"] = "a.py,sha256=y,1"
    assert not known or same_answer._installed(wheel) != told
