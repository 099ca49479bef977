"""While the results store is away no more is inferred than memory has room for, and whoever waits is let go at the end."""

import time
from functools import partial
from threading import Thread

import pytest

from shoal.contract.errors import StoreError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.stores.images import Fetched
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop import intake, judge, unwritten
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
BUDGET_S, SILENT_S = 3600.0, 60.0


class Photos:
    def read(self, key, object_version, size_bytes):
        return Fetched(PHOTO, version_checked=True)


class Store:
    """A results store that may be away."""

    away = True
    parts = tried = 0

    def upload(self, path, key):
        self.tried += 1
        if self.away:
            raise StoreError("down")
        self.parts += 1

    def write_bytes(self, key, data):
        pass

    def delete(self, keys):
        pass


class Later:
    """A clock that a test puts forward."""

    ahead_s = 0.0

    def monotonic(self):
        return time.monotonic() + self.ahead_s


class Shard:
    """One run over a few images whose rows fill the memory one by one."""

    def __init__(self, clock, *, careful=False):
        self.clock = clock
        self.store, self.stop, self.tally = Store(), StopRequest(), Tally(0, IMAGES)
        limits = Limits(BUDGET_S, 0.1, tolerated_failed_share=0.5, last_write_pauses_s=(), stall_s=SILENT_S)
        detector = Detector(open_model(constant_model()), Inference(imgsz=(640, 640), rect=True))
        stamp = Stamp("1", "20260101T000000Z-testtest", "attempt1")
        examiner = Examiner(Photos(), detector, 10**8, stamp, scan_limit=500)
        self.intake = Intake([ListedImage(f"{n}.jpg", "", 9) for n in range(IMAGES)], BUDGET_S)
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
        self.clock.ahead_s = 2 * SILENT_S
        tried = self.store.tried  # it is judged before each try
        wait_until(lambda: self.store.tried > tried + 2 or self.ending, 30, "twice as long as a source may be silent")
        self.clock.ahead_s = 0.0

    def end(self):
        self.thread.join(30)
        wait_until(lambda: self.pipeline.underway.is_idle, 30, "who waits be let go")
        return self.ending


@pytest.fixture
def shard(monkeypatch):
    monkeypatch.setattr(unwritten, "MOST_UNWRITTEN_BYTES", 300)  # a row of one box holds 384
    monkeypatch.setattr(written, "HELD_BYTES", 300)
    monkeypatch.setattr(judge, "time", clock := Later())
    return partial(Shard, clock)


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


def test_a_worker_whose_time_is_over_meanwhile_ends(shard, monkeypatch):
    run = shard()
    run.begin()
    assert run.ending is None
    monkeypatch.setattr(intake, "time", clock := Later())
    clock.ahead_s = BUDGET_S
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
