"""The newest folders of a bucket: few requests, whatever it holds."""

from datetime import UTC, datetime

import pytest

from shoal.bucket.newest_folders import (
    MOST_LEVELS,
    PAGES_A_LEVEL,
    begin_at,
    choose_newest,
    find_changed,
    look_at_newest,
)
from shoal.bucket.newest_round import Round
from shoal.settings.source import Source
from shoal.stores.listed import FolderLevel, ListedObject

SOURCE = Source(conn_id="s3", bucket="fish")


class Levels:
    """A bucket that is looked into level by level, as S3 does it: folders and objects are on the same pages."""

    def __init__(self, keys):
        self.keys, self.asked = list(keys), []

    def look_into(self, folder, pages, after=""):
        later = [key for key in self.keys if key.startswith(folder) and key > after]
        entries = sorted(
            {folder + key[len(folder) :].partition("/")[0] + "/" * ("/" in key[len(folder) :]) for key in later}
        )
        some = entries[: pages * 1000]
        self.asked += [folder] * max(1, -(-len(some) // 1000))
        objects = [ListedObject(key, "v", 7, datetime(2026, 6, 1, tzinfo=UTC)) for key in some if not key.endswith("/")]
        folders = tuple(key for key in some if key.endswith("/"))
        return FolderLevel(folders, objects, len(some) == len(entries), has_folders_before=not after)


def look_at(bucket, seen=None, **how):
    return look_at_newest(bucket, SOURCE, begin_at(""), seen, **how)


def whole_round(bucket, known):
    """Look until all is looked through; return what is known then, what was news, and how many pages each look took."""
    news, pages = [], []
    while not pages or known.waiting:
        asked = len(bucket.asked)
        look = known.look(bucket, SOURCE)
        news += find_changed(known.seen, look.folders)
        known = known.after(look)
        pages.append(len(bucket.asked) - asked)
    return known, news, pages


YEARS = [f"{camera}/{year}/{month:02d}/{day}/1.jpg" for camera in ("A", "B") for year in (2025, 2026) for month in (5, 6) for day in (9, 10, 11)]  # fmt: skip


def test_of_days_the_last_ones_are_looked_into_and_of_cameras_all():
    bucket = Levels(YEARS)
    look = look_at(bucket)
    assert sorted(look.folders) == [
        f"{camera}/{day}/" for camera in "AB" for day in ("2025/06/11", "2026/05/11", "2026/06/10", "2026/06/11")
    ]
    assert sorted(look.leaves) == sorted(look.folders)
    assert (look.waiting, look.unended) == ((), None)


def test_a_look_says_where_something_changed_and_an_old_folder_is_no_news():
    before = look_at(Levels(YEARS)).folders
    keys = [*YEARS, "A/2026/06/11/2.jpg", "A/2026/06/11/notes.txt", "B/2025/05/09/2.jpg", "B/2026/06/12/1.jpg"]
    after = look_at(Levels(keys)).folders
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


def test_of_many_cameras_each_look_finishes_some_and_the_next_goes_on():
    bucket = Levels(key.replace("A/", f"cam{n:03d}/") for n in range(60) for key in YEARS if key.startswith("A/"))
    newest = look_at(bucket).folders
    assert len(newest) > 60, "folders of a camera are looked into before the next camera"
    known, news, pages = whole_round(bucket, Round())
    assert (len(known.seen), news, max(pages), len(pages)) == (60 * 4, [], MOST_LEVELS, 4)
    assert (
        known.said
        == "the newest folders are looked through in 4 looks at 200 folders each: what comes is told that many minutes late"
    )
    bucket.keys += ["cam059/2026/06/11/2.jpg", "cam000/2026/06/12/1.jpg"]
    known, news, _ = whole_round(bucket, known)
    assert news == ["cam059/2026/06/11/", "cam000/2026/06/12/"]
    assert (whole_round(bucket, known)[1], "cam000/2026/06/10/" in known.seen) == ([], False)


def test_a_round_of_looks_has_an_end_and_says_how_many_folders_it_leaves_out():
    bucket = Levels(f"cam{n:04d}/1.jpg" for n in range(1100))
    known, _, pages = whole_round(bucket, Round())
    assert (len(known.seen), len(pages), max(pages) <= MOST_LEVELS + 1) == (1000, 6, True)
    assert "100 or more of the newest folders, 'cam0099/' the first, are not looked into: " in known.said


def test_a_large_folder_is_read_to_its_end_once_and_from_there_on_later():
    bucket = Levels(f"A/{n:06d}.jpg" for n in range(25_000))
    first = look_at(bucket)
    assert (list(first.folders), first.leaves, first.unended) == (["A/"], (), None)
    assert look_at(bucket, first.folders).folders == first.folders
    bucket.keys += ["A/025000.jpg", "A/000000-late.jpg"]
    later = look_at(bucket, first.folders)
    assert find_changed(first.folders, later.folders) == ["A/"]
    assert later.folders["A/"].endswith(":A/025000.jpg")
    assert look_at(bucket, to_end=False).leaves == ()


@pytest.mark.parametrize(
    "images", [pytest.param([], id="without images"), pytest.param(["A/1.jpg"], id="that sort after one")]
)
def test_a_large_folder_of_logs_is_read_to_its_end_once_and_no_news(images):
    bucket = Levels([*images, *(f"A/log{n:06d}.txt" for n in range(22_000))])
    known, _, pages = whole_round(bucket, Round())
    assert pages[0] > 22
    bucket.keys.append("A/log900000.txt")
    known, news, pages = whole_round(bucket, known)
    assert (news, pages[0] <= 2 + PAGES_A_LEVEL) == ([], True)
    bucket.keys.append("A/2.jpg" if images else "A/photo.jpg")
    assert whole_round(bucket, known)[1] == ["A/"]


def test_a_new_day_beside_many_images_is_found_though_it_sorts_before_them():
    bucket = Levels([*(f"A/IMG{n:06d}.jpg" for n in range(12_000)), "A/9/1.jpg", "A/10/1.jpg", "A/day/1.jpg"])
    known, _, _ = whole_round(bucket, Round())
    bucket.keys += ["A/11/1.jpg", "A/day/2.jpg"]
    known, news, _ = whole_round(bucket, known)
    assert sorted(news) == ["A/11/", "A/day/"]
    assert whole_round(bucket, known)[1] == []
