"""Answers kept on this machine's disk: the same rows as in the bucket, fetched once, bounded, asked with a deadline."""

import time
from types import SimpleNamespace

import pytest

from shoal.answers.answer_cache import TABLES, AnswerCache
from shoal.answers.find import find_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, ContractError, NoAnswerError, NoRoomError
from shoal.tables.session import open_database


@pytest.fixture(scope="module")
def summary(hostile):
    return find_run(hostile.results, hostile.layout).summary


@pytest.fixture
def kept(tmp_path):
    return KeptFiles(tmp_path / "kept", 1024**3)


@pytest.fixture
def answer(hostile, summary, kept):
    cache = AnswerCache(kept)
    yield cache.open(hostile.results, summary, wait_s=60)
    cache.close()


def wanted(summary):
    return [file for file in summary.tables if file.table in TABLES]


def test_an_answer_has_the_rows_of_the_bucket_whatever_part_is_asked_for(hostile, summary, answer):
    camera = next(series["camera"] for series in summary.result["series"])
    with open_database(hostile.results) as database:
        for where in (Where(), Where(cameras=(camera,)), Where()):
            view_answer(database, summary, where)
            with answer.session(where) as session:
                for table in ("images", "detections", "below", "counts_day", "gaps"):
                    rows = f"SELECT count(*), bit_xor(md5_number(to_json(t)::VARCHAR)) FROM {table} AS t"
                    assert session.run(rows).fetchall() == database.run(rows).fetchall(), table


def test_what_was_fetched_once_is_fetched_by_nobody_again(hostile, summary, answer, kept):
    assert kept.missing(wanted(summary)) == []
    again = AnswerCache(KeptFiles(kept.folder, kept.most_bytes))
    told = []
    kept.fetch(None, wanted(summary), told.append)
    with again.open(hostile.results, summary, wait_s=60).session() as session:
        assert session.value("SELECT count(*) FROM images") == summary.examined
    again.close()
    assert told == []


def test_a_question_that_takes_too_long_is_stopped_and_the_next_one_is_answered(answer, summary):
    began_s = time.monotonic()
    late = pytest.raises(NoAnswerError, match=r"was not asked to the end within 0\.3 s - ask for less")
    with late, answer.session(deadline_s=0.3) as session:
        session.value("SELECT sum(hash(a.range * b.range)) FROM range(10000000) AS a, range(100000) AS b")
    assert time.monotonic() - began_s < 60
    with answer.session() as session:
        assert session.value("SELECT count(*) FROM images") == summary.examined
        others = pytest.raises(NoAnswerError, match=r"Others ask run .* for more than 0\.1 s already")
        with others, answer.session(deadline_s=0.1):
            pass


def test_a_camera_that_no_image_is_of_is_said_and_the_next_question_is_not_narrowed(answer, summary):
    unknown = pytest.raises(ConfigError, match="No camera 'nowhere' in the answer of run")
    with unknown, answer.session(Where(cameras=("nowhere",))):
        pass
    with answer.session() as session:
        assert session.value("SELECT count(*) FROM images") == summary.examined


def test_files_have_a_limit_and_those_go_that_were_asked_for_longest_ago(hostile, summary, kept, tmp_path):
    files = wanted(summary)
    total = sum(file.bytes for file in files)
    with pytest.raises(
        NoRoomError, match=r"The tables of this answer take .* and pages may keep .* SHOAL_ANSWER_CACHE_SIZE"
    ):
        KeptFiles(tmp_path / "small", total - 1).fetch(hostile.results, files, lambda _: None)
    kept.most_bytes = total
    kept.fetch(hostile.results, files[:-1], lambda _: None)
    (kept.folder / ("0" * 64)).write_bytes(b"x" * files[-1].bytes)
    kept.fetch(hostile.results, files[-1:], lambda _: None)  # every other one is as good to take away; the oldest goes
    assert sum(path.stat().st_size for path in kept.folder.iterdir()) <= total
    assert kept.missing(files[-1:]) == []


def test_a_table_that_is_not_what_the_run_wrote_is_not_kept(hostile, summary, kept):
    file = wanted(summary)[0]
    altered = SimpleNamespace(uri=hostile.results.uri, stream=lambda key: (3, iter([key.encode()])))
    with pytest.raises(ContractError, match=r"is not what the run wrote \(it hashes to [0-9a-f]{16}…\) - restore it"):
        AnswerCache(kept).open(altered, summary, wait_s=60)
    assert kept.missing([file]) == [file]
    assert not list(kept.folder.glob("*.new"))
