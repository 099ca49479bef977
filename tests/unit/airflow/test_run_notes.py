"""The note of a run: what was asked and why it failed, below what a person wrote, in place of what stood there before."""

from types import SimpleNamespace

import pytest
from airflow.models.dagrun import DagRun, DagRunNote

from shoal.airflow.run_notes import (
    LONGEST,
    on_dag_run_failed,
    on_dag_run_running,
    on_dag_run_success,
    write_note,
)
from shoal.settings.said_params import NOTHING_SENT


@pytest.fixture
def run():
    run = DagRun(dag_id="reanalyse_reef", run_id="manual__1", run_type="manual", conf={})
    run.dag = SimpleNamespace(tags={"shoal", "reef"})
    return run


def test_a_run_without_a_note_gets_one(run):
    write_note(run, ["model version v2", "", "model version v2"])
    assert run.note == "model version v2"


def test_a_run_of_which_nothing_was_asked_gets_none(run):
    write_note(run, [""])
    assert run.note is None


def test_what_was_said_at_the_start_gives_way_to_why_it_failed(run):
    write_note(run, ["model version v9"])
    write_note(run, ["Model version 'v9' not found", "model version v9"])
    assert run.note == "Model version 'v9' not found\n\nmodel version v9"


def test_what_a_person_wrote_stays_above(run):
    run.dag_run_note = DagRunNote("asked by Ana", user_id="admin")
    for _ in range(2):  # a scheduler may call twice
        write_note(run, ["model version v2"])
    assert run.note == "asked by Ana\n\n— Shoal: model version v2"


def test_of_three_failures_below_what_a_person_wrote_the_last_one_stays_and_none_after_a_success(run):
    run.dag_run_note = DagRunNote("asked by Ana", user_id="admin")
    for cause in ("A: store down", "B: no room", "C: no model"):
        write_note(run, [cause, "model version v2"])
    assert run.note == "asked by Ana\n\n— Shoal: C: no model\n\n— Shoal: model version v2"
    on_dag_run_success(run, "")
    assert run.note == "asked by Ana"


def test_what_a_person_wrote_below_ours_stays_too(run):
    run.dag_run_note = DagRunNote(
        "asked by Ana\n\n— Shoal: store down\n\nrung up the store, Ben\nagain", user_id="admin"
    )
    write_note(run, ["no room"])
    assert run.note == "asked by Ana\n\nrung up the store, Ben\nagain\n\n— Shoal: no room"


def test_a_long_text_of_a_person_is_cut_and_not_the_newest_cause(run):
    run.dag_run_note = DagRunNote("x" * 990, user_id="admin")
    write_note(run, ["store down"])
    assert run.note == "x" * 978 + "…\n\n— Shoal: store down"
    assert len(run.note) == LONGEST


def test_a_note_is_never_longer_than_the_database_takes(run):
    run.dag_run_note = DagRunNote("x" * 990, user_id="admin")
    write_note(run, ["y" * 600, "z" * 600])
    assert len(run.note) == LONGEST == DagRunNote.content.type.length


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        pytest.param("![x](http://elsewhere/x.png)", r"!\[x](http://elsewhere/x.png)", id="a picture"),
        pytest.param("<img src=x>", r"\<img src=x>", id="HTML"),
        pytest.param("a\n# b", r"a\\n# b", id="a heading"),
        pytest.param("cam*1*/`x`", r"cam\*1\*/\`x\`", id="emphasis"),
        pytest.param("a\u202eb", r"a\\u202eb", id="text turned round"),
        pytest.param("a\\nb", r"a\\nb", id="a backslash"),
    ],
)
def test_what_was_typed_is_text_and_never_markup(run, typed, written):
    write_note(run, [typed])
    assert run.note == written


def test_a_run_says_what_it_was_asked_for_when_it_starts(run):
    run.conf = {"conf": "0,5", "limit": None}
    on_dag_run_running(run, "")
    assert run.note == "counting from confidence 0.5 (asked: 0,5)"


def test_what_cannot_be_understood_is_said_before_any_task(run):
    run.conf = {"cnof": 0.5}
    on_dag_run_running(run, "")
    assert run.note == "No run parameter is called 'cnof' - did you mean conf?"


def test_a_month_to_which_nothing_was_sent_says_so(run):
    run.run_type = "backfill"
    on_dag_run_running(run, "")
    assert run.note == NOTHING_SENT


def test_a_run_that_went_well_after_all_keeps_no_failure(run):
    write_note(run, ["s3.example.org does not answer"])
    on_dag_run_success(run, "")
    assert run.note is None


def test_what_a_person_wrote_stays_when_a_run_went_well(run):
    run.dag_run_note = DagRunNote("asked by Ana", user_id="admin")
    on_dag_run_success(run, "")
    assert run.note == "asked by Ana"


def test_the_way_out_of_a_missing_pool_is_not_written_over(run):
    run.conf = {"model_version": "v2"}
    run.note = "Airflow pool 'reef' does not exist"
    on_dag_run_failed(run, "")
    assert run.note == "Airflow pool 'reef' does not exist"


def test_other_people_s_runs_are_left_alone(run):
    run.dag = SimpleNamespace(tags={"reef"})
    run.conf = {"cnof": 0.5}
    on_dag_run_running(run, "")
    assert run.note is None


LINKS = "[Report](/shoal/report/x/report.html) · [Plan](/shoal/plan/x)"


def test_links_stand_below_and_are_links(run):
    write_note(run, ["8 examined [all]"], LINKS)
    assert run.note == f"8 examined \\[all]\n\n{LINKS}"


def test_links_below_what_a_person_wrote_are_found_again(run):
    run.dag_run_note = DagRunNote("asked by Ana", user_id="admin")
    for line in ("8 examined", "9 examined"):
        write_note(run, [line], LINKS)
    assert run.note == f"asked by Ana\n\n— Shoal: 9 examined\n\n— Shoal: {LINKS}"


@pytest.mark.parametrize("theirs", ["", "x" * 990], ids=["ours alone", "below a long text"])
def test_links_are_whole_however_long_the_rest_is(run, theirs):
    if theirs:
        run.dag_run_note = DagRunNote(theirs, user_id="admin")
    write_note(run, ["y" * 600, "z" * 600], LINKS)
    assert len(run.note) == LONGEST
    assert run.note.endswith(LINKS)


def test_links_that_would_take_the_note_for_themselves_are_left_out(run):
    write_note(run, ["store down"], f"[Plan](/{'p' * 600})")
    assert run.note == "store down"
