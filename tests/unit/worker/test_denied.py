"""An image is denied only where the same login still reads another one: else one wrong key would deny a million."""

from collections import Counter
from threading import Event

import pytest

from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.stores.images import Fetched, ImageArchived, ImageDenied, ImageMissing, ImageUnnamable
from shoal.stores.s3 import S3Store
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop.ending import Limits
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.loop import ShardRun
from shoal_worker.loop.pipeline import Pipeline
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.ready import Ready
from shoal_worker.rows.parts import ListedImage, PartWriter, Stamp
from shoal_worker.session import open_model
from worker.images import dark_jpeg
from worker.onnx_models import constant_model

BEFORE = ListedImage("a year ago", "", 9)
LIMITS = Limits(budget_s=60, part_interval_s=60, tolerated_failed_share=0.5)


class Login:
    """A source that refuses keys with a word in them, and everything once a number of reads is used up."""

    def __init__(self, reads, *, reads_any):
        self.left = reads
        self.has_read, self.away = Event(), True
        if not reads_any:
            self.has_read.set()

    def read(self, key, object_version, size_bytes):
        if ".." in key:
            raise ImageUnnamable(f"Key {key!r} cannot be read")
        if "secret" in key:
            self.has_read.wait(10)  # refusals are quick: threads would have seen all of them before the first image
        if "secret" in key or self.left <= 0:
            raise ImageDenied(f"Access to {key!r} denied")
        if "missing" in key or ("back" in key and self.away):
            self.away &= "back" not in key
            raise ImageMissing(f"{key!r} is not there")
        if "cold" in key:
            raise ImageArchived(key)
        self.left -= 1
        self.has_read.set()
        return Fetched(dark_jpeg(), version_checked=True)


class Waits:
    """A source that has read one image, is told to stop, and would not answer again."""

    def __init__(self, stop):
        self.stop = stop
        self.reads = 0

    def read(self, key, object_version, size_bytes):
        self.reads += 1
        if self.reads == 1:
            return Fetched(dark_jpeg(), version_checked=True)
        assert not self.stop.requested, "a worker that was told to stop asked the store again"
        self.stop.request("SIGTERM")
        raise ImageDenied(f"Access to {key!r} denied")


def test_a_worker_that_is_told_to_stop_asks_no_more_and_writes_what_it_has(running_store, empty_bucket):
    stop, detector = StopRequest(), Detector(open_model(constant_model()), Inference(imgsz=(640, 640), rect=True))
    stamp = Stamp("1", "20260101T000000Z-testtest", "attempt1")
    source = Waits(stop)
    pipeline = Pipeline(intake := Intake([], 60), Examiner(source, detector, 10**8, stamp, scan_limit=500))
    images = [ListedImage(key, "", 9) for key in ("a", "secret")]
    for image in images:  # in this order, whatever the threads would do
        prepared = pipeline._each.prepare(image)
        pipeline.outcomes.put(pipeline._each.finish(prepared) if isinstance(prepared, Ready) else prepared)
    parts, tally = (
        PartWriter(S3Store(running_store.access, empty_bucket), "parts/{}.parquet".format),
        Tally(0, len(images)),
    )
    ending = ShardRun(pipeline, intake, parts, tally, LIMITS).run(stop, print)
    assert (ending.exit, source.reads) == (WorkerExit.STOPPED, 2), ending.reason
    assert ({str(status): count for status, count in tally.statuses.items()}, parts.unwritten) == ({"processed": 1}, 0)


@pytest.mark.parametrize(
    ("keys", "reads", "witnesses", "exit_code", "rows"),
    [
        pytest.param(["a", "secret", "b"], 99, (), WorkerExit.DONE, {"processed": 2, "denied": 1}, id="one of three"),
        pytest.param(["a", "secret"], 99, (), WorkerExit.DONE, {"processed": 1, "denied": 1}, id="the last one"),
        pytest.param(["secret"], 99, (), WorkerExit.INFRASTRUCTURE, {}, id="alone: the login may be wrong"),
        pytest.param(["a", "b", "c"], 0, (), WorkerExit.INFRASTRUCTURE, {}, id="a login that was never good"),
        pytest.param(["a", "b", "c", "d"], 2, (), WorkerExit.INFRASTRUCTURE, {"processed": 2}, id="a login that ended"),
        pytest.param(
            ["a", *(f"secret/{n}" for n in range(70)), "z"], 99, (), WorkerExit.DONE, {"processed": 2, "denied": 70},
            id="a folder of them blocks nothing behind it",
        ),
        pytest.param(
            [*(f"secret/{n}" for n in range(300)), "z"], 99, (), WorkerExit.DONE, {"processed": 1, "denied": 300},
            id="a large folder of them does not hide the one image behind it",
        ),
        pytest.param(["secret"], 99, (BEFORE,), WorkerExit.DONE, {"denied": 1}, id="alone, another one was read before"),
        pytest.param(["secret"], 0, (BEFORE,), WorkerExit.INFRASTRUCTURE, {}, id="alone, by a login that has ended since"),
        pytest.param(
            ["secret"], 99, (ListedImage("secret/2", "", 9), BEFORE), WorkerExit.DONE, {"denied": 1},
            id="alone, a witness is refused too and the next one is not",
        ),
        pytest.param(
            ["secret"], 99, (ListedImage("secret/2", "", 9),) * 2, WorkerExit.INFRASTRUCTURE, {}, id="alone, as every witness"
        ),
        pytest.param(["a", "missing"], 99, (), WorkerExit.DONE, {"processed": 1, "gone": 1}, id="not there, twice"),
        pytest.param(
            ["a", "missing", "back"], 99, (), WorkerExit.INFRASTRUCTURE, {"processed": 1, "gone": 1},
            id="not there while its share was away for a moment",
        ),
        pytest.param(
            ["a", "missing"], 2, (), WorkerExit.INFRASTRUCTURE, {"processed": 1},
            id="not there, and the share went while that was asked",
        ),
        pytest.param(["../a"], 0, (), WorkerExit.DONE, {"denied": 1}, id="alone, by its name: no login would read it"),
        pytest.param(["a", "cold"], 99, (), WorkerExit.DONE, {"processed": 1, "denied": 1}, id="in an archive unforeseen"),
    ],
)  # fmt: skip
def test_an_image_is_denied_where_the_login_still_reads_another_one(
    keys, reads, witnesses, exit_code, rows, *, running_store, empty_bucket
):
    detector = Detector(open_model(constant_model()), Inference(imgsz=(640, 640), rect=True))
    examiner = Examiner(
        Login(reads, reads_any=keys[0] == "a"),
        detector,
        10**8,
        Stamp("1", "20260101T000000Z-testtest", "attempt1"),
        scan_limit=500,
        witnesses=witnesses,
    )
    intake = Intake([ListedImage(key, "", 9) for key in keys], LIMITS.budget_s)
    parts, tally = (
        PartWriter(S3Store(running_store.access, empty_bucket), "parts/{}.parquet".format),
        Tally(0, len(keys)),
    )
    ending = ShardRun(Pipeline(intake, examiner), intake, parts, tally, LIMITS).run(StopRequest(), print)
    assert ending.exit is exit_code, ending.reason
    assert {str(status): count for status, count in Counter(tally.statuses).items()} == rows
    assert tally.unreached == len(keys) - sum(rows.values())
