"""While the results store is away no more is inferred than memory has room for, and whoever waits is let go at the end."""

import time
from threading import Thread

import pytest

from shoal.contract.errors import StoreError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.stores.images import Fetched
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop import unwritten
from shoal_worker.loop.ending import Limits
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.loop import ShardRun
from shoal_worker.loop.one_by_one import Naming, OneByOne
from shoal_worker.loop.outcome import Wake
from shoal_worker.loop.pipeline import Pipeline
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.loop.unwritten import Unwritten
from shoal_worker.rows import parts as written
from shoal_worker.rows.parts import ListedImage, PartWriter, Stamp
from shoal_worker.session import open_model
from waiting import wait_until
from worker.images import dark_jpeg
from worker.onnx_models import constant_model

IMAGES = 12
PHOTO = dark_jpeg()


class Photos:
    def read(self, key, object_version, size_bytes):
        return Fetched(PHOTO, version_checked=True)


class Store:
    """A results store that may be away."""

    away = True
    parts = 0

    def upload(self, path, key):
        if self.away:
            raise StoreError("down")
        self.parts += 1

    def write_bytes(self, key, data):
        pass

    def delete(self, keys):
        pass


class Shard:
    """One run over a few images whose rows fill the memory one by one."""

    def __init__(self, budget_s=60.0, *, careful=False):
        self.store, self.stop, self.tally = Store(), StopRequest(), Tally(0, IMAGES)
        limits = Limits(budget_s, 0.1, tolerated_failed_share=0.5, last_write_pauses_s=(), stall_s=0.4)
        detector = Detector(open_model(constant_model()), Inference(imgsz=(640, 640), rect=True))
        stamp = Stamp("1", "20260101T000000Z-testtest", "attempt1")
        examiner = Examiner(Photos(), detector, 10**8, stamp, scan_limit=500)
        self.intake = Intake([ListedImage(f"{n}.jpg", "", 9) for n in range(IMAGES)], budget_s)
        self.pipeline = Pipeline(self.intake, examiner)
        if careful:
            self.pipeline = OneByOne(self.intake, examiner, Naming(self.store, "trying", "1"), (640, 640), 1e-9)
        self.parts = PartWriter(self.store, "{}.parquet".format)
        self.run = ShardRun(self.pipeline, self.intake, self.parts, self.tally, limits)
        self.ending = None
        self.thread = Thread(target=self._run, daemon=True)

    def _run(self):
        self.ending = self.run.run(self.stop, str)

    def begin(self):
        self.thread.start()
        wait_until(lambda: self.pipeline.unwritten.is_much, 30, "the memory fill")
        time.sleep(0.8)  # twice as long as a source may be silent

    def end(self):
        self.thread.join(30)
        wait_until(lambda: self.pipeline.underway.is_idle, 30, "who waits be let go")
        return self.ending


@pytest.fixture
def shard(monkeypatch):
    monkeypatch.setattr(unwritten, "MOST_UNWRITTEN_BYTES", 300)  # a row of one box holds 384
    monkeypatch.setattr(written, "HELD_BYTES", 300)
    return Shard


@pytest.mark.parametrize("careful", [False, True], ids=["as ever", "one by one"])
def test_the_model_waits_for_a_store_that_is_away_and_goes_on_when_it_is_back(shard, careful):
    run = shard(careful=careful)
    run.begin()
    assert run.parts.unwritten == 1
    assert run.ending is None  # the images' store is not blamed
    run.store.away = False
    assert run.end().exit is WorkerExit.DONE, run.ending.reason
    assert (run.tally.tried, run.parts.unwritten, run.store.parts) == (IMAGES, 0, IMAGES)
    assert not run.pipeline.unwritten.is_much


def test_a_worker_that_is_told_to_stop_meanwhile_ends(shard):
    run = shard()
    run.begin()
    run.stop.request("SIGTERM")
    run.intake.close()
    run.pipeline.outcomes.put(Wake())
    assert run.end().reason == "1 row is lost: down"


def test_a_worker_whose_time_is_over_meanwhile_ends(shard):
    run = shard(budget_s=1.5)
    run.begin()
    ending = run.end()
    assert (ending.exit, ending.reason) == (WorkerExit.INFRASTRUCTURE, "1 row is lost: down")


def test_what_was_written_makes_room():
    rows = Unwritten()
    rows.add(written.MOST_UNWRITTEN_BYTES + 1)
    assert rows.is_much
    rows.wait(0.01)
    assert rows.is_much
    rows.add(-2)
    assert not rows.is_much
