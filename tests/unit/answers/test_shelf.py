"""Answers on this disk: brought once for all, few at a time, looked at for seconds."""

import threading
import time
from types import SimpleNamespace

import pytest

from shoal.answers import shelf
from shoal.answers.shelf import Shelf
from shoal.contract.errors import ContractError, NoAnswerError


@pytest.fixture
def wide():
    made = Shelf(most=9)
    yield made
    made.close()


@pytest.fixture
def small():
    made = Shelf(most=2)
    yield made
    made.close()


def bring(database):
    """Stand for an answer: what the shelf knows of one is that it can be made and looked at."""
    database.run("CREATE TABLE numbers AS SELECT range AS n FROM range(1000)")
    return SimpleNamespace(database=database, folder=database.folder)


def test_an_answer_is_brought_once_and_goes_when_others_were_looked_at_since(small):
    folders = {}
    for name in ("a", "b", "a", "c", "d"):
        folders[name] = small.bring(name, None, bring).result(60).folder
        with small.look(name) as answer:
            assert answer.database.value("SELECT count(*) FROM numbers") == 1000
    assert len(set(folders.values())) == 4
    assert [name for name, folder in folders.items() if folder.exists()] == ["c", "d"]
    with pytest.raises(NoAnswerError, match="not here yet - load the page again"), small.look("a"):
        pass


def test_a_look_that_takes_too_long_is_ended_and_the_next_one_is_answered(small, monkeypatch):
    def ask(answer):
        time.sleep(0.5)  # the time is over between two questions
        answer.database.value(
            "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 5"
        )

    monkeypatch.setattr(shelf, "LOOK_S", 0.3)
    small.bring("a", None, bring).result(60)
    with pytest.raises(NoAnswerError, match=r"longer than 0\.3 s - ask for less"), small.look("a") as answer:
        ask(answer)
    monkeypatch.setattr(shelf, "LOOK_S", 60)
    with small.look("a") as answer:
        assert answer.database.value("SELECT max(n) FROM numbers") == 999


def test_an_answer_that_cannot_be_brought_says_why_and_is_not_tried_at_each_look(small, monkeypatch):
    tries = []

    def fail(database):
        tries.append(database)
        raise ContractError("gone")

    small.bring("b", None, bring).result(60)
    for _ in range(3):
        with pytest.raises(ContractError, match="gone"):
            small.bring("a", None, fail).result(60)
    assert len(tries) == 1
    small.bring("c", None, bring).result(60)
    with small.look("b"):  # what never came has no place among those that are here
        pass
    monkeypatch.setattr(shelf, "TROUBLE_S", 0)
    assert small.bring("a", None, bring).result(60).folder.exists()


def test_few_answers_wait_to_be_brought_and_what_comes_has_room_made(wide):
    goes_on = threading.Event()

    def wait(database):
        goes_on.wait(60)
        return bring(database)

    kept = wide.bring("kept", None, bring).result(60).folder
    try:
        waiting = [wide.bring(f"{n}", None, wait, shelf.MOST_BYTES) for n in range(shelf.MOST_COMING)]
        with pytest.raises(NoAnswerError, match="4 other answers are being brought to this web server - try again"):
            wide.bring("one more", None, bring)
        assert wide.bring("0", None, bring) is waiting[0]
    finally:
        goes_on.set()
    folders = [kept, *(one.result(60).folder for one in waiting)]
    assert [folder.exists() for folder in folders].count(True) == 1, "each of them has all the room for itself"
