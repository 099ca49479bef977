"""Telling once a night: what is not told again, what is told all the same, and how many were not."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shoal.airflow import told
from shoal.airflow.told import A_NIGHT, Thing, tell_once

NIGHT = datetime(2026, 6, 1, 2, tzinfo=UTC)


class Kept(dict):
    """Airflow's variables."""

    def get(self, key, default=None):
        return super().get(key, default)

    def set(self, key, value, description):
        assert description
        self[key] = value


DAG = "reanalyse_reef"
FAILED = f"shoal_told_{DAG}_failed"
AWAY = "0/3 nodes fit one pod: 2 Insufficient cpu (run 20260601T020000Z-abcdefgh)"


@pytest.fixture
def variables(monkeypatch):
    kept = Kept()
    monkeypatch.setattr(told, "Variable", kept)
    monkeypatch.setattr(told, "can_ask_airflow", lambda: True)
    return kept


@pytest.fixture
def sent():
    return []


def failed(cause=AWAY, dag_id=DAG):
    return Thing.caused(dag_id, "failed", cause)


def tell(sent, thing=None, at=NIGHT, *, reaches=True):
    def send(untold):
        sent.append(untold)
        return reaches

    return tell_once(thing or failed(), at, send)


def test_the_same_is_told_once_a_night(variables, sent):
    assert [tell(sent, at=NIGHT + timedelta(minutes=minutes)) for minutes in (0, 10, 600)] == [True, False, False]
    assert sent == [""]


def test_the_next_night_is_told_and_how_many_were_not(variables, sent):
    for minutes in (0, 10, 20):
        tell(sent, at=NIGHT + timedelta(minutes=minutes))
    assert tell(sent, at=NIGHT + timedelta(hours=23))
    assert sent[1] == " (2 more of this kind since 2026-06-01T02:00:00Z were not told)"
    assert tell(sent, at=NIGHT + timedelta(hours=47))
    assert sent[2] == ""


@pytest.mark.parametrize(
    ("thing", "is_told"),
    [
        pytest.param(failed(AWAY.replace("cpu", "memory")), True, id="another cause"),
        pytest.param(failed("1/4 nodes fit one pod: 3 Insufficient cpu (run 20260601T033000Z-xyz45678)"), False,
                     id="the same cause with other figures"),
        pytest.param(failed(dag_id="backfill_reef"), True, id="the same cause in another DAG"),
        pytest.param(Thing(DAG, "silent", AWAY), True, id="another kind"),
        pytest.param(Thing(DAG, "failed", "20260602T020000Z-abcdefgh"), True, id="another run where each is told"),
    ],
)  # fmt: skip
def test_what_is_another_thing_is_told_too(variables, sent, thing, is_told):
    tell(sent)
    assert tell(sent, thing, NIGHT + timedelta(hours=1)) is is_told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("http://images:9000 does not answer", "http://results:9000 does not answer", id="another store"),
        pytest.param("http://images:9000 answered 401", "http://images:9000 answered 503", id="another answer"),
    ],
)
def test_where_a_server_is_and_what_it_answered_tell_causes_apart(variables, sent, first, second):
    assert [tell(sent, failed(cause)) for cause in (first, second, first)] == [True, True, False]


def test_each_run_s_question_is_told(variables, sent):
    asked = [Thing(DAG, "approval", f"20260601T02000{number}Z-abcdefgh") for number in (0, 0, 1)]
    assert [tell(sent, thing) for thing in asked] == [True, False, True]


def test_a_message_that_reached_nobody_is_tried_again(variables, sent):
    assert tell(sent, reaches=False)
    assert tell(sent)
    assert len(sent) == 2


def at(moment):
    return json.dumps({failed().key: {"at": moment.isoformat(), "more": 0}})


@pytest.mark.parametrize(
    "found",
    [
        pytest.param("no JSON", id="no JSON"),
        pytest.param("[1]", id="a list"),
        pytest.param(f'{{"{failed().key}": 3}}', id="a number"),
        pytest.param(f'{{"{failed().key}": {{"at": "yesterday", "more": 0}}}}', id="no time"),
        pytest.param(at(NIGHT.replace(tzinfo=None)), id="a time without its offset"),
        pytest.param(at(NIGHT + timedelta(days=365)), id="a time to come"),
        pytest.param(at(datetime(2026, 6, 1, 3, tzinfo=timezone(timedelta(hours=14)))), id="13 h ago, in another zone"),
    ],
)
def test_what_somebody_wrote_there_keeps_nobody_from_being_told(variables, sent, found):
    variables[FAILED] = found
    assert tell(sent)
    assert json.loads(variables[FAILED])[failed().key] == {"at": "2026-06-01T02:00:00Z", "more": 0}


def test_a_failure_and_a_question_of_one_moment_take_nothing_from_each_other(variables, sent):
    """Each task reads and writes the variable of its own kind: the other may write in between."""

    def send(_untold):
        return tell(sent, Thing(DAG, "approval", "one run"))

    assert tell_once(failed(), NIGHT, send)
    assert [tell(sent), tell(sent, Thing(DAG, "approval", "one run"))] == [False, False]


def test_where_airflow_cannot_be_asked_everybody_is_told(sent, monkeypatch):
    monkeypatch.setattr(told, "Variable", None)
    assert tell(sent)
    assert tell(sent)


def test_a_variable_holds_the_last_things_and_no_more(variables, sent):
    for number in range(told.MOST + 10):
        tell(sent, Thing(DAG, "answer", f"v{number}"), NIGHT + timedelta(seconds=number))
    assert len(json.loads(variables[f"shoal_told_{DAG}_answer"])) == told.MOST


def test_a_night_is_shorter_than_from_one_to_the_next():
    assert timedelta(hours=8) < A_NIGHT < timedelta(hours=20)
