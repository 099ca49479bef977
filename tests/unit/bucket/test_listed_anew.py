"""Listings of which some folders alone were listed: the same as those of everything, where events named what has changed."""

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shoal.bucket.arrived import MOST_FOLDERS, Arrived, folder_of
from shoal.bucket.listed_anew import WHOLE_EVERY, find_base, freeze_anew
from shoal.bucket.listing import Scope, find_listing, freeze_listing
from shoal.contract.layout import DatasetLayout
from shoal.settings.source import Source
from shoal.stores.folder import FolderStore
from shoal.stores.listed import ListedObject
from shoal.tables.session import open_database

SOURCE = Source(conn_id="s3", bucket="fish", ignore=["trash/", "*-thumb.jpg"])
LAYOUT, ALL = DatasetLayout("", "reef"), Scope("", None)
NIGHT = datetime(2026, 6, 1, 2, tzinfo=UTC)


class Written(FolderStore):
    """Results on a disk that are written, too."""

    def read_clock(self):
        return datetime.now(UTC)

    def write_json(self, key, content):
        self._path(key).parent.mkdir(parents=True, exist_ok=True)
        self._path(key).write_text(json.dumps(content), encoding="utf-8")

    def upload(self, path, key, content_type=""):
        del content_type
        self._path(key).parent.mkdir(parents=True, exist_ok=True)
        self._path(key).write_bytes(path.read_bytes())


class Images:
    """A bucket: the month in which each key's object was written, and its version."""

    ground, bucket = (), "fish"

    def __init__(self, objects, at=NIGHT):
        self.objects, self.at, self.listed = objects, at, []

    def read_clock(self):
        return self.at

    def has(self, key):
        return key in self.objects

    def list_objects(self, prefix="", *, whole=False, unlisted: Counter[str] | None = None):
        del whole, unlisted
        self.listed.append(prefix)
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            month, version = self.objects[key]
            yield ListedObject(key, version, 7, datetime(2026, month, 3, tzinfo=UTC))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Written(tmp_path_factory.mktemp("results"))


def listing_key(number):
    return LAYOUT.listing(f"20260601T{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}Z-abcdefgh")


def night(results, images, key):
    with open_database(results) as database:
        frozen = freeze_listing(images, SOURCE, ALL, database, key)
        return frozen, rows(database)


def anew(results, images, answer, arrived, key, source=SOURCE):  # noqa: PLR0917 - what a listing is made of
    """What was listed and its images, or why everything is to be."""
    base = find_base(
        SimpleNamespace(source=images, results=results, layout=LAYOUT), source, ALL, answer.frozen_at, arrived
    )
    if isinstance(base, str):
        return base
    with open_database(results) as database:
        frozen = freeze_anew(images, source, base, database, key)
        return frozen if isinstance(frozen, str) else (frozen, rows(database))


def rows(database):
    return database.run("SELECT * FROM listing").fetchall()


NAMES = st.sampled_from(["", "a/", "a/b/", "a-/", "b/2026/", "ünïcödé/", "trash/", "a/b/c/"])
KEYS = st.builds(
    lambda folder, name: folder + name,
    NAMES,
    st.sampled_from(["1.jpg", "2.JPG", "3-thumb.jpg", "notes.txt", "照片 №1.jpg"]),
)
OBJECTS = st.dictionaries(KEYS, st.tuples(st.sampled_from([5, 6]), st.sampled_from(["v1", "v2"])), max_size=12)


@settings(max_examples=60 if os.environ.get("SHOAL_WIDE") else 8, phases=[Phase.generate])
@given(before=OBJECTS, after=OBJECTS, unchanged=st.sets(NAMES))
def test_folders_that_are_named_are_as_good_as_everything(results, before, after, unchanged):
    before, after = ({"a/0.jpg": (5, "v0"), **objects} for objects in (before, after))
    after = {key: one for key, one in after.items() if folder_of(key) not in unchanged}
    after |= {key: one for key, one in before.items() if folder_of(key) in unchanged}
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    for path in results.list_keys("reef/"):
        results._path(path).unlink()
    answer, _ = night(results, Images(before), listing_key(0))
    images = Images(after, NIGHT + timedelta(hours=1))
    told = anew(results, images, answer, Arrived.of("", map(folder_of, changed)), listing_key(1))
    frozen, found = night(results, images, listing_key(2))
    if isinstance(told, str):
        assert any("/" not in key for key in changed)
        return
    one, same = told
    assert same == found
    assert (one.counts.images, one.counts.size_bytes) == (frozen.counts.images, frozen.counts.size_bytes)
    stored = [results.read_json(listing.key)["files"] for listing in (one, frozen)]
    assert stored[0] == stored[1]
    assert set(one.anew.folders) <= set(images.listed)


@pytest.fixture
def answer(results):
    """A listing of everything, whose bucket has gained an image since."""
    for path in results.list_keys("reef/"):
        results._path(path).unlink()
    objects = {f"cam{n}/1.jpg": (5, "v1") for n in range(3)}
    frozen, _ = night(results, Images(objects), listing_key(0))
    return frozen, Images({**objects, "cam1/2.jpg": (6, "v1")}, NIGHT + timedelta(hours=1))


CAM1 = Arrived(("cam1/",))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"arrived": Arrived(whole=True)}, "more folders than are listed one by one", id="all of it"),
        pytest.param(
            {"source": SOURCE.model_copy(update={"suffixes": (".jpg",)})},
            "source in the dataset file was changed",
            id="another scope",
        ),
        pytest.param({"key": "1*.jpg"}, "a key and no pattern", id="a key that would be a pattern"),
        pytest.param({"late": WHOLE_EVERY}, "36 hours ago", id="no night for long"),
        pytest.param({"night": True}, "a run that is not the answer", id="a whole listing on its way"),
    ],
)
def test_everything_is_listed_where_the_rest_may_not_hold(results, answer, changes, why):
    frozen, images = answer
    images.at += changes.get("late", timedelta())
    source = changes.get("source", SOURCE)
    if "key" in changes:
        images.objects[changes["key"]] = (6, "v1")
        source = Source(conn_id="s3", bucket="fish", ignore=[changes["key"]])
    if changes.get("night"):
        night(results, images, listing_key(1))
    assert why in anew(results, images, frozen, changes.get("arrived", CAM1), listing_key(2), source)


def test_what_a_run_listed_that_is_not_the_answer_yet_is_listed_once_more(results, answer):
    frozen, images = answer
    anew(results, images, frozen, CAM1, listing_key(1))
    images.objects["cam2/2.jpg"] = (6, "v1")
    images.listed.clear()
    later, found = anew(results, images, frozen, Arrived(("cam2/",)), listing_key(2))
    assert images.listed == ["cam1/", "cam2/"]
    assert len(found) == 5
    assert (later.anew.of, later.anew.whole_at) == (frozen.key, NIGHT)
    assert later.describe_anew() == [
        "listed anew 2 folders (cam1/, cam2/), all else as in the answer; what is no image was counted at 2026-06-01T02:00:00Z"
    ]


def test_a_listing_of_folders_serves_no_run_that_wants_everything_since_then(results, answer):
    frozen, images = answer
    anew(results, images, frozen, CAM1, listing_key(1))
    with open_database(results) as database:
        found = [
            find_listing(database, LAYOUT, SOURCE, ALL, NIGHT + late) for late in (timedelta(), timedelta(minutes=1))
        ]
    assert found == [listing_key(1), None]


@pytest.mark.parametrize(
    ("prefix", "told", "arrived"),
    [
        pytest.param("", ["b/", "a/c/", "a/", "b/"], Arrived(("a/", "b/")), id="in order, none within another"),
        pytest.param("", [""], Arrived(whole=True), id="beside all folders"),
        pytest.param("", [f"{n}/" for n in range(MOST_FOLDERS + 1)], Arrived(whole=True), id="too many"),
        pytest.param("cam", ["", "cam1/", "x/"], Arrived(whole=True), id="a prefix that ends within a name"),
        pytest.param("cam/", ["cam/1/", "x/"], Arrived(("cam/1/",)), id="another dataset's"),
        pytest.param("", [7], Arrived(whole=True), id="no folder"),
        pytest.param("", None, Arrived(whole=True), id="no list"),
        pytest.param("", [], Arrived(), id="none"),
    ],
)
def test_what_an_event_says_is_put_in_order(prefix, told, arrived):
    assert Arrived.read(prefix, {"folders": told, "whole": False}) == arrived
    assert Arrived.read(prefix, arrived.to_json()) == arrived
