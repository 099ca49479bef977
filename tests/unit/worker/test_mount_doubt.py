"""A mount that hangs is told from a store that is slow: real mounts by rclone, stopped and asked."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.stores.rclone_program import find_rclone
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop.ending import Limits
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.loop import ShardRun
from shoal_worker.loop.pipeline import Pipeline
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage, PartWriter, Stamp
from shoal_worker.session import open_model
from shoal_worker.sources.mount import MountSource
from shoal_worker.sources.mount_doubt import ANSWER_S, SILENT_S, MountDoubt
from waiting import wait_until
from worker.http_faults import faulty_store, late, of, passed_on
from worker.images import dark_jpeg
from worker.onnx_models import slow_on_white
from worker.processes import md5

IMAGE = dark_jpeg()
SILENT, ANSWER, STALL = 0.6, 1.5, 60.0


class Doubt(MountDoubt):
    """Judges when those have answered who will, however long a busy machine takes for it.

    Args:
        answers: Whether they have, of what came of a question.
    """

    def __init__(self, *args, answers=lambda _: True, **timing):
        super().__init__(*args, **timing)
        self._answer_when, self.judged = answers, threading.Event()

    def _ask(self):
        wait_until(lambda: self._mount.asked, what="an image be asked for")
        super()._ask()

    def _judge(self, silent_s):
        wait_until(lambda: self._answer_when(self._answers), what=lambda: f"the answers, there are {self._answers}")
        said = super()._judge(silent_s)
        self.judged.set()
        return said


def store_gave(told):
    return told.store_gave_in_s is not None


def mount_answers_and_store_gave(told):
    return told.mount_answers and store_gave(told)


def both_gave(told):
    return told.mount_gives and store_gave(told)


def test_a_mount_that_serves_nothing_is_given_up_within_two_minutes():
    doubt = MountDoubt(MountSource("/"), lambda: None)
    assert SILENT_S + ANSWER_S + doubt.look_s < 120


@pytest.fixture
def bucket(running_store, empty_bucket):
    """A bucket with an image in each of two folders."""
    for key in ("a/1.jpg", "b/2.jpg"):
        running_store.put(empty_bucket, key, IMAGE)
    return empty_bucket


@pytest.fixture
def store(running_store, bucket):
    return S3Store(running_store.access, bucket)


@contextmanager
def mounted(folder, bucket, access):
    """The bucket, mounted as the sidecar mounts it; yields the mount's process."""
    if os.geteuid() or not Path("/dev/fuse").exists() or shutil.which("fusermount3") is None:
        pytest.skip("mounting needs root, /dev/fuse and fusermount3")
    remote = {
        "RCLONE_CONFIG_IMAGES_TYPE": "s3", "RCLONE_CONFIG_IMAGES_PROVIDER": "Rclone", "RCLONE_CONFIG_IMAGES_ENDPOINT": access.endpoint_url,
        "RCLONE_CONFIG_IMAGES_ACCESS_KEY_ID": access.access_key, "RCLONE_CONFIG_IMAGES_SECRET_ACCESS_KEY": access.secret_key,
    }  # fmt: skip
    options = [
        "--read-only",
        "--vfs-cache-mode",
        "off",
        "--dir-cache-time",
        "9999h",
        "--attr-timeout",
        "1h",
        "--buffer-size",
        "0",
        "--timeout",
        "60s",
    ]
    words = [find_rclone(), "mount", f"images:{bucket}", str(folder), "--config", "/dev/null", *options]
    process = subprocess.Popen(words, env={**os.environ, **remote})
    try:
        wait_until(lambda: os.path.ismount(folder))
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        subprocess.run(["fusermount3", "-uz", str(folder)], check=False)


def doubted(mount, open_store, **answers):
    return Doubt(mount, open_store, silent_s=SILENT, answer_s=ANSWER, **answers)


def examine(mount, doubt, results, keys, stall_s=STALL):
    """Examine images of a mount in this process; returns how it ended, and after how many seconds."""
    detector = Detector(open_model(slow_on_white()), Inference(imgsz=(640, 640), rect=True))
    stamp = Stamp("1", "20260101T000000Z-testtest", "attempt1")
    examiner = Examiner(mount, detector, 10**8, stamp, scan_limit=500)
    intake = Intake([ListedImage(key, md5(IMAGE), len(IMAGE)) for key in keys], 600)
    parts = PartWriter(results, lambda sequence: f"parts/{sequence}.parquet")
    limits = Limits(budget_s=60, part_interval_s=60, tolerated_failed_share=0.5, stall_s=stall_s)
    began = time.monotonic()
    shard = ShardRun(Pipeline(intake, examiner), intake, parts, Tally(0, len(keys)), limits, doubt=doubt)
    ending = shard.run(StopRequest(), lambda _: None)
    return ending, time.monotonic() - began


def test_a_mount_whose_process_hangs_is_given_up_while_the_store_answers(tmp_path, bucket, store, running_store):
    with mounted(tmp_path, bucket, running_store.access) as process:
        mount = MountSource(tmp_path)
        mount.read("a/1.jpg", md5(IMAGE), len(IMAGE))
        process.send_signal(signal.SIGSTOP)
        ending, seconds = examine(mount, doubted(mount, lambda: store, answers=store_gave), store, ["b/2.jpg"])
    assert ending.exit is WorkerExit.INFRASTRUCTURE
    said = rf"Mount {tmp_path} hangs: nothing was fetched for \d+ s and it does not answer; the store itself gave an image in \d"
    assert re.match(said, ending.reason), ending.reason
    assert ending.reason.endswith(" - look at the bucket sidecar's log and its memory, the next attempt mounts anew")
    assert seconds < STALL


def test_a_mount_that_hangs_before_its_first_image_is_given_up_too(tmp_path, bucket, store, running_store):
    with mounted(tmp_path, bucket, running_store.access) as process:
        process.send_signal(signal.SIGSTOP)
        mount = MountSource(tmp_path)
        ending, _ = examine(mount, doubted(mount, lambda: store, answers=store_gave), store, ["b/2.jpg"])
    assert "hangs: nothing was fetched" in ending.reason
    assert "does not answer; the store itself gave an image" in ending.reason


def test_a_mount_and_a_store_that_hang_both_are_told_both(tmp_path, bucket, store, running_store):
    with mounted(tmp_path, bucket, running_store.access) as process, socket.create_server(("127.0.0.1", 0)) as silent:
        process.send_signal(signal.SIGSTOP)
        there = S3Store(
            StoreAccess(f"http://127.0.0.1:{silent.getsockname()[1]}", "accesskey123", "secret123456"), bucket
        )
        mount = MountSource(tmp_path)
        ending, _ = examine(mount, doubted(mount, lambda: there), store, ["b/2.jpg"])
    assert "does not answer; the store itself does not (nothing in 2 s) - look" in ending.reason


def test_a_store_that_is_slow_is_waited_for_and_named(tmp_path, bucket, store, running_store):
    slow = of(
        "2.jpg", late(60, passed_on(running_store.access.endpoint_url)), passed_on(running_store.access.endpoint_url)
    )
    with faulty_store(slow) as (url, _):
        there = StoreAccess(url, running_store.access.access_key, running_store.access.secret_key)
        with mounted(tmp_path, bucket, there):
            mount = MountSource(tmp_path)
            doubt = doubted(mount, lambda: S3Store(there, bucket), answers=lambda told: told.mount_answers)
            ending, seconds = examine(mount, doubt, store, ["b/2.jpg"], stall_s=10)
    assert seconds >= 10
    said = (
        r"Nothing was fetched for 10 s: the mount answers, the store itself does not \(nothing in 2 s\), so the store is slow - "
        "check the store, or the bucket sidecar's log"
    )
    assert re.fullmatch(said, ending.reason), ending.reason


def test_a_read_that_waits_for_a_directory_is_waited_for(tmp_path, store, bucket):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    (tmp_path / "a/1.jpg").write_bytes(IMAGE)
    os.mkfifo(tmp_path / "b/2.jpg")  # opening it waits for a writer, as a lookup does for a listing
    mount = MountSource(tmp_path)
    mount.read("a/1.jpg", md5(IMAGE), len(IMAGE))
    doubt = doubted(mount, lambda: store, answers=both_gave)
    threading.Thread(target=lambda: doubt.judged.wait(60) and (tmp_path / "b/2.jpg").write_bytes(b"")).start()
    ending, seconds = examine(mount, doubt, store, ["b/2.jpg"])
    assert ending.exit is WorkerExit.DONE, ending.reason
    assert seconds > SILENT + ANSWER


def test_a_mount_that_gives_nothing_more_of_what_it_gave_hangs(tmp_path, store, bucket):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    (tmp_path / "a/1.jpg").write_bytes(IMAGE)
    os.mkfifo(tmp_path / "b/2.jpg")
    mount = MountSource(tmp_path)
    mount.read("a/1.jpg", md5(IMAGE), len(IMAGE))
    (tmp_path / "a/1.jpg").unlink()
    os.mkfifo(tmp_path / "a/1.jpg")
    doubt = doubted(mount, lambda: store, answers=mount_answers_and_store_gave)
    ending, seconds = examine(mount, doubt, store, ["b/2.jpg"])
    assert "it does not give an image that it gave before; the store itself gave an image in" in ending.reason
    assert seconds < STALL


def test_a_large_image_that_comes_slowly_is_no_silence(tmp_path):
    (tmp_path / "large.jpg").write_bytes(bytes(3 << 20))
    mount = MountSource(tmp_path)
    mount.last_byte_s, began = 0.0, time.monotonic()
    assert len(mount.read("large.jpg", "time:1", 3 << 20).data) == 3 << 20
    assert mount.last_byte_s >= began
