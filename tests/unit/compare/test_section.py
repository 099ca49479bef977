"""A report tells what the change of model changes: from the plan on, on idle nights too, and why not where it cannot."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from planted_boxes import write_boxes
from played_once import play_once
from shoal.compare import comparison
from shoal.compare.agreement import NotOfOneKindError
from shoal.contract.errors import NoAnswerError, NoRoomError, StoreError
from shoal.contract.minted_names import mint_run_key
from shoal.plan.resummary import Resummary, plan_resummary
from shoal.results.compared_with import GONE, INCOMPLETE, OLDER, choose_compared_with, find_compared
from shoal.results.read_plan import read_plan
from shoal.summary import compared, summarize

DIPLODUS, CHROMIS = 0, 1
HERE, THERE = (10, 10, 50, 50), (300, 300, 340, 340)
KEYS = [f"C1/202606{day:02d}-120000-C1.jpg" for day in (1, 2, 3)]
FIRST = {KEYS[0]: [(DIPLODUS, 0.9, HERE)], KEYS[1]: [(CHROMIS, 0.8, HERE)]}
SECOND = {KEYS[0]: [(DIPLODUS, 0.9, HERE), (DIPLODUS, 0.8, THERE)]}


def of_version(pipeline, version):
    return pipeline.with_settings(model={"name": "demo-fish", "version": version})


def night(pipeline, boxes, **params):
    plan = pipeline.plan(**params)
    write_boxes(pipeline, plan, boxes)
    return plan, pipeline.summarize(plan)


def report(pipeline, done):
    return unescape(pipeline.stores.results.read_bytes(done.stored.named["report.html"].key).decode())


def stored_plan(pipeline, run_key, directory):
    return read_plan(pipeline.stores.results, pipeline.stores.layout.variant(directory).run(run_key).plan)


@pytest.fixture(scope="module")
def played(demo_models, tmp_path_factory):
    """Three images that version v1 has answered for, and the plan of its run."""

    def play(pipeline):
        for key in KEYS:
            pipeline.put(key, key.encode())
        plan, done = night(pipeline, FIRST)
        assert plan.compared_with is None
        assert 'id="compared"' not in report(pipeline, done)
        return plan

    return play_once(tmp_path_factory.mktemp("first"), demo_models, play)


@pytest.fixture
def first(played, tmp_path):
    """That dataset, the test's own, and that plan."""
    with played.copy(tmp_path) as pipeline:
        yield pipeline, played.told


def test_the_report_of_a_new_version_compares_with_the_answer_before_and_so_do_idle_nights(first, monkeypatch):
    pipeline, before = first
    second = of_version(pipeline, "v2")
    plan, done = night(second, SECOND)
    told = stored_plan(second, plan.run_key, plan.variant.directory).compared_with
    assert (told.run_key, told.directory) == (before.run_key, before.variant.directory)
    assert done.not_current_because is None
    html = report(second, done)
    assert "Beside demo-fish v1, on the same images" in html
    assert "Agreement, not accuracy." in html
    row = re.search(
        r"<i>Diplodus vulgaris</i></th><td class=\"n\">1</td><td class=\"n\">2</td><td class=\"n\">\+1</td><td class=\"n\">2.000",
        html,
    )
    assert row, "boxes of each, difference and ratio"
    assert 'id="comparison"' in html
    assert len(html) < 3_000_000
    assert not re.search(r"\d{8}T\d{6}Z", html), "it tells no run: runs with one answer have one report"

    idle_plan, idle = night(second, {})
    assert idle_plan.compared_with == told, "what the answer was compared with"
    assert (idle.summary["folder"], idle.summary["files"]) == (done.summary["folder"], done.summary["files"])
    monkeypatch.setattr(summarize, "find_same_answer", lambda *_: None)
    _, whole = night(second, {})
    assert (whole.summary["folder"], whole.summary["files"]) == (done.summary["folder"], done.summary["files"])

    counted = plan_resummary(
        Resummary(second.dataset, plan.run_key, plan.variant.directory, mint_run_key(datetime.now(UTC))),
        second.stores,
    )
    assert counted.compared_with == told, "another count of a run's images is as that run was"


def test_only_what_may_become_the_answer_takes_over_what_the_answer_was_compared_with(first):
    pipeline, before = first
    results, layout = pipeline.stores.results, pipeline.stores.layout
    second = of_version(pipeline, "v2")
    plan, _ = night(second, SECOND)
    here = plan.variant.directory
    assert choose_compared_with(results, layout, here, may_become_current=True).run_key == before.run_key
    assert choose_compared_with(results, layout, here, may_become_current=False) is None, "a trial with another conf"
    back = choose_compared_with(results, layout, before.variant.directory, may_become_current=False)
    assert back.run_key == plan.run_key, "a backfill of another version, beside the answer"
    results.delete([layout.variant(before.variant.directory).run(before.run_key).summary])
    assert choose_compared_with(results, layout, here, may_become_current=True) is None, "it is gone"


def test_versions_without_a_common_image_are_not_compared_and_the_report_says_so(first):
    pipeline, _ = first
    for key in KEYS:
        pipeline.put(key, b"another " + key.encode())
    second = of_version(pipeline, "v2")
    html = report(second, night(second, SECOND)[1])
    assert "Not compared: the two have no image in common that both use." in html
    assert 'id="comparison"' not in html


def test_what_is_gone_of_the_other_run_costs_the_report_a_section_and_the_answer_nothing(first):
    pipeline, before = first
    second, results = of_version(pipeline, "v2"), pipeline.stores.results
    plan = second.plan()
    write_boxes(second, plan, SECOND)
    summary = pipeline.stores.layout.variant(before.variant.directory).run(before.run_key).summary
    tables = [file["key"] for file in results.read_json(summary)["files"] if file["table"] == "images"]
    for gone, heading in ((tables, "Beside demo-fish v1"), ([summary], "Beside the answer of another model version")):
        results.delete(gone)
        done = second.summarize(plan)
        html = report(second, done)
        assert heading in html
        assert "Not compared: what is stored of that run cannot be read any more." in html
    assert second.stores.results.read_json(second.stores.layout.current)["run_key"] == plan.run_key


def test_a_damaged_table_of_the_other_run_costs_the_report_a_section_and_the_answer_nothing(first):
    pipeline, before = first
    second, results = of_version(pipeline, "v2"), pipeline.stores.results
    plan = second.plan()
    write_boxes(second, plan, SECOND)
    summary = pipeline.stores.layout.variant(before.variant.directory).run(before.run_key).summary
    [table] = [file["key"] for file in results.read_json(summary)["files"] if file["table"] == "images"]
    whole = results.read_bytes(table)
    for damaged in (
        b"no Parquet",
        whole[: len(whole) // 2],
        b"PAR1" + bytes(len(whole) - 8) + whole[-4:],
        whole[:4] + bytes(len(whole) // 2) + whole[len(whole) // 2 + 4 :],
    ):
        results.write_bytes(table, damaged)
        done = second.summarize(plan)
        assert f"Not compared: {GONE}." in report(second, done)
        assert done.summary["run"]["inputs_sha256"], "it is the same on any night"


WHOLE, PEOPLE = (compared, "read_comparison"), (comparison, "find_people")
SAID = {
    "no memory": (WHOLE, NoRoomError("1 GB of memory were not enough"), compared.NO_ROOM, True),
    "no memory for who is a person": (PEOPLE, NoRoomError("1 GB of memory were not enough"), compared.NO_ROOM, True),
    "an error of the store": (WHOLE, StoreError("InternalError again and again"), compared.NOT_NOW, False),
    "of two kinds": (WHOLE, NotOfOneKindError("one counts boxes"), compared.NOT_OF_ONE_KIND, True),
}


@pytest.mark.parametrize(("where", "err", "words", "is_of_any_night"), SAID.values(), ids=SAID)
def test_what_is_wrong_with_today_is_told_as_that_and_not_kept(  # noqa: PLR0917 - a table
    first, monkeypatch, where, err, words, is_of_any_night
):
    pipeline, _ = first
    second = of_version(pipeline, "v2")

    def fail(*_):
        raise err

    monkeypatch.setattr(*where, fail)
    _, done = night(second, SECOND)
    assert f"Not compared: {words}." in report(second, done)
    assert (done.summary["run"]["inputs_sha256"] is not None) == is_of_any_night
    monkeypatch.undo()
    _, next_night = night(second, {})
    assert ('id="comparison"' in report(second, next_night)) == (not is_of_any_night)


def test_a_store_that_does_not_answer_fails_the_attempt(first, monkeypatch):
    second = of_version(first[0], "v2")
    plan = second.plan()
    write_boxes(second, plan, SECOND)

    def fail(*_):
        raise NoAnswerError("nobody answers")

    monkeypatch.setattr(compared, "read_comparison", fail)
    with pytest.raises(NoAnswerError, match="nobody answers"):
        second.summarize(plan)


def test_a_summary_that_is_gone_one_not_complete_and_one_of_an_earlier_release_are_told_apart(first):
    pipeline, before = first
    second, results = of_version(pipeline, "v2"), pipeline.stores.results
    plan = second.plan()
    stored = stored_plan(second, plan.run_key, plan.variant.directory)
    key = pipeline.stores.layout.variant(before.variant.directory).run(before.run_key).summary
    summary = results.read_json(key)
    assert find_compared(results, stored).run_key == before.run_key
    results.write_json(key, {**summary, "complete": False})
    assert find_compared(results, stored) == INCOMPLETE
    by_name = {"report.html": summary["folder"] + "report.html"}
    results.write_json(key, {**summary, "files": by_name})
    assert find_compared(results, stored) == OLDER
    results.delete([key])
    assert find_compared(results, stored) == GONE


def test_a_change_of_settings_of_one_version_is_named_as_that(first):
    pipeline, _ = first
    larger = pipeline.with_settings(model={**pipeline.dataset.model.model_dump(mode="json"), "max_det": 50})
    html = report(larger, night(larger, SECOND)[1])
    assert "Beside demo-fish v1 with other settings, on the same images" in html
    assert "both are of one model version, and differ in model.max_det 300 -> 50." in html
    assert f"<code>python -m shoal compare {pipeline.dataset.name}</code> with the run keys of both" in html
    assert "with both versions" not in html
