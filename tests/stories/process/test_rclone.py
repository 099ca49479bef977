"""Photos behind WebDAV in place of a bucket, from the server to the answer: the same numbers, and what only rclone can go through."""

import os
import threading

import pytest

from pipeline import Pipeline, numbers, run_worker_here
from shoal.contract.exit_codes import WorkerExit
from shoal.preflight.steps import check_images
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.stores import rclone_reading
from shoal.stores.rclone import RcloneStore
from webdav import PASSWORD, serving

OLD_S = 1_790_000_000
ODD = ("IPC608/20260602-1#?%41+ é .jpg", "e\u0301 'x'.jpg")


def put(folder, key, data):
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD_S, OLD_S))


def over(pipeline, server, **settings):
    """The dataset with the server as its source, under a name of its own."""
    before = pipeline.dataset.model_dump(mode="json")
    source = {"kind": "rclone", "conn_id": "dav", "remote_path": "my photos"}
    dataset = Dataset.model_validate({**before, "name": f"{pipeline.dataset.name}-d", "source": source, **settings})
    accesses = {"dav": server.access()}
    return Pipeline(
        dataset, open_stores(dataset, lambda conn_id: accesses.get(conn_id, pipeline.stores.results.access))
    )


@pytest.fixture
def server(few_images, tmp_path):
    """A server with the twelve scenes of `few_images`."""
    source = few_images.stores.source
    for key in source.list_keys(""):
        put(tmp_path / "my photos", key, source.read_bytes(key))
    for key in ODD:
        put(tmp_path / "my photos", key, b"no photo")
        few_images.put(key, b"no photo")
    with serving(tmp_path) as running:
        yield running


def test_photos_by_webdav_give_the_answer_that_a_bucket_of_them_gives(few_images, server):
    bucket, dav = few_images, over(few_images, server)
    assert dav.stores.source.list_keys("") == bucket.stores.source.list_keys("")
    assert "can be read" in check_images(dav.dataset, dav.stores)
    first = dav.run(in_process=False)
    assert numbers(first.summary) == numbers(bucket.run().summary)
    plan = dav.plan()
    assert (plan.reused, plan.work.shards) == (14, ())
    assert dav.summarize(plan).summary["result_sha256"] == first.summary["result_sha256"]
    assert dav.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert "images are read by rclone from dav:my photos: the version of one is its hash where" in "\n".join(
        plan.describe()
    )
    assert (first.balance.fates["processed"], first.balance.fates["failed"]) == (12, 2)


@pytest.mark.parametrize(
    "back_with", [pytest.param(PASSWORD, id="goes away"), pytest.param("another", id="takes the login no more")]
)
def test_a_server_that_goes_midway_makes_no_bad_image_and_the_next_attempt_ends(
    few_images, server, back_with, monkeypatch
):
    monkeypatch.setattr(rclone_reading, "PAUSES_S", (0.01,))
    dav = over(few_images, server)
    plan = dav.plan()
    with monkeypatch.context() as midway:
        read, done, one_by_one = RcloneStore.read, [], threading.Lock()

        def read_some(store, *image):
            with one_by_one:
                if len(done) == 3:
                    server.stop()
                    if back_with != PASSWORD:
                        server.start(back_with)
                done.append(image)
                if len(done) <= 3:
                    return read(store, *image)
            return read(store, *image)

        midway.setattr(RcloneStore, "read", read_some)
        ended = run_worker_here(dav.stores, plan, 0)
    assert ended.returncode == WorkerExit.INFRASTRUCTURE, ended.stdout
    reason = "the login is refused" if back_with != PASSWORD else "check that the store runs"
    assert reason in ended.stdout, ended.stdout
    assert ("it was good until now" in ended.stdout) == (back_with != PASSWORD)
    server.stop()
    server.start()
    following = dav.plan()
    assert 0 < following.reused <= 3, ended.stdout
    dav.infer(following)
    done = dav.summarize(following)
    fates = {fate: count for fate, count in done.balance.fates.items() if count}
    assert (done.balance.complete, fates.keys()) == (True, {"reused", "processed", "failed"})
    assert {key for key, row in dav.rows(done).items() if row["status"] == "failed"} <= {*ODD}
