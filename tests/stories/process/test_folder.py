"""A folder of photos in place of a bucket, from its files to the answer: the same numbers, and what files do that objects do not."""

import errno
import os
import time
from contextlib import contextmanager

import pytest

from pipeline import Pipeline, numbers, run_worker_here
from shoal.answers.find import find_run
from shoal.bucket.arrived import Arrived
from shoal.contract.errors import ConfigError, EmptyBucketError
from shoal.contract.exit_codes import WorkerExit
from shoal.exports.export import Where, find_afterwards
from shoal.exports.on_demand import Order, export_to_folder
from shoal.history.verify import verify_run
from shoal.preflight.sample_run import SampleRun
from shoal.preflight.steps import store_steps, try_steps
from shoal.results.answer import read_current
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.stores import image_folder
from shoal.tables.session import open_database
from show_command import ask_show

OLD_S = 1_790_000_000
HOSTILE = {os.fsdecode(b"IPC608/20260602-140000-IPC\xfc.jpg"): b"x", "IPC608/20260602-new\nline-IPC608.jpg": b"x", "IPC608/._20260602.jpg": b"x"}  # fmt: skip


def put(folder, key, data):
    """Write a file that nobody has touched for long."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD_S, OLD_S))


def over(pipeline, folder, **settings):
    """The dataset with a folder as its source, under a name of its own."""
    before = pipeline.dataset.model_dump(mode="json")
    source = {"kind": "folder", "path": str(folder)}
    dataset = Dataset.model_validate({**before, "name": f"{pipeline.dataset.name}-f", "source": source, **settings})
    return Pipeline(dataset, open_stores(dataset, lambda _: pipeline.stores.results.access))


@pytest.fixture
def photos(few_images, tmp_path):
    """A folder with the twelve scenes of `few_images`."""
    source = few_images.stores.source
    for key in source.list_keys(""):
        put(tmp_path / "my photos", key, source.read_bytes(key))
    return tmp_path / "my photos"


def said(plan):
    return "\n".join(plan.describe())


def test_files_give_the_answer_that_a_bucket_of_them_gives(few_images, photos):
    bucket, folder = few_images, over(few_images, photos)
    assert folder.stores.source.list_keys("") == bucket.stores.source.list_keys("")
    steps = {step.name: step for step in try_steps(store_steps(folder.dataset, folder.stores))}
    assert all(step.ok for step in steps.values())
    assert steps["images"].text.endswith(" bytes (files of a folder)")
    SampleRun.prepare(folder.dataset, folder.stores).run(lambda _: None, lambda _: None)
    first = folder.run()
    assert numbers(first.summary) == numbers(bucket.run().summary)
    assert first.balance.fates["reused"] == 12, "of the check's worker, which read the folder its environment named"
    plan = folder.plan()
    assert (plan.reused, plan.work.shards) == (12, ())
    assert folder.summarize(plan).summary["result_sha256"] == first.summary["result_sha256"]
    taken_away = min(photos.rglob("*.jpg"))
    image = taken_away.read_bytes()
    taken_away.unlink()
    looked = verify_run(folder.stores, folder.stores.layout.variant(plan.variant.directory), plan.run_key, 12)
    assert (looked.deviations, looked.recheck.same, looked.recheck.absent) == ((), 11, 1)
    put(photos, str(taken_away.relative_to(photos)), image)
    put(photos, "IPC608/20260604-080000-IPC608.jpg", b"new")
    arrived = folder.plan(arrived=Arrived(("IPC608/",)))
    assert (arrived.listed, arrived.work.images) == (13, 1)
    assert "listed anew 2 folders (IPC608/, IPC710/)" in said(arrived)


def test_what_files_do_that_objects_do_not_is_said_and_nothing_is_lost(
    few_images, photos, tmp_path, monkeypatch, capsys
):
    folder = over(few_images, photos)
    for key, data in HOSTILE.items():
        put(photos, key, data)
    (photos / "IPC608/link.jpg").symlink_to(tmp_path)
    (photos / "IPC608/20260602-150000-IPC608.jpg").write_bytes(b"half a ph")
    plan = folder.plan()
    assert f"images are files below {photos}: the version of one is its size and the time of its last change" in said(
        plan
    )
    assert "left for the next run: 1 file written just before they were listed (source.settle)" in said(plan)
    assert "not followed: 1 link in the folder" in said(plan)
    assert plan.to_json()["listing"]["unlisted"] == {"just written": 1, "links": 1}
    first, second, *_ = sorted(path for path in photos.rglob("*-IPC*.jpg") if path.stat().st_size > 1000)
    first.write_bytes(first.read_bytes() + b"and on")
    second.unlink()
    folder.infer(plan)
    done = folder.summarize(plan)
    assert done.summary["result"]["left_out"]["unlisted"] == {"links": 1}, (
        "the answer is not another one a minute later"
    )
    rows = folder.rows(done)
    assert {key: row["status"] for key, row in rows.items() if row["status"] != "processed"} == {
        "IPC608/20260602-140000-IPC\ufffd%FC.jpg": "denied",
        "IPC608/20260602-new\nline-IPC608.jpg": "failed",
        str(first.relative_to(photos)): "changed",
        str(second.relative_to(photos)): "gone",
    }
    assert all(row["version_checked"] for row in rows.values() if row["status"] == "processed")
    monkeypatch.chdir(tmp_path)
    status, printed = ask_show(monkeypatch, capsys)(folder, "--grid", "3x3", "-o", "sheet.jpg")
    assert (status, (tmp_path / "sheet.jpg").stat().st_size > 10_000) == (0, True), printed
    monkeypatch.undo()
    run = find_run(folder.stores.results, folder.stores.layout, plan.run_key)
    with open_database(folder.stores.results) as database:
        order = Order(run, folder.dataset, find_afterwards("coco", {}), Where())
        assert export_to_folder(database, order, tmp_path / "package").told["not_held"] == {"images that failed": 1}
    assert run.plan.settings.source.uri == f"{photos.as_uri()}/", "what packages write before a key"


@pytest.mark.parametrize(
    "left", [pytest.param([], id="empty"), pytest.param(["stray.jpg"], id="with other files in it")]
)
def test_a_folder_that_is_unmounted_midway_is_none_of_bad_or_removed_images(few_images, photos, left, monkeypatch):
    monkeypatch.setattr(image_folder, "PAUSES_S", (0.01,))
    folder = over(few_images, photos)
    plan = folder.plan()
    photos.rename(photos.with_name("elsewhere"))
    photos.mkdir()
    for name in left:
        put(photos, name, b"x")
    ended = run_worker_here(folder.stores, plan, 0)
    assert ended.returncode == WorkerExit.INFRASTRUCTURE
    assert "12 images of shard 0 have no row" in ended.stdout
    assert "mount" in ended.stdout
    for name in left:
        (photos / name).unlink()
    with pytest.raises(EmptyBucketError, match="nothing lies there - is the disk or share mounted"):
        folder.plan()
    photos.rmdir()
    photos.with_name("elsewhere").rename(photos)
    folder.infer(plan)
    assert folder.summarize(plan).balance.fates["processed"] == 12


@pytest.mark.parametrize(
    "answered", [pytest.param(True, id="with an answer"), pytest.param(False, id="before the first")]
)
def test_images_of_a_disk_that_is_away_are_not_taken_for_removed(few_images, photos, answered, monkeypatch):
    folder = over(few_images, photos)
    with monkeypatch.context() as mounted:
        ismount = os.path.ismount
        mounted.setattr(os.path, "ismount", lambda path: path == str(photos) or ismount(path))
        assert folder.stores.source.ground == (str(photos),)
        folder.infer(plan := folder.plan())
        assert plan.to_json()["job"]["ground"] == (str(photos),), "what its workers look for"
        if answered:
            folder.summarize(plan)
    photos.rename(photos.with_name("elsewhere"))
    put(photos, "20260602-080000-IPC608.jpg", b"what somebody copied to the mount point")
    for _ in range(2):  # the listing of a plan that was refused proves nothing
        with pytest.raises(
            ConfigError,
            match=rf"12 of 12 known images are not in folder .*, and nothing is mounted at {photos} any more; ",
        ):
            folder.plan()
    assert folder.plan(accept_gone=True).listed == 1


def test_times_that_the_workers_mount_tells_otherwise_never_make_an_answer_without_images(few_images, photos):
    folder, files = over(few_images, photos), sorted(photos.rglob("*.jpg"))
    for path in files:
        os.utime(path, ns=(0, OLD_S * 10**9 + 1_234_567_890))
    plan = folder.plan()
    for path in files:
        os.utime(path, ns=(0, OLD_S * 10**9))
    ended = run_worker_here(folder.stores, plan, 0)
    assert ended.returncode == WorkerExit.CONFIG
    assert "a mount keeps times in steps of 2 s - reach the share by one protocol" in ended.stdout
    for path in files:
        os.utime(path, (0, OLD_S + 3600))  # a disk with local time
    folder.infer(plan)
    done = folder.summarize(plan)
    assert (done.balance.complete, done.balance.fates["changed"]) == (True, 12)
    assert done.not_current_because.startswith("12 of 12 listed images changed before they were read, more than the 0 ")
    assert read_current(folder.stores.results, folder.stores.layout) is None


HIDDEN = r"known images are not listed, and .* may not be read by this process .*; not"


@contextmanager
def closed(monkeypatch, place):
    """A folder that may not be looked into, by whomever tests run."""
    with monkeypatch.context() as patched:
        scandir, opened = os.scandir, os.open

        def look(path):
            if str(path).rstrip("/") == str(place):
                raise PermissionError(errno.EACCES, "closed")
            return scandir(path)

        def open_below(path, *arguments, **named):
            if path == place.name:
                raise PermissionError(errno.EACCES, "closed")
            return opened(path, *arguments, **named)

        patched.setattr(os, "scandir", look)
        patched.setattr(os, "open", open_below)
        yield


def test_known_images_that_a_listing_does_not_show_are_not_lost(few_images, photos, monkeypatch):
    folder = over(few_images, photos)
    first = folder.run().summary["run"]["run_key"]
    written, removed, *_ = sorted(photos.rglob("*.jpg"))
    os.utime(written, (OLD_S, time.time() + 50))
    removed.unlink()
    done = folder.run()
    assert "1 known image was just being written: this run is not the answer" in said(plan := folder.plan())
    assert (plan.drift.gone, plan.drift.unsettled) == (1, 1)
    assert done.not_current_because.startswith(
        "1 image of the answer so far was just being written when the folder was"
    )
    assert read_current(folder.stores.results, folder.stores.layout)["run_key"] == first
    with closed(monkeypatch, written.parent), pytest.raises(ConfigError, match=HIDDEN):
        folder.plan()
    os.utime(written, (OLD_S, OLD_S))
    assert folder.run().not_current_because is None
    put(photos, "AXIS2/20260604-080000-AXIS2.jpg", b"new")
    with closed(monkeypatch, written.parent), pytest.raises(ConfigError, match=HIDDEN):
        folder.plan(arrived=Arrived(("AXIS2/", f"{written.parent.name}/")))
