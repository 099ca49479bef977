"""Telling once a night: what is not told again, what is told all the same, and how many were not."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from shoal.airflow import told
from shoal.airflow.told import A_NIGHT, tell_once

NIGHT = datetime(2026, 6, 1, 2, tzinfo=UTC)


class Kept(dict):
    """Airflow's variables."""

    def get(self, key, default=None):
        return super().get(key, default)

    def set(self, key, value, description):
        assert description
        self[key] = value


@pytest.fixture
def variables(monkeypatch):
    kept = Kept()
    monkeypatch.setattr(told, "Variable", kept)
    monkeypatch.setattr(told, "_can_ask", lambda: True)
    return kept


@pytest.fixture
def sent():
    return []


def tell(sent, kind="failed", at=NIGHT, dataset="reef", *, reaches=True):
    def send(untold):
        sent.append((kind, untold))
        return reaches

    return tell_once(dataset, kind, at, send)


def test_of_one_kind_one_message_a_night(variables, sent):
    assert [tell(sent, at=NIGHT + timedelta(minutes=minutes)) for minutes in (0, 10, 600)] == [True, False, False]
    assert sent == [("failed", "")]


def test_the_next_night_is_told_and_how_many_were_not(variables, sent):
    for minutes in (0, 10, 20):
        tell(sent, at=NIGHT + timedelta(minutes=minutes))
    assert tell(sent, at=NIGHT + timedelta(hours=23))
    assert sent[1] == ("failed", " (2 more of this kind since 2026-06-01T02:00:00Z were not told)")
    assert tell(sent, at=NIGHT + timedelta(hours=47))
    assert sent[2] == ("failed", "")


@pytest.mark.parametrize(
    ("kind", "dataset"),
    [pytest.param("silent", "reef", id="another kind"), pytest.param("failed", "jetty", id="another dataset")],
)
def test_what_is_another_thing_is_told_too(variables, sent, kind, dataset):
    tell(sent)
    assert tell(sent, kind, dataset=dataset)


def test_a_message_that_reached_nobody_is_tried_again(variables, sent):
    assert tell(sent, reaches=False)
    assert tell(sent)
    assert len(sent) == 2


@pytest.mark.parametrize("found", ["no JSON", "[1]", '{"failed": 3}', '{"failed": {"at": "yesterday"}}'])
def test_what_somebody_wrote_there_keeps_nobody_from_being_told(variables, sent, found):
    variables["shoal_told_reef"] = found
    assert tell(sent)
    assert json.loads(variables["shoal_told_reef"])["failed"]["more"] == 0


def test_where_airflow_cannot_be_asked_everybody_is_told(sent, monkeypatch):
    monkeypatch.setattr(told, "Variable", None)
    assert tell(sent)
    assert tell(sent)


def test_a_variable_holds_the_last_kinds_and_no_more(variables, sent):
    for number in range(told.MOST + 10):
        tell(sent, f"approval v{number}", NIGHT + timedelta(seconds=number))
    assert len(json.loads(variables["shoal_told_reef"])) == told.MOST


def test_a_night_is_shorter_than_from_one_to_the_next():
    assert timedelta(hours=8) < A_NIGHT < timedelta(hours=20)
