"""A session that finds too little memory or disk says what to set, in one line."""

import errno
import logging
import shutil
import tempfile
from pathlib import Path

import duckdb
import pytest

from shoal.contract.errors import ConfigError, StoreError
from shoal.tables.limits import Limits
from shoal.tables.scratch import out_of_room, scratch_folder, warn_of_room
from shoal.tables.session import Database, open_database

MIB = 1024**2
MANY = "SELECT list(repeat(i::VARCHAR, 40)) FROM range(4000000) AS numbers(i)"
"""A list that does not spill."""


def test_memory_that_does_not_do_says_what_to_set(tmp_path):
    database = Database(None, tmp_path, Limits(64 * MIB, 2))
    with pytest.raises(
        ConfigError,
        match=r"^64 MiB of memory on 2 threads were not enough .* set run\.memory .* such as 512MiB, or run\.threads to",
    ):
        database.value(MANY)


def test_a_folder_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with (
        pytest.raises(
            ConfigError, match=r"^No folder for temporary files: .*nowhere.* - set TMPDIR to one that can be written$"
        ),
        open_database(None),
    ):
        pass


def test_a_disk_that_python_fills_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        pytest.raises(
            ConfigError,
            match=rf"^No room left in {tmp_path} \(No space left on device\) - free some disk or set TMPDIR",
        ),
        scratch_folder(),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_another_file_fills_is_not_said_to_be_this_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No space left"), scratch_folder():
        raise OSError(errno.ENOSPC, "No space left on device", "/elsewhere/file")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").write_text("a file, so that nobody can make a folder there, root neither")
    with pytest.raises(
        ConfigError, match=rf"^Nothing can be written in {tmp_path} \(.*\) - set TMPDIR to a folder that can$"
    ):
        Database(None, tmp_path / "folder", Limits(32 * MIB, 1))


def test_a_folder_that_cannot_be_spilled_to_is_named(tmp_path):
    database = Database(None, tmp_path, Limits(32 * MIB, 1))
    (tmp_path / "spill").write_text("a file, so that nobody can make a folder there, root neither")
    with pytest.raises((ConfigError, StoreError)) as said:
        database.value(
            "SELECT max(text) FROM (SELECT repeat(i::VARCHAR, 20) AS text FROM range(3000000) AS r(i) ORDER BY text, -i OFFSET 7)"
        )
    assert str(tmp_path) in str(said.value)
    assert "TMPDIR" in str(said.value)


def test_tables_larger_than_memory_lie_in_the_folder_and_are_not_spilled(tmp_path):
    database = Database(None, tmp_path, Limits(32 * MIB, 1))
    database.run("CREATE TABLE numbers AS SELECT i, md5(i::VARCHAR) AS text FROM range(1500000) AS numbers(i)")
    assert database.value("SELECT count(DISTINCT i // 1000) FROM numbers") == 1500
    assert list(tmp_path.glob("spill/*")) == []
    assert 16 * MIB < (tmp_path / "tables.duckdb").stat().st_size < 1500000 * 36, "packed"


def test_a_disk_that_will_be_too_small_is_said_before_it_fills(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12 - 3 * 1024**3, 3 * 1024**3)
    )
    with caplog.at_level(logging.WARNING):
        warn_of_room(Path(tmp_path / "x"), Limits(512 * MIB, 1), 9 * 1024**3, "Summarizing 20000000 images")
        warn_of_room(Path(tmp_path / "x"), Limits(512 * MIB, 1), 2 * 1024**3, "Summarizing 4000000 images")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"Summarizing 20000000 images may take 8.5 GiB of disk in {tmp_path}, where 3 GiB are free - free some or set TMPDIR to a "
        "larger one"
    )


def test_what_spills_into_a_full_disk_is_told_as_that_and_not_as_too_little_memory(tmp_path):
    with duckdb.connect() as connection:
        for setting in (
            "memory_limit = '20MB'",
            "threads = 1",
            f"temp_directory = '{tmp_path}'",
            "max_temp_directory_size = '1MB'",
        ):
            connection.execute(f"SET {setting}")
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(
                "SELECT count(*) FROM (SELECT i, repeat('x', 500) AS x FROM range(500000) r(i) ORDER BY x, -i)"
            ).fetchall()
    said = out_of_room(caught.value, tmp_path / "shoal-x", Limits(20 * 1024**2, 1))
    assert "No room left in" in str(said)
    assert "set TMPDIR to a larger one" in str(said)
