"""More threads fetch while the model waits for a store, and only then, and only as long as that helps."""

import time

import pytest

from shoal.contract.job import Inference
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.fetch_ahead import FETCHERS, LOOK_S, MOST_FETCHERS, FetchAhead, Spent
from shoal_worker.loop.pipeline import Finished, Intake, Pipeline
from shoal_worker.rows.parts import ListedImage, Stamp
from shoal_worker.session import Detector, open_model
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


def test_a_store_that_gives_no_more_is_not_asked_by_more():
    """It throttles, or the way to it is full."""
    site = Site()
    asked = [site.pass_time(images, waits=0.8, reads=0.95) for images in (20, 21, 21, 40)]
    assert asked == [4, 0, 0, 0]
    assert site.ahead.most == 8


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
    """Photos that take a quarter of a second each, as many at once as somebody asks for."""

    def read(self, key, object_version, size_bytes):
        from shoal.stores.images import Fetched

        time.sleep(0.25)
        return Fetched(dark_jpeg(1), version_checked=False)


def test_a_real_worker_s_threads_read_a_far_store_faster_than_four_could():
    size = len(dark_jpeg(1))
    intake = Intake([ListedImage(f"{n}.jpg", "", size) for n in range(160)], 60.0)
    detector = Detector(open_model(constant_model()), Inference(imgsz=(64, 64), rect=True))
    pipeline = Pipeline(intake, Examiner(Far(), detector, 10**8, STAMP, scan_limit=9), Batches(1, 1))
    began = time.monotonic()
    pipeline.start()
    rows = 0
    while not isinstance(pipeline.outcomes.get(timeout=20), Finished):
        rows += 1
    assert rows == 160
    assert pipeline.ahead.fetchers > FETCHERS
    assert time.monotonic() - began < 160 * 0.25 / FETCHERS
