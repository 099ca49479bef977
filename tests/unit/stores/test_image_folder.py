"""A folder of images: listed as a bucket of the same files is, and read as the version that was listed, or not at all."""

import json
import os
import socket
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError, ContractError, NoEventsError, StoreError
from shoal.stores import image_folder, mount_points
from shoal.stores.folder_access import FolderAccess
from shoal.stores.folder_listing import CLOSED, LINKS, NO_FILES, UNSETTLED
from shoal.stores.images import ImageChanged, ImageDenied, ImageMissing, ImageUnnamable
from shoal.stores.kinds import open_from_env, open_store, write_env

INCLUDE = Path(__file__).parents[3] / "include"
NAME = st.text(
    st.sampled_from("a-./0Zé~🐟\uffff\n") | st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    max_size=6,
)


def opened(folder, settle_s=0.0):
    return open_store(FolderAccess(str(folder), settle_s), str(folder))


def put(folder, key, data=b"image"):
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def listed(folder, **asked):
    unlisted = Counter()
    return list(folder.list_objects(unlisted=unlisted, **asked)), dict(unlisted)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Ask for a share that is away without a pause."""
    monkeypatch.setattr(image_folder, "PAUSES_S", (0.01,))


@pytest.fixture
def photo(tmp_path):
    """One photo in a folder, as the folder lists it."""
    put(tmp_path, "cam1/a.jpg", b"as listed")
    (found,), _ = listed(opened(tmp_path))
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(keys=st.lists(NAME.map(lambda text: "/".join(part for part in text.split("/") if part not in {"", ".", ".."}))))
def test_files_are_listed_by_the_bytes_of_their_paths_as_stores_list_keys(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("tree")
    for key in filter(None, keys):
        try:
            put(folder, key)
        except OSError:  # a file and a folder of one name
            continue
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    in_order = sorted(there, key=lambda key: key.encode())
    store = opened(folder)
    assert store.list_keys("") == in_order
    for prefix in {key[:length] for key in there for length in (1, 2, len(key))}:
        assert store.list_keys(prefix) == [key for key in in_order if key.startswith(prefix)]
    for found in store.list_objects():
        assert store.read(found.key, found.object_version, found.size_bytes).version_checked


def test_what_is_no_file_of_the_folder_is_counted_and_listed_nowhere(tmp_path):
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    put(elsewhere, "private.jpg")
    for key in ("a.jpg", "new\nline.jpg", ".hidden/b.jpg", "cam\\1/c.jpg"):
        put(folder, key)
    (folder / "file.jpg").symlink_to(elsewhere / "private.jpg")
    (folder / "loop").symlink_to(folder)
    (folder / "outside").symlink_to(elsewhere)
    (folder / "nowhere.jpg").symlink_to("nothing")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.jpg"))
    put(folder, os.fsdecode(b"S\xfcd.jpg"))
    found, unlisted = listed(opened(folder))
    keys = [".hidden/b.jpg", "S\ufffd%FCd.jpg", "a.jpg", "cam\\1/c.jpg", "new\nline.jpg"]
    assert [one.key for one in found] == keys
    assert unlisted == {LINKS: 4, NO_FILES: 2}
    with pytest.raises(ImageUnnamable, match="is no UTF-8, as every key has to be"):
        opened(folder).read(keys[1], found[1].object_version, 5)


def test_a_file_that_is_being_written_waits_for_the_next_listing(tmp_path):
    now = time.time()
    for name, age_s in {
        "old.jpg": 3600,
        "new.jpg": 3,
        "of a clock ahead.jpg": -3,
        "of a wrong clock.jpg": -(10**6),
    }.items():
        os.utime(put(tmp_path, name), (now, now - age_s))
    found, unlisted = listed(opened(tmp_path, settle_s=60))
    assert [one.key for one in found] == ["of a wrong clock.jpg", "old.jpg"]
    assert unlisted == {UNSETTLED: 2}


def test_a_directory_is_looked_into_by_itself_and_tells_nobody_what_comes(tmp_path):
    for key in ("cam/1.jpg", "cam/2.jpg", "cam/ü 3.jpg", "cam/day/1.jpg", "dog.jpg"):
        put(tmp_path, key)
    (tmp_path / "cam/link").symlink_to(tmp_path)
    folder = opened(tmp_path)
    level = folder.look_into("cam/", 1)
    assert level == replace(level, folders=("cam/day/",), is_whole=True)
    assert [found.key for found in level.objects] == ["cam/1.jpg", "cam/2.jpg", "cam/ü 3.jpg"]
    assert level.objects == listed(folder, prefix="cam/")[0][:2] + listed(folder, prefix="cam/ü")[0]
    assert [found.key for found in folder.look_into("cam/", 1, "cam/1.jpg").objects] == ["cam/2.jpg", "cam/ü 3.jpg"]
    assert opened(tmp_path, settle_s=60).look_into("cam/", 1).objects == []
    with pytest.raises(NoEventsError, match="tells nobody what comes"):
        next(folder.listen(""))


def test_times_that_no_calendar_has_are_listed(tmp_path):
    for name, moment_s in {"a.jpg": -(2**36), "b.jpg": 2**33, "c.jpg": 2**40}.items():
        os.utime(put(tmp_path, name), (0, moment_s))
    found, _ = listed(opened(tmp_path))
    assert [one.key for one in found] == ["a.jpg", "b.jpg", "c.jpg"]
    assert all(1 <= one.last_modified.year <= 9999 for one in found)


@pytest.mark.parametrize(
    ("happens", "error", "message"),
    [
        pytest.param(lambda path: path.write_bytes(b"longer than listed"), ImageChanged, "file:18-", id="another size"),
        pytest.param(lambda path: os.utime(path, (0, 0)), ImageChanged, "file:9-0, listed file:9-", id="another time"),
        pytest.param(lambda path: path.rename(path.with_name("b.jpg")), ImageMissing, "is not there any more", id="gone"),
        pytest.param(lambda path: path.unlink(), StoreError, "/cam1 is empty now - mount .*; where its images were removed, start a new run", id="the last of its folder, or that is unmounted"),
        pytest.param(lambda path: path.parent.rename(path.parent.with_name("cam2")), ImageMissing, "is not there any more", id="its folder gone"),
        pytest.param(lambda path: (path.rename(path.with_name("b")), path.symlink_to("b")), ImageMissing, "is not there any more", id="a link to it"),
        pytest.param(lambda path: (path.parent.rename(path.parents[1] / "x"), path.parent.symlink_to("x")), ImageMissing, "is not there any more", id="a link on the way"),
        pytest.param(lambda path: (path.unlink(), os.mkfifo(path)), ImageMissing, "not there any more .No file", id="a pipe"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), ImageMissing, "not there any more .No file", id="a folder"),
        pytest.param(lambda path: (path.unlink(), path.parent.rmdir()), StoreError, "is empty now - mount the disk or share", id="unmounted"),
        pytest.param(lambda path: (path.unlink(), path.parent.rmdir(), path.parents[1].rmdir()), StoreError, "is not there .* - mount", id="no folder at all"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_listed_is_not_read(tmp_path, photo, happens, error, message):
    happens(tmp_path / photo.key)
    with pytest.raises(error, match=message):
        opened(tmp_path).read(photo.key, photo.object_version, photo.size_bytes)


@pytest.mark.parametrize(
    ("listed_ns", "here_ns", "error", "message"),
    [
        pytest.param(1_790_000_001_123_456_789, 1_790_000_001_123_456_700, ConfigError, "steps of 100 ns", id="CIFS here"),
        pytest.param(1_790_000_000_000_000_000, 1_790_000_001_123_456_789, ConfigError, "steps of 2 s", id="FAT where it was listed"),
        pytest.param(1_790_000_001_000_000_000, 1_790_000_001_123_456_789, ConfigError, "steps of 1 s", id="HFS there"),
        pytest.param(1_790_000_001_123_456_789, 1_790_000_001_987_654_321, ImageChanged, "listed file:9-", id="both finer: written to"),
        pytest.param(1_790_000_000_000_000_000, 1_790_000_004_000_000_000, ImageChanged, "listed file:9-", id="steps apart: written to"),
    ],
)  # fmt: skip
def test_times_that_two_mounts_tell_otherwise_are_no_changed_image(
    tmp_path, photo, *, listed_ns, here_ns, error, message
):
    os.utime(tmp_path / photo.key, ns=(0, here_ns))
    with pytest.raises(error, match=message):
        opened(tmp_path).read(photo.key, f"file:9-{listed_ns}", 9)
    (tmp_path / photo.key).write_bytes(b"another size")
    os.utime(tmp_path / photo.key, ns=(0, here_ns))
    with pytest.raises(ImageChanged):
        opened(tmp_path).read(photo.key, f"file:9-{listed_ns}", 9)


def test_an_image_below_a_mount_that_went_is_not_gone_and_others_are(tmp_path, monkeypatch):
    for key in ("camA/1.jpg", "camA/2.jpg", "camB/1.jpg"):
        put(tmp_path, f"photos/{key}")
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(mount_points, "MOUNTS", mounts)
    mounts.write_text(f"22 1 0:21 / {tmp_path}/photos/camB rw - nfs nas:/1 rw\n")
    at_work, listed_on = opened(tmp_path / "photos"), opened(tmp_path / "photos").ground
    (found, missing, away), _ = listed(at_work)
    assert at_work.read(found.key, found.object_version, 5).data == b"image"
    mounts.write_text("")
    for key in (missing.key, away.key):
        (tmp_path / "photos" / key).unlink()
    put(tmp_path, "photos/camB/what lies in the mount point.jpg")
    begun_later = opened(tmp_path / "photos")
    begun_later.stand_on(listed_on)
    for store in (at_work, begun_later):
        with pytest.raises(ImageMissing):
            store.read(missing.key, missing.object_version, 5)
        for _ in range(2):
            with pytest.raises(
                StoreError, match=r"camB/1.jpg is not there, and nothing is mounted at .*/camB any more"
            ):
                store.read(away.key, away.object_version, 5)
    in_a_pod = open_store(FolderAccess(str(tmp_path / "photos")), "/as/planned")
    in_a_pod.stand_on([*listed_on, "/as/planned/camA"])
    with pytest.raises(ImageMissing):
        in_a_pod.read(missing.key, missing.object_version, 5)


def test_a_file_that_grows_while_it_is_read_is_not_taken_for_the_one_that_was_listed(tmp_path, photo, monkeypatch):
    looks = []

    def look(descriptor, fstat=os.fstat):
        looks.append(descriptor)
        if len(looks) == 3:  # when it is opened, before it is read, and behind the last byte
            with (tmp_path / photo.key).open("ab") as file:
                file.write(b" and on")
        return fstat(descriptor)

    monkeypatch.setattr(image_folder.os, "fstat", look)
    with pytest.raises(ImageChanged, match=r"written to while it was read, file:16-\d+, listed file:9-"):
        opened(tmp_path).read(photo.key, photo.object_version, photo.size_bytes)


@pytest.mark.parametrize("key", ["../private.jpg", "cam1/../../private.jpg", "/etc/hostname", "cam1//a.jpg", "a\0.jpg"])
def test_a_key_that_no_listing_has_leads_nowhere(tmp_path, key):
    put(tmp_path, "private.jpg")
    put(tmp_path, "photos/cam1/a.jpg")
    with pytest.raises(ImageUnnamable):
        opened(tmp_path / "photos").read(key, "file:5-0", 5)


def test_pieces_and_whole_files_are_read_as_of_a_bucket(tmp_path, photo):
    store = opened(tmp_path)
    assert store.find_piece(photo.key, 3, 6).data == b"listed"
    last = store.find_piece(photo.key, None, 6)
    assert (last.data, last.span.first, last.span.version) == (b"listed", 3, photo.object_version)
    assert (store.find_bytes(photo.key), store.find_bytes("nothing.jpg")) == (b"as listed", None)
    with pytest.raises(ContractError, match="it has more than 8 bytes"):
        store.find_bytes(photo.key, 8)
    store.download(photo.key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"as listed"
    assert store.list_folders("") == ["cam1"]


def test_nothing_is_ever_written(tmp_path):
    store = opened(tmp_path)
    for write in (store.write_bytes, store.upload, store.delete, store.replace_json, store.abort_upload):
        with pytest.raises(ConfigError, match="holds images and is only read"):
            write("a.jpg", b"")


def test_a_worker_reads_the_folder_that_its_environment_names(tmp_path, photo):
    access = opened(tmp_path).access
    environ = write_env(access, "source")
    assert environ == {"SHOAL_SOURCE_FOLDER": str(tmp_path), "SHOAL_SOURCE_KIND": "folder"}
    worker = open_from_env("source", "/as/planned", environ)
    assert worker.read(photo.key, photo.object_version, photo.size_bytes).data == b"as listed"
    assert write_env(opened(tmp_path).located, "source")["SHOAL_SOURCE_FOLDER"] == "/images", "where pods mount it"
    with pytest.raises(StoreError, match=r"Folder /as/planned \(here /nowhere\) is not there"):
        open_from_env("source", "/as/planned", {**environ, "SHOAL_SOURCE_FOLDER": "/nowhere"}).read("a.jpg", "", 0)


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path):
    with pytest.raises(ConfigError, match=r"No folder .*/photos - correct source.path, or mount what should be there"):
        list(opened(tmp_path / "photos").list_objects())


AS_ANOTHER = """
import json, sys
from collections import Counter
from shoal.stores.folder_access import FolderAccess
from shoal.stores.image_folder import ImageFolder
folder, unlisted, said = ImageFolder(FolderAccess(sys.argv[1], 0), "photos"), Counter(), []
keys = [found.key for found in folder.list_objects(unlisted=unlisted)]
try:
    folder.read("closed.jpg", "", 0)
except Exception as err:
    said = [type(err).__name__, str(err)]
try:
    folder.has("cam1/b.jpg")
except Exception as err:
    said += [type(err).__name__, folder.has("a.jpg"), folder.has("cam2/a.jpg"), folder.has("../a.jpg")]
print(json.dumps([keys, unlisted, *said]))
"""


def test_what_may_not_be_read_is_counted_or_denied(tmp_path):
    put(tmp_path, "a.jpg")
    put(tmp_path, "closed.jpg").chmod(0)
    put(tmp_path, "cam1/b.jpg").parent.chmod(0)
    words = [sys.executable, "-c", AS_ANOTHER, str(tmp_path)]
    if os.geteuid() == 0:  # who may all, without that right
        words = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *words]
    ended = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": str(INCLUDE)}, capture_output=True, text=True, check=True
    )
    (tmp_path / "cam1").chmod(0o755)
    keys, unlisted, kind, message, *has = json.loads(ended.stdout)
    assert (keys, unlisted) == (["a.jpg", "closed.jpg"], {CLOSED: 1})
    assert kind == ImageDenied.__name__
    assert has == [ConfigError.__name__, True, False, False], "nobody knows whether it is there"
    assert "photos/closed.jpg may not be read by this process (user " in message


def test_the_ground_of_a_folder_is_where_disks_are_mounted_that_it_stands_on(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (ground,) = opened(tmp_path / "photos").ground
    assert os.path.ismount(ground)
    assert str(tmp_path).startswith(ground)
    assert opened(tmp_path / "away").ground == (ground,), "what is not there stands where it would"
    mounts = f"22 1 0:21 / {tmp_path}/photos/cam\\0401 rw - nfs nas:/1 rw\n23 1 0:22 / {tmp_path}/photos2 rw - nfs nas:/2 rw\n"
    (tmp_path / "mountinfo").write_text(mounts)
    monkeypatch.setattr(mount_points, "MOUNTS", tmp_path / "mountinfo")
    assert opened(tmp_path / "photos").ground == tuple(sorted([ground, f"{tmp_path}/photos/cam 1"]))


def test_a_folder_that_is_unmounted_while_it_is_listed_is_no_shorter_one(tmp_path):
    for key in ("photos/a/1.jpg", "photos/b/1.jpg"):
        put(tmp_path, key)
    found = opened(tmp_path / "photos").list_objects()
    assert next(found).key == "a/1.jpg"
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    (tmp_path / "photos").mkdir()
    with pytest.raises(StoreError, match="was unmounted, or another one was mounted there, while it was listed"):
        list(found)


@pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="to make 200,000 files takes half a minute: make test-wide"
)
def test_200_000_files_in_one_folder_take_little_memory(tmp_path):
    names = [f"{number:06d}-CAM1.jpg" for number in range(200_000)]
    for name in names:
        (tmp_path / name).touch()
    tracemalloc.start()
    try:
        assert sum(1 for _ in opened(tmp_path).list_objects()) == len(names)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
