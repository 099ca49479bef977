"""What a query gives comes to its file once: it is moved there, or copied where the file lies on another disk."""

import errno
from pathlib import Path
from unittest.mock import Mock

import pytest

from shoal.exports.table_file import CSV
from shoal.exports.whole_file import copy_whole
from shoal.tables.session import open_database


@pytest.mark.parametrize("one_disk", [True, False], ids=["one disk", "another disk"])
def test_the_file_is_whole_and_nothing_is_left_beside_it(tmp_path, monkeypatch, one_disk):
    with open_database(None) as database, monkeypatch.context() as disks:
        if not one_disk:
            disks.setattr(Path, "rename", Mock(side_effect=OSError(errno.EXDEV, "Invalid cross-device link")))
        copy_whole(database, "SELECT range AS n FROM range(3) ORDER BY n", tmp_path / "table.csv", CSV)
        assert [file for file in database.folder.iterdir() if "table.csv" in file.name] == []
    assert (tmp_path / "table.csv").read_text() == "n\n0\n1\n2\n"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]
