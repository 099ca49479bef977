"""Answers kept on this machine's disk: the same rows as in the bucket, fetched once, bounded, asked with a deadline."""

import threading
import time
from types import SimpleNamespace

import pytest

from shoal.answers import awaited, open_answer
from shoal.answers.answer_cache import TABLES, AnswerCache
from shoal.answers.awaited import Awaited, StillOpeningError
from shoal.answers.find import find_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, ContractError, NoAnswerError, NoRoomError
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import digest_of, human_classes
from shoal.tables.session import open_database


@pytest.fixture(scope="module")
def summary(hostile):
    return find_run(hostile.results, hostile.layout).summary


@pytest.fixture
def kept(tmp_path):
    return KeptFiles(tmp_path / "kept", 1024**3)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """What is asked here is no matter of time, but where a test says so."""
    monkeypatch.setattr(open_answer, "DEADLINE_S", 60)


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
    nothing = SimpleNamespace(uri=hostile.results.uri)  # a store that is asked for no object
    with again.open(nothing, summary, wait_s=60).session() as session:
        assert session.value("SELECT count(*) FROM images") == summary.examined
    again.close()


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


def test_files_have_a_limit_and_those_go_that_were_asked_for_longest_ago_and_nobody_reads(
    hostile, summary, kept, tmp_path
):
    files, folder = wanted(summary), tmp_path / "read"
    total = sum(file.bytes for file in files)
    with pytest.raises(
        NoRoomError, match=r"The tables of this answer take .* and pages may keep .* SHOAL_ANSWER_CACHE_SIZE"
    ):
        KeptFiles(tmp_path / "small", total - 1).take(hostile.results, files, folder)
    kept.most_bytes = total
    cache = AnswerCache(kept)
    answer = cache.open(hostile.results, summary, wait_s=60)
    other = next(file for file in summary.tables if file.table not in TABLES)
    held = KeptFiles(kept.folder, total)  # of a process that cannot put this one's answer away
    with pytest.raises(NoRoomError, match=r"take .* more, and .* of the .* are read right now - try again in a while"):
        held.take(hostile.results, [other], folder)
    assert kept.missing(files) == []
    kept.take(hostile.results, [other], folder)  # the answer that is open goes, and of its files as many as it takes
    with pytest.raises(NoAnswerError, match="were put away right now"), answer.session():
        pass
    (kept.folder / "a.new").write_bytes(b"")
    assert sum(path.stat().st_size for path in kept.folder.iterdir()) <= total
    assert (kept.missing([other]), kept.missing(files) != []) == ([], True)
    coming = kept.folder / "b.new"
    with coming.open("wb") as file:  # what another process fetches takes its room from the beginning
        file.truncate(total - other.bytes)
    with pytest.raises(NoRoomError, match="are read right now"):
        kept.take(hostile.results, kept.missing(files)[:1], folder)


def test_a_table_that_is_not_what_the_run_wrote_is_not_kept(hostile, summary, kept):
    file = wanted(summary)[0]

    def store(told, piece, taken):
        def pieces():
            taken.append(told)
            yield piece

        return SimpleNamespace(uri=hostile.results.uri, stream=lambda _: (told(), pieces()))

    sizes, taken = iter([file.bytes for file in wanted(summary)]), []
    altered = store(lambda: next(sizes), b"altered", taken)
    with pytest.raises(ContractError, match=r"is not what the run wrote \(it hashes to [0-9a-f]{16}…\) - restore it"):
        AnswerCache(kept).open(altered, summary, wait_s=60)
    longer = store(lambda: 10**12, b"longer", taken)
    with pytest.raises(
        ContractError, match=rf"is not what the run wrote \(it has 1{',000' * 4} bytes and not {file.bytes:,}\)"
    ):
        AnswerCache(kept).open(longer, summary, wait_s=60)
    assert len(taken) == 1, "of the other one no byte was fetched"
    kept.make_folder()
    (kept.folder / file.sha256).write_bytes(b"the end was lost")
    assert kept.missing([file]) == [file]
    assert not list(kept.folder.glob("*.new"))


def test_what_fails_late_is_told_before_it_is_begun_again(hostile, summary, kept, monkeypatch):
    now, has_begun, may_end, begun = [0.0], threading.Event(), threading.Event(), []
    monkeypatch.setattr(awaited, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def fail(key):
        begun.append(key)
        has_begun.set()
        may_end.wait(60)
        raise ContractError("It is gone")

    gone, cache = SimpleNamespace(uri=hostile.results.uri, stream=fail), AnswerCache(kept)
    with pytest.raises(StillOpeningError, match=r"fetched once: 0 KiB of .* after 0 s"):
        cache.open(gone, summary, wait_s=0.01)
    assert has_begun.wait(60)
    now[0] = 10 * awaited.TROUBLE_S
    may_end.set()
    for _ in range(2):
        with pytest.raises(ContractError, match="It is gone"):
            cache.open(gone, summary, wait_s=60)
        now[0] += 0.9 * awaited.TROUBLE_S
    assert len(begun) == 1
    now[0] += awaited.TROUBLE_S
    with pytest.raises(ContractError, match="It is gone"):
        cache.open(gone, summary, wait_s=60)
    assert len(begun) == 2


def test_what_has_not_begun_when_nobody_asks_any_more_is_not_done(monkeypatch):
    now, has_begun, may_end, done = [0.0], threading.Event(), threading.Event(), []
    monkeypatch.setattr(awaited, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept = Awaited(1, "test", 3, done.append)
    first, _ = kept.begin("first", lambda _: done.append("first"))
    first.result(60)
    kept.begin("busy", lambda _: (has_begun.set(), may_end.wait(60)))
    assert has_begun.wait(60)
    left, _ = kept.begin("left", lambda _: done.append("left"))
    pushed, _ = kept.begin("pushed", lambda _: done.append("pushed"))  # the first one, which is done, goes for it
    assert kept.begin("left", print)[0] is left
    last, _ = kept.begin("last", lambda _: "last")  # nothing is done: what has not begun goes
    assert (pushed.cancelled(), left.cancelled()) == (True, False)
    now[0] += 2 * awaited.GONE_S
    assert kept.begin("last", print)[0] is last
    may_end.set()
    assert last.result(60) == "last"
    assert isinstance(left.exception(60), StillOpeningError)
    assert not {"left", "pushed"} & set(done)


def test_a_comparison_is_made_anew_whenever_others_are_people():
    taxa = [
        {"diver": Taxon(role="human"), "snorkel": Taxon()},
        {"diver": Taxon(role="human"), "snorkel": Taxon(merge_into="diver")},
        {"diver": Taxon(), "snorkel": Taxon(merge_into="diver")},
        {"diver": Taxon(), "snorkel": Taxon(role="human")},
    ]
    assert len({human_classes(one) for one in taxa}) == len({digest_of(one) for one in taxa}) == len(taxa)
