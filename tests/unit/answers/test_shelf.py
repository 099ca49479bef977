"""Answers on this disk: brought once for all, few at a time, looked at for seconds."""

import time
from types import SimpleNamespace

import pytest

from shoal.answers import awaited, browse, shelf
from shoal.answers.browse import brought_of
from shoal.answers.browsed import Asked
from shoal.answers.find import find_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.shelf import Shelf
from shoal.contract.errors import ContractError, NoAnswerError
from waiting import wait_until


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(shelf, "LOOK_S", 60)  # what is looked at here is no matter of time, but where a test says so
    made = Shelf(KeptFiles(tmp_path / "kept", 1024**3), most=2)
    yield made
    made.close()


def make(database):
    """Stand for an answer: what the shelf knows of one is that it can be made and looked at."""
    database.run("CREATE TABLE numbers AS SELECT range AS n FROM range(1000)")
    return SimpleNamespace(database=database, folder=database.folder, summary=SimpleNamespace(run_key="r"))


def bring(shelf, name, made=make):
    return shelf.bring(name, None, (), made).result(60)


def test_an_answer_is_brought_once_and_goes_when_others_were_looked_at_since(small):
    folders, first = {}, bring(small, "a")
    for name in ("a", "b", "a", "c", "d"):
        brought = bring(small, name)
        with brought.look() as answer:
            assert answer.database.value("SELECT count(*) FROM numbers") == 1000
        folders[name] = answer.folder
    assert len(set(folders.values())) == 4
    wait_until(lambda: [name for name, folder in folders.items() if folder.exists()] == ["c", "d"])
    with pytest.raises(NoAnswerError, match="The tables of run r were put away right now - try again"), first.look():
        pass


def test_a_look_that_takes_too_long_is_ended_and_the_next_one_is_answered(small, monkeypatch):
    def ask(answer):
        time.sleep(0.5)  # the time is over between two questions
        answer.database.value(
            "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 5"
        )

    monkeypatch.setattr(shelf, "LOOK_S", 0.3)
    brought = bring(small, "a")
    with pytest.raises(NoAnswerError, match=r"within 0\.3 s - ask for less"), brought.look() as answer:
        ask(answer)
    monkeypatch.setattr(shelf, "LOOK_S", 60)
    with brought.look() as answer:
        assert answer.database.value("SELECT max(n) FROM numbers") == 999


def test_an_answer_that_cannot_be_brought_says_why_and_is_not_tried_at_each_look(small, monkeypatch):
    tries = []
    monkeypatch.setattr(awaited, "TROUBLE_S", 600)

    def fail(database):
        tries.append(database)
        raise ContractError("gone")

    kept = bring(small, "b")
    for _ in range(3):
        with pytest.raises(ContractError, match="gone"):
            bring(small, "a", fail)
    assert len(tries) == 1
    bring(small, "c")
    with kept.look():  # what never came has no place among those that are here
        pass
    monkeypatch.setattr(awaited, "TROUBLE_S", 0)
    assert bring(small, "a").look


def test_what_comes_has_room_made_and_leaves_that_of_its_files_to_others(small, hostile, tmp_path, monkeypatch):
    run = find_run(hostile.results, hostile.layout)
    files, folders = brought_of(run.summary), []

    def bring_it(database):
        folders.append(database.folder)
        return browse.bring(database, run.layout, run.summary, run.plan, {})

    with small.bring("a", hostile.results, files, bring_it).result(60).look() as answer:
        assert answer.images(Asked()).of > 10
    assert {(tmp_path / "kept" / file.sha256).stat().st_nlink for file in files} == {1}, "nobody reads them any more"
    monkeypatch.setattr(shelf, "MOST_BYTES", sum(file.bytes for file in files))
    small.bring("b", hostile.results, files, bring_it).result(60)
    assert [folder.exists() for folder in folders] == [False, True], "all the room is for the second one"
