"""The newest folders of a bucket: few requests, whatever it holds."""

from datetime import UTC, datetime

import pytest

from shoal.bucket.newest_folders import MOST_LEVELS, choose_newest, find_changed, look_at_newest
from shoal.settings.source import Source
from shoal.stores.object_store import FolderLevel, ListedObject

SOURCE = Source(conn_id="s3", bucket="fish")


class Levels:
    """A bucket that is looked into level by level."""

    def __init__(self, keys):
        self.keys, self.asked = list(keys), []

    def look_into(self, folder, pages, after=""):
        self.asked.append(folder)
        below = [key for key in self.keys if key.startswith(folder)]
        folders = {key[: key.index("/", len(folder)) + 1] for key in below if "/" in key[len(folder) :]}
        beside = [key for key in below if "/" not in key[len(folder) :]]
        beside = sorted(key for key in beside if key > after)
        objects = [ListedObject(key, "v", 7, datetime(2026, 6, 1, tzinfo=UTC)) for key in beside]
        return FolderLevel(tuple(sorted(folders)), objects[: pages * 1000], len(objects) <= pages * 1000)


YEARS = [f"{camera}/{year}/{month:02d}/{day}/1.jpg" for camera in ("A", "B") for year in (2025, 2026) for month in (5, 6) for day in (9, 10, 11)]  # fmt: skip


def test_of_days_the_last_ones_are_looked_into_and_of_cameras_all():
    bucket = Levels(YEARS)
    look = look_at_newest(bucket, SOURCE, "")
    assert sorted(look.folders) == [
        f"{camera}/{day}/" for camera in "AB" for day in ("2025/06/11", "2026/05/11", "2026/06/10", "2026/06/11")
    ]
    assert sorted(look.leaves) == sorted(look.folders)
    assert look.describe() == ""


def test_a_look_says_where_something_changed_and_an_old_folder_is_no_news():
    before = look_at_newest(Levels(YEARS), SOURCE, "").folders
    keys = [*YEARS, "A/2026/06/11/2.jpg", "A/2026/06/11/notes.txt", "B/2025/05/09/2.jpg", "B/2026/06/12/1.jpg"]
    after = look_at_newest(Levels(keys), SOURCE, "").folders
    assert find_changed(before, after) == ["A/2026/06/11/", "B/2026/06/12/"]
    assert find_changed(None, after) == []


@pytest.mark.parametrize(
    ("folders", "is_newest", "chosen"),
    [
        pytest.param(["9/", "10/", "11/"], True, [("11/", True), ("10/", False)], id="by number, not by letter"),
        pytest.param(["2026-06-11/", "2026-06-12/"], False, [("2026-06-12/", False)], id="of an older level the last"),
        pytest.param(["a/", "b/"], True, [("b/", True), ("a/", True)], id="names are all looked into"),
        pytest.param(["2026/", "cam/"], True, [("2026/", True), ("cam/", True)], id="both beside each other"),
    ],
)
def test_which_folders_of_a_level_are_the_newest(folders, is_newest, chosen):
    assert choose_newest(FolderLevel(tuple(folders), (), is_whole=True), is_newest=is_newest) == chosen


def test_a_look_has_an_end_and_says_so():
    bucket = Levels([f"cam{n}/1.jpg" for n in range(300)])
    look = look_at_newest(bucket, SOURCE, "")
    assert len(bucket.asked) <= MOST_LEVELS
    assert look.describe().startswith("'cam")
    assert "is not looked into, or not to its end: a look lists 200 folders" in look.describe()


def test_a_large_folder_is_read_to_its_end_once_and_from_there_on_later():
    bucket = Levels(f"A/{n:06d}.jpg" for n in range(25_000))
    first = look_at_newest(bucket, SOURCE, "")
    assert (first.folders, first.leaves, first.cut) == ({"A/": "last:A/024999.jpg"}, (), None)
    assert look_at_newest(bucket, SOURCE, "", first.folders).folders == first.folders
    bucket.keys += ["A/025000.jpg", "A/000000-late.jpg"]
    assert look_at_newest(bucket, SOURCE, "", first.folders).folders == {"A/": "last:A/025000.jpg"}
    assert look_at_newest(bucket, SOURCE, "", to_end=False).leaves == ()
