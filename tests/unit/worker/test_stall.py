import os
import threading
import time
from dataclasses import replace

import pytest

from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.stores.s3 import S3Store
from shoal_worker import underway
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop.ending import Limits
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.loop import ShardRun
from shoal_worker.loop.pipeline import Pipeline
from shoal_worker.loop.progress import Progress
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage, PartWriter, Stamp
from shoal_worker.session import open_model
from shoal_worker.sources.mount import MountSource
from waiting import wait_until
from worker.hostile_pictures import empty_scans
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import constant_model, slow_on_white

LIMITS = Limits(budget_s=600, part_interval_s=60, tolerated_failed_share=0.5, progress_interval_s=0.1, stall_s=60)
"""It is looked every 0.1 s."""


@pytest.fixture
def run_mounted(tmp_path, running_store, empty_bucket):
    """Examine the files of a folder in this process; what hangs in native code is over before the next test begins."""
    left = []

    def run(names, model, limits=LIMITS):
        detector = Detector(open_model(model), Inference(imgsz=(640, 640), rect=True))
        source = MountSource(tmp_path)
        examiner = Examiner(
            source, detector, 10**8, Stamp("1", "20260101T000000Z-testtest", "attempt1"), scan_limit=500
        )
        left.append((detector, examiner))
        intake = Intake([ListedImage(name, "", (tmp_path / name).stat().st_size) for name in names], limits.budget_s)
        results = S3Store(running_store.access, empty_bucket)
        parts = PartWriter(results, lambda sequence: f"parts/{sequence}.parquet")
        progress = Progress(results, "progress.json", {})
        shard = ShardRun(Pipeline(intake, examiner), intake, parts, Tally(0, len(names)), limits, progress=progress)
        said = []
        return shard.run(StopRequest(), said.append), said

    yield run
    for detector, examiner in left:
        detector.cancel()
        wait_until(lambda steps=examiner.underway: steps.is_idle, 60, "native code come back")


def test_a_read_that_hangs_forever_ends_the_worker(tmp_path, run_mounted):
    (tmp_path / "a.jpg").write_bytes(dark_jpeg())
    os.mkfifo(tmp_path / "hangs.jpg")  # opening it waits for a writer that never comes, like a dead mount
    ending, said = run_mounted(["a.jpg", "hangs.jpg"], slow_on_white(), replace(LIMITS, stall_s=3))
    assert ending.exit is WorkerExit.INFRASTRUCTURE
    assert ending.reason.startswith("Nothing was fetched for 3 s - check the store")
    assert said[-1].endswith("1 processed, 0 failed, 0 changed, 0 gone, 0 denied, 1 open")


def test_a_mistake_of_our_own_ends_the_shard_and_those_who_watch_are_told(
    tmp_path, run_mounted, running_store, empty_bucket, monkeypatch
):
    def fail(_examiner, _ready):
        raise AssertionError("a mistake")

    monkeypatch.setattr(Examiner, "finish", fail)
    (tmp_path / "a.jpg").write_bytes(dark_jpeg())
    with pytest.raises(AssertionError, match="a mistake"):
        run_mounted(["a.jpg"], constant_model())
    told = S3Store(running_store.access, empty_bucket).read_json("progress.json")
    assert (told["done"], told["ended"]) == (0, "infrastructure")


def test_a_long_inference_is_no_stall(tmp_path, run_mounted):
    (tmp_path / "white.jpg").write_bytes(white_jpeg())
    limits, started = replace(LIMITS, stall_s=0.5), time.monotonic()
    ending, _ = run_mounted(["white.jpg"], slow_on_white(iterations=4_000_000), limits)
    assert time.monotonic() - started > limits.stall_s
    assert ending.exit is WorkerExit.DONE


@pytest.fixture
def impatient(monkeypatch):
    """Limits of tests: those of a worker are minutes."""
    monkeypatch.setattr(underway, "SECONDS_PER_MEGAPIXEL", 0.0)
    monkeypatch.setattr(underway, "HEADER_S", 0.2)
    monkeypatch.setattr(underway, "INFERENCE_S", 0.5)
    monkeypatch.setattr(underway, "CLOCK_SHARE", 1000.0)


@pytest.fixture
def a_first(monkeypatch):
    """Whatever the threads would do: no other image is read before `a.jpg` has its row."""
    has_row, finish, read = threading.Event(), Examiner.finish, MountSource.read

    def finish_and_tell(examiner, ready):
        row = finish(examiner, ready)
        has_row.set()
        return row

    def wait_and_read(source, key, *listed):
        assert key == "a.jpg" or has_row.wait(60)
        return read(source, key, *listed)

    monkeypatch.setattr(Examiner, "finish", finish_and_tell)
    monkeypatch.setattr(MountSource, "read", wait_and_read)


@pytest.mark.usefixtures("a_first")
def test_a_decode_without_end_is_named_and_the_store_is_not_blamed(tmp_path, run_mounted, impatient):
    (tmp_path / "a.jpg").write_bytes(dark_jpeg())
    (tmp_path / "slow.jpg").write_bytes(empty_scans(3000, 450))
    ending, said = run_mounted(["a.jpg", "slow.jpg"], constant_model())
    assert ending.exit is WorkerExit.HELD
    size = (tmp_path / "slow.jpg").stat().st_size
    assert ending.reason == (
        f"Decoding took more than 0.2 s of CPU: 'slow.jpg' ({size:,} bytes) - the next attempt tries it alone; if the "
        "same happens again, it is failed"
    )
    assert said[-1].endswith("1 processed, 0 failed, 0 changed, 0 gone, 0 denied, 1 open")


def test_an_inference_without_end_is_named(tmp_path, run_mounted, impatient):
    (tmp_path / "white.jpg").write_bytes(white_jpeg())
    ending, _ = run_mounted(["white.jpg"], slow_on_white())
    assert ending.exit is WorkerExit.HELD
    assert ending.reason.startswith("Inference took more than 0.5 s: 'white.jpg' (")


def test_only_the_cpu_that_its_own_thread_used_makes_a_decode_late(impatient):
    steps = underway.Underway()
    with steps.decoding(ListedImage("a.jpg", "e", 7)):
        time.sleep(0.4)  # a machine that is busy or paused says nothing of an image
        assert steps.overdue() is None
        began = time.thread_time()
        while time.thread_time() - began < 0.3:
            pass
        work, limit = steps.overdue()
    assert (work.image.key, limit) == ("a.jpg", "0.2 s of CPU")
    assert steps.is_idle


def test_a_decode_that_uses_no_cpu_ends_by_the_clock(impatient, monkeypatch):
    monkeypatch.setattr(underway, "CLOCK_SHARE", 1.0)
    steps = underway.Underway()
    with steps.decoding(ListedImage("a.jpg", "e", 7)):
        time.sleep(0.3)
        _, limit = steps.overdue()
    assert limit == "0.2 s"
