"""What becomes of an answer when what stands beside it cannot be found, or what was told before is damaged."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from shoal.contract.errors import ContractError, MovedError, NoAnswerError, NoRoomError, StoreError, UnreadableError
from shoal.contract.json_bounds import MIB
from shoal.contract.layout import DatasetLayout
from shoal.evidence.answer_evidence import AnswerEvidence
from shoal.evidence.repeats.decisions import Decision, Verdict
from shoal.evidence.repeats.place import Place
from shoal.evidence.said import Said, read_said_then
from shoal.stores.folder import FolderStore
from shoal.summary import evidence_beside
from shoal.summary.evidence_beside import find_evidence, tell_new_troubles

ANSWER = SimpleNamespace(
    complete=True,
    plan=SimpleNamespace(may_become_current=True, run_key="today"),
    result={"examined": 500, "axis": [{"from": "2026-01-01T00:00:00Z", "to": "2026-06-30T00:00:00Z"}]},
)
FOULED = {"camera": "A", "deployment": None, "trouble": "fouling", "from": "2026-06-10T00:00:00Z", "to": None}


def found(monkeypatch, made):
    def read(*_):
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr(evidence_beside, "_read", read)
    monkeypatch.setattr(evidence_beside, "as_summary", lambda *_: None)
    return find_evidence(None, None, None, ANSWER, (), Said())


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        pytest.param(UnreadableError("no magic bytes"), "UnreadableError: no magic bytes", id="labels that are no Parquet"),
        pytest.param(MovedError("it is gone"), "MovedError: it is gone", id="labels that are gone"),
        pytest.param(ContractError("was changed"), "ContractError: was changed", id="a sample that somebody changed"),
        pytest.param(StoreError("InternalError"), "StoreError: InternalError", id="an error of the store"),
        pytest.param(AnswerEvidence(findings={"size": float("nan")}), "ValueError: Out of range float", id="what no JSON holds"),
        pytest.param(
            AnswerEvidence(findings={"why": "x" * 20 * MIB}), "ContractError: ", id="more than its readers take"
        ),
    ],
)  # fmt: skip
def test_nothing_of_it_takes_the_answer_away_and_the_report_says_why(monkeypatch, made, reason):
    evidence = found(monkeypatch, made)
    assert evidence.files == {}
    assert (evidence.failed.startswith(reason), evidence.only_now) == (True, True)
    assert reason in evidence.why_no_findings


def test_want_of_memory_lets_quiet_nights_name_the_answer_again(monkeypatch):
    """They would compute all of it anew, and have as little memory."""
    evidence = found(monkeypatch, NoRoomError("256 MiB of memory were not enough"))
    assert (evidence.files, evidence.only_now) == ({}, False)
    assert evidence.failed == "NoRoomError: 256 MiB of memory were not enough"
    assert "`summarize --publish` at once" in evidence.why_no_findings


def test_a_bucket_that_does_not_answer_fails_the_attempt(monkeypatch):
    with pytest.raises(NoAnswerError, match="nobody answers"):
        found(monkeypatch, NoAnswerError("nobody answers"))


def write(folder, stored):
    (folder / "findings.json").write_text(json.dumps({"format_version": 2, **stored}), encoding="utf-8")


def known(run_key="yesterday", findings=True, **run):
    named = {"findings.json": SimpleNamespace(key="findings.json")} if findings else {}
    return SimpleNamespace(run_key=run_key, summary=SimpleNamespace(named=named, run=run))


@pytest.mark.parametrize(
    ("stored", "answer_before", "new", "told"),
    [
        pytest.param({"health": [FOULED]}, known(), [], None, id="it was told"),
        pytest.param({"health": [], "more_health": [FOULED]}, known(), [], None, id="it was among those without pictures"),
        pytest.param({"health": []}, known(), [FOULED], None, id="it was not"),
        pytest.param({}, known(), [FOULED], None, id="damaged: no list of troubles"),
        pytest.param({"health": [{"camera": "A"}]}, known(), [FOULED], None, id="damaged: one says too little"),
        pytest.param({"health": [{**FOULED, "from": 7}]}, known(), [FOULED], None, id="damaged: a time is none"),
        pytest.param({"health": 7}, known(), [FOULED], None, id="damaged: a number"),
        pytest.param(None, known(), [FOULED], None, id="gone"),
        pytest.param(None, known(findings=False, told_troubles=[FOULED]), [], None, id="the night before found nothing, one before told it"),
        pytest.param({"health": [FOULED]}, known("today", new_troubles=[FOULED]), [FOULED], None, id="the run itself told it as new"),
        pytest.param(
            None, known("today", findings=False, new_troubles=[], told_troubles=[]), [FOULED], None, id="the run itself found nothing"
        ),
    ],
)  # fmt: skip
def test_what_is_new_is_what_nobody_was_told(tmp_path, stored, answer_before, new, told):
    results = FolderStore(tmp_path)
    if stored is not None:
        write(tmp_path, stored)
    evidence = AnswerEvidence(findings={"health": [FOULED]})
    assert tell_new_troubles(results, ANSWER, evidence, answer_before) == {"new_troubles": new, "told_troubles": told}


def test_nights_without_findings_carry_on_what_was_told(tmp_path):
    results = FolderStore(tmp_path)
    write(tmp_path, {"health": [FOULED]})
    for answer_before in (known(), known(findings=False, told_troubles=[FOULED])):
        told = tell_new_troubles(results, ANSWER, AnswerEvidence(failed="no room"), answer_before)
        assert told == {"new_troubles": [], "told_troubles": [FOULED]}


def test_of_what_people_said_the_rest_is_read_where_one_is_gone(tmp_path):
    """Else one object that is gone would keep `verify` from checking anything of the run."""
    layout, place = DatasetLayout("", "reef"), Place("A", "", "rock", 0.1, 0.1, 0.2, 0.2)
    start, end = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC)
    one = Decision(place, start, end, Verdict.REPEAT, "ana", end, "", 9, 9)
    key = tmp_path / layout.repeat(one.id)
    key.parent.mkdir(parents=True)
    key.write_text(json.dumps(one.to_json()), encoding="utf-8")
    summary = SimpleNamespace(decisions=("0" * 16, one.id), result={}, run_key="today")
    said, [gone] = read_said_then(FolderStore(tmp_path), layout, summary)
    assert [decision.id for decision in said.decisions] == [one.id]
    assert layout.repeat("0" * 16) in str(gone)
