"""More threads fetch while the model waits for a store, and only then, and only as long as that helps."""

import threading
import time
from itertools import pairwise

import pytest

from shoal.contract.errors import StoreError
from shoal.contract.inference import Inference
from shoal.stores.kinds import KINDS, load_kind
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.fetch_ahead import AGAIN_S, FETCHERS, LOOK_S, MOST_FETCHERS, FetchAhead, Spent
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.one_by_one import OneByOne
from shoal_worker.loop.outcome import Fatal, Finished
from shoal_worker.loop.pipeline import AHEAD, Pipeline
from shoal_worker.rows.parts import ListedImage, Stamp
from shoal_worker.session import open_model
from worker.images import dark_jpeg
from worker.onnx_models import constant_model

STAMP = Stamp("0", "20260601T000000Z-abcdefgh", "abcdefgh")


class Site:
    """A model, a store and a CPU by numbers: what comes in each `LOOK_S`, and what is asked for then."""

    def __init__(self, fetchers: int = FETCHERS) -> None:
        self.now = 0.0
        self.reads = Spent(self.clock)
        self.ahead = FetchAhead(fetchers, self.reads, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def pass_time(self, images: int, *, waits: float, reads: float) -> int:
        """Let so many images come while the model waits for a share of the time, and fetchers read for one of theirs."""
        busy_s = LOOK_S * self.ahead.fetchers
        self.reads.seconds += reads * busy_s
        self.ahead.prepared.seconds += busy_s
        self.ahead.prepared.times += images
        with self.ahead.waiting():
            self.now += waits * LOOK_S
        self.now += (1 - waits) * LOOK_S
        return self.ahead.more()


def test_threads_double_while_that_brings_more_images():
    site = Site()
    asked = [site.pass_time(images, waits=0.8, reads=0.95) for images in (20, 40, 80, 160)]
    assert asked == [4, 8, 16, 0]
    assert site.ahead.fetchers == MOST_FETCHERS


def test_a_store_that_gives_no_more_is_asked_by_as_many_as_before():
    """It throttles, or the way to it is full: the first doubling is taken back, too."""
    site = Site()
    assert [site.pass_time(images, waits=0.8, reads=0.95) for images in (20, 21, 21, 21)] == [4, 0, 0, 0]
    assert site.ahead.fetchers == FETCHERS


def test_what_did_not_help_is_tried_again_a_minute_later():
    site = Site()
    asked = [site.pass_time(20, waits=0.8, reads=0.95) for _ in range(40)]
    tried = [number for number, more in enumerate(asked) if more]
    assert set(asked) == {0, 4}
    assert [later - earlier for earlier, later in pairwise(tried)] == [1 + AGAIN_S / LOOK_S]


def test_a_store_that_becomes_slow_later_is_asked_by_more():
    """What it gave before, when it was near, is nothing to compare with."""
    site = Site()
    assert site.pass_time(100, waits=0.2, reads=0.95) == 4
    assert [site.pass_time(200, waits=0.02, reads=0.8) for _ in range(3)] == [0] * 3
    assert [site.pass_time(images, waits=0.9, reads=0.98) for images in (20, 40, 60)] == [8, 16, 0]


def test_images_that_no_store_gives_are_no_help():
    site = Site()

    def refuse(images):
        for _ in range(images):
            site.ahead.out_of_reach()
        return site.pass_time(images, waits=0.9, reads=0.99)

    assert [refuse(images) for images in (20, 40, 80)] == [0, 0, 0]


def test_threads_that_are_too_many_end_after_their_image():
    site = Site()
    for _ in range(FETCHERS + site.pass_time(20, waits=0.8, reads=0.95)):
        site.ahead.begun()
    assert not site.ahead.ends()
    site.pass_time(20, waits=0.8, reads=0.95)
    assert [site.ahead.ends() for _ in range(8)] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("waits", "reads"),
    [
        pytest.param(0.05, 0.9, id="a model that never waits"),
        pytest.param(0.6, 0.3, id="a model that waits for photos to be decoded"),
    ],
)
def test_nobody_else_fetches_where_the_store_is_not_why(waits, reads):
    site = Site()
    assert [site.pass_time(30, waits=waits, reads=reads) for _ in range(5)] == [0] * 5
    assert site.ahead.tell() == ""


def test_a_store_that_is_waited_for_is_named_whether_anything_comes_or_not():
    site = Site()
    site.pass_time(20, waits=0.8, reads=0.95)
    assert site.ahead.tell() == "waits for the store 80% of the time, with 8 reads at once"
    with site.ahead.waiting():
        site.now += 60
        assert site.ahead.tell() == "waits for the store 100% of the time, with 8 reads at once"


class Far:
    """Photos that take a quarter of a second each, as many at once as somebody asks for; knows how many that were."""

    def __init__(self):
        self.lock, self.at_once, self.since = threading.Lock(), 0, 0.0
        self.asked_s = self.reads_s = 0.0
        """Seconds in which somebody read, and those of all reads together."""

    def _change(self, more):
        with self.lock:
            now = time.monotonic()
            self.asked_s += (now - self.since) * (self.at_once > 0)
            self.reads_s += (now - self.since) * self.at_once
            self.at_once, self.since = self.at_once + more, now

    def read(self, key, object_version, size_bytes):
        from shoal.stores.images import Fetched

        self._change(1)
        time.sleep(0.25)
        self._change(-1)
        return Fetched(dark_jpeg(1), version_checked=False)


def test_a_real_worker_s_threads_read_a_far_store_faster_than_four_could():
    size = len(dark_jpeg(1))
    intake = Intake([ListedImage(f"{n}.jpg", "", size) for n in range(160)], 60.0)
    detector = Detector(open_model(constant_model()), Inference(imgsz=(64, 64), rect=True))
    pipeline = Pipeline(intake, Examiner(store := Far(), detector, 10**8, STAMP, scan_limit=9), Batches(1, 1))
    pipeline.start()
    rows = 0
    while not isinstance(pipeline.outcomes.get(timeout=60), Finished):
        rows += 1
    assert rows == 160
    assert store.reads_s > FETCHERS * store.asked_s, "four at once never do more, on whatever machine"


class Counting:
    """A model that counts what is decoded for it, and looks at nothing until it may."""

    keeps_image = keeps_bytes = False
    limit_s = start_limit_s = None

    def __init__(self):
        self.frames, self.may_look, self.threads = 0, threading.Event(), set()

    def frame(self, image, original):
        self.frames += 1
        self.threads.add(threading.get_ident())
        return image

    def await_ready(self):
        self.may_look.wait(60)

    def detect_frame(self, frame, image_hw, noting):
        raise ValueError("sees nothing")


class Near:
    """Photos that come at once; counts them."""

    def __init__(self):
        self.reads = 0

    def read(self, key, object_version, size_bytes):
        from shoal.stores.images import Fetched

        self.reads += 1
        return Fetched(dark_jpeg(1), version_checked=False)


def pipeline_of(source, model, count=100, most_reads=MOST_FETCHERS):
    intake = Intake([ListedImage(f"{n}.jpg", "", len(dark_jpeg(1))) for n in range(count)], 60.0)
    examiner = Examiner(source, model, 10**8, STAMP, scan_limit=9)
    return Pipeline(intake, examiner, Batches(1, 1), most_reads=most_reads)


def test_however_many_read_no_more_images_are_decoded_than_before():
    source, model = Near(), Counting()
    pipeline = pipeline_of(source, model)
    pipeline.ahead.fetchers = MOST_FETCHERS
    pipeline.start()
    try:
        decoded, all_read = FETCHERS + AHEAD + 1, MOST_FETCHERS + AHEAD + 1
        until = time.monotonic() + 30
        while (source.reads, model.frames) < (all_read, decoded) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        assert (source.reads, model.frames) == (all_read, decoded)
        assert len(model.threads) <= FETCHERS, "each would keep the memory of an image"
    finally:
        pipeline._intake.close()
        model.may_look.set()


def test_a_source_says_how_many_reads_it_takes_and_a_careful_attempt_takes_no_more():
    """A server of SFTP or FTP refuses connections where many workers open many."""
    most = {kind: load_kind(kind).most_reads for kind in KINDS}
    assert most == {"s3": MOST_FETCHERS, "folder": 8, "rclone": 8}
    assert pipeline_of(Near(), Counting(), most_reads=8).ahead.most == 8
    examiner = Examiner(Near(), Counting(), 10**8, STAMP, scan_limit=9)
    assert OneByOne(Intake([], 1), examiner, None, (64, 64), 1.0).ahead.most == FETCHERS


def refuse_after(monkeypatch, count, name):
    """Let the process have so many threads of a name and no more."""
    start, begun = threading.Thread.start, []

    def limited(thread):
        if thread.name == name:
            begun.append(thread)
            if len(begun) > count:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.mark.parametrize("name", ["fetch", "decode"])
def test_a_pod_s_limit_of_threads_makes_a_worker_slower_and_ends_nothing(monkeypatch, name):
    model = Counting()
    model.may_look.set()
    pipeline = pipeline_of(Near(), model, count=20)
    refuse_after(monkeypatch, 2, name)
    pipeline.start()
    outcomes = []
    while not isinstance(outcome := pipeline.outcomes.get(timeout=20), Finished):
        outcomes.append(outcome)
    assert len(outcomes) == 20
    assert all(isinstance(outcome, Fatal) and "sees nothing" in str(outcome.error) for outcome in outcomes)
    assert name == "decode" or (pipeline.ahead.fetchers, pipeline.ahead.most) == (2, 2)


def test_a_worker_that_may_have_no_thread_says_what_it_lacks(monkeypatch):
    refuse_after(monkeypatch, 0, "fetch")
    with pytest.raises(
        StoreError, match=r"No thread can be started to read images - give .* a higher limit of processes"
    ):
        pipeline_of(Near(), Counting()).start()
