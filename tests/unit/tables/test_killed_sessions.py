"""What a killed plan or summary held on disk goes when the next one begins, and nothing else does."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoal.tables import killed_sessions
from shoal.tables.killed_sessions import IN_USE
from shoal.tables.session import open_database

SESSION = """
from shoal.tables.session import open_database
with open_database(None) as database:
    database.run("CREATE TABLE many AS SELECT range AS n FROM range(100000)")
    database.run("CHECKPOINT")
    (database.folder / "listing.jsonl").write_text("{}")
    print(database.folder, flush=True)
    input()
"""


@contextmanager
def session_elsewhere(scratch):
    """A session with tables in another process; yields the process and the session's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_session_held_goes_with_the_next_one(scratch):
    with session_elsewhere(scratch) as (killed, left), session_elsewhere(scratch) as (_, at_work):
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert {"tables.duckdb", "listing.jsonl"} <= {path.name for path in left.iterdir()}, "nobody took it away"
        with open_database(None) as database:
            assert not left.exists()
            assert at_work.exists(), "a session at work keeps its folder"
            assert sorted(scratch.iterdir()) == sorted([at_work, database.folder])


def test_a_session_that_ends_leaves_nothing(scratch):
    with open_database(None) as database:
        assert (database.folder / IN_USE).exists()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["shoal-part-abc", "shoal-notes", "other"])
def test_folders_that_are_no_sessions_stay(name, scratch):
    (scratch / name).mkdir()
    (scratch / name / "mine.txt").write_text("mine")
    with open_database(None):
        pass
    assert (scratch / name / "mine.txt").exists()


def test_what_somebody_else_laid_there_is_not_followed(scratch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / IN_USE).write_bytes(killed_sessions._this_machine())
    (scratch / "shoal-link").symlink_to(elsewhere)
    (scratch / "shoal-inside").mkdir()
    (scratch / "shoal-inside" / IN_USE).symlink_to(elsewhere / IN_USE)
    (scratch / "shoal-pipe").mkdir()
    os.mkfifo(scratch / "shoal-pipe" / IN_USE)
    (scratch / "shoal-file").touch()
    with open_database(None):
        pass
    assert (elsewhere / IN_USE).exists()
    assert {"shoal-link", "shoal-inside", "shoal-file"} <= {path.name for path in scratch.iterdir()}


def test_another_users_folder_stays(scratch, monkeypatch):
    (scratch / "shoal-hers").mkdir()
    (scratch / "shoal-hers" / IN_USE).touch()
    monkeypatch.setattr(killed_sessions.os, "geteuid", lambda: os.getuid() + 1)
    with open_database(None):
        pass
    assert (scratch / "shoal-hers").exists()


def test_a_file_system_without_locks_serves_all_the_same(scratch, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(killed_sessions.fcntl, "flock", refuse)
    with open_database(None), open_database(None):
        assert len(list(scratch.iterdir())) == 2, "nothing is taken away where nobody knows who has it"


FOLDERS = {
    "of this machine, killed": (True, 0, True),
    "of another one, written lately": (False, 3600, False),
    "of another one, quiet for a day": (False, 86_500, True),
}


@pytest.mark.parametrize(("ours", "quiet_s", "goes"), FOLDERS.values(), ids=FOLDERS)
def test_what_another_machine_s_session_may_have_stays_until_it_was_quiet_for_a_day(scratch, ours, quiet_s, goes):
    left = scratch / "shoal-left"
    (left / "spill").mkdir(parents=True)
    (left / IN_USE).write_bytes(
        killed_sessions._this_machine() if ours else b"elsewhere 0b0e1a5e-0000-4000-8000-000000000000\n"
    )
    (left / "spill" / "block.tmp").write_bytes(b"spilled")
    for path in (left / IN_USE, left / "spill" / "block.tmp", left / "spill", left):
        os.utime(path, times=(time.time() - quiet_s,) * 2)
    with open_database(None):
        assert left.exists() != goes


def test_a_session_at_work_says_on_which_machine_it_is(scratch):
    with open_database(None) as database:
        assert (database.folder / IN_USE).read_bytes() == killed_sessions._this_machine()


def test_where_no_start_is_told_the_host_name_says_whose_it_is(scratch, monkeypatch):
    monkeypatch.setattr(killed_sessions, "_BOOT_ID", scratch / "none")
    for name, host in (("shoal-ours", killed_sessions.socket.gethostname()), ("shoal-theirs", "elsewhere")):
        (scratch / name).mkdir()
        (scratch / name / IN_USE).write_text(f"{host} \n")
    with open_database(None):
        assert not (scratch / "shoal-ours").exists()
        assert (scratch / "shoal-theirs").exists()
