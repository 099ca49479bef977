"""A shard whose images go through the model several at once: the same rows, and no image goes with another."""

import threading
import time

import numpy as np
import pytest

from shoal.contract.errors import ContractError, ModelRefusedError
from shoal.contract.inference import Inference
from shoal.contract.job import AUTO, MOST_BATCH, ShardJob
from shoal.contract.rows import Status
from shoal.stores.images import Fetched
from shoal_worker.detector import Detector
from shoal_worker.examine import TOGETHER, Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.fetch_ahead import FETCHERS, MOST_FETCHERS
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.outcome import Fatal, Finished, Unreached
from shoal_worker.loop.pipeline import AHEAD, Pipeline, count_fetchers
from shoal_worker.rows.parts import ListedImage, Row, Stamp
from shoal_worker.session import open_model
from shoal_worker.sight import InferenceCancelledError, Sight
from shoal_worker.tasks.detect import Detections
from shoal_worker.underway import INFERENCE_S, Underway
from worker.images import encoded
from worker.onnx_models import grid_model

WIDE, TALL = (64, 48, 3), (48, 64, 3)
STAMP = Stamp("1", "20260101T000000Z-testtest", "attempt1")
BAD = "bad.jpg"


class Photos:
    """Wide and tall photos by turns, and one that is broken; each has a grey of its own."""

    def read(self, key, object_version, size_bytes):
        if key == "broken.jpg":
            return Fetched(b"no photo", version_checked=True)
        number = int(key[:2]) if key != BAD else 99
        size = (48, 64) if number % 5 == 3 else (64, 48)
        return Fetched(encoded(np.full((*size, 3), number, np.uint8), ".png"), version_checked=True)


class Model(Sight):
    """Finds in a frame one box as wide as it is grey; `fails` says how it takes several."""

    keeps_image, keeps_bytes, limit_s = False, False, None

    def __init__(self, fails=lambda _: None):
        self.fails, self.looks, self.proof_s = fails, [], 0.0

    def frame(self, image, original):
        return image

    def detect_frame(self, frame, image_hw, noting):
        with noting():
            return self.detect_frames([frame], [image_hw])[0]

    def detect_frames(self, frames, images_hw):
        greys = [int(frame[0, 0, 0]) for frame in frames]
        self.looks.append(greys)
        self.fails(greys)
        assert len({frame.shape for frame in frames}) == 1
        return [
            Detections(np.zeros(1, np.int32), np.ones(1, np.float32), np.array([[0, 0, grey, 1]], np.float32), False)
            for grey in greys
        ]


@pytest.fixture(autouse=True)
def batches_fill_up(monkeypatch):
    """However long a busy machine takes for the next image."""
    monkeypatch.setattr("shoal_worker.loop.pipeline.GATHER_S", 60.0)


def examine(keys, model, batches, fetchers=1):
    """Run a pipeline to its end; gives what came out, and whether the intake is still open."""
    intake = Intake([ListedImage(key, "", 9) for key in keys], 60.0)
    pipeline = Pipeline(intake, Examiner(Photos(), model, 10**8, STAMP, scan_limit=9), batches, fetchers)
    pipeline.start()
    outcomes = []
    while not isinstance(outcome := pipeline.outcomes.get(timeout=30), Finished):
        outcomes.append(outcome)
    return outcomes, intake


KEYS = [f"{number:02}.jpg" for number in range(23)]


def test_every_image_has_the_row_that_it_has_alone_and_says_that_it_was_not_alone():
    model, keys = Model(), [*KEYS[:9], "broken.jpg", *KEYS[9:]]
    outcomes, _ = examine(keys, model, Batches(4, None))
    found = {row.key: row.detections[0]["x2"] for row in outcomes if row.status is Status.PROCESSED}
    assert found == {key: int(key[:2]) for key in KEYS}
    assert [row.key for row in outcomes if row.status is Status.FAILED] == ["broken.jpg"]
    assert max(map(len, model.looks)) == 4
    assert {len(greys) for greys in model.looks} <= {1, 2, 4}
    together = {f"{grey:02}.jpg" for greys in model.looks if len(greys) > 1 for grey in greys}
    assert {row.key for row in outcomes if row.worker_version == "1" + TOGETHER} == together
    assert {row.worker_version for row in outcomes} == {"1", "1" + TOGETHER}
    places = {row.key: place for place, row in enumerate(outcomes)}
    assert abs(places["broken.jpg"] - 9) <= 8, "a failure comes out among its neighbours: shares of failures are theirs"


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_failures_at_the_end_come_out_too(size):
    outcomes, _ = examine([*KEYS[:3], "broken.jpg", "broken.jpg"], Model(), Batches(size, None))
    assert [row.key for row in outcomes] == [*KEYS[:3], "broken.jpg", "broken.jpg"]


def test_the_seconds_of_a_batch_are_shared_by_its_images():
    began = time.perf_counter()
    outcomes, _ = examine(KEYS[4:8], Model(lambda _: time.sleep(0.4)), Batches(4, None))
    waited = [row.seconds for row in outcomes]
    assert min(waited) >= 0.4 / 4
    assert sum(waited) <= time.perf_counter() - began, "no second counts twice"


def no_room_for(most):
    def fails(greys):
        if len(greys) > most:
            raise MemoryError("no room to run the model")

    return fails


def test_what_a_batch_is_asked_for_alone_besides_is_no_time_of_its_size(monkeypatch):
    model, batches, noted = Model(), Batches(4, None), []

    def proves(greys):
        model.proof_s += 1000 * (len(greys) > 1)

    model.fails = proves
    monkeypatch.setattr(batches, "note", lambda images, seconds: noted.append((images > 1, seconds < 0)))
    examine(KEYS, model, batches)
    assert set(noted) == {(True, True), (False, False)}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_batch_without_room_is_tried_by_halves_and_no_image_is_lost(most):
    model, batches = Model(no_room_for(most)), Batches(8, None)
    outcomes, _ = examine(KEYS, model, batches)
    assert sorted(row.key for row in outcomes) == KEYS
    for shape in WIDE, TALL:
        assert batches.size_of(shape) == max(size for size in (1, 2) if size <= most)
    assert sum(len(greys) > most for greys in model.looks) <= 5, "it is learned once of each size of frames"


def test_a_fixed_batch_without_room_is_given_up_for_its_own_images_only():
    """The graph needs as much for one image: what is not there now may be there for the next."""

    def fails(greys):
        if len(greys) > 1 and 5 in greys:
            raise MemoryError("no room to run the model")

    model, batches = Model(fails), Batches(4, 4)
    outcomes, _ = examine(KEYS, model, batches)
    assert [row.key for row in sorted(outcomes, key=lambda row: row.key)] == KEYS
    assert [len(greys) for greys in model.looks if 5 in greys].count(1) == 1
    assert max(len(greys) for greys in model.looks if min(greys) > 10) == 4


def one_is_bad(greys):
    if 99 in greys:
        raise MemoryError("no room") if len(greys) == 1 else ModelRefusedError("Model does not run")


def test_one_bad_image_takes_no_other():
    outcomes, _ = examine([*KEYS[:6], BAD, *KEYS[6:]], Model(one_is_bad), batches := Batches(4, None))
    assert {row.key for row in outcomes if isinstance(row, Row)} == set(KEYS)
    (lost,) = [one for one in outcomes if not isinstance(one, Row)]
    assert (type(lost), lost.image.key) == (Unreached, BAD)
    assert batches.size == 4, "it was the image's, not the model's"


def no_batches(greys):
    if len(greys) > 1:
        raise ModelRefusedError("Model does not run on an input of 4 times 64x48 px")


def test_a_model_that_takes_no_batches_gets_one_image_at_a_time(caplog):
    model = Model(no_batches)
    outcomes, _ = examine(KEYS, model, Batches(4, None))
    assert sorted(row.key for row in outcomes) == KEYS
    assert sum(len(greys) > 1 for greys in model.looks) == 1
    assert "one by one: Model does not run on an input of 4 times 64x48 px - leave worker.batch out" in caplog.text


def never(greys):
    raise ModelRefusedError("Model does not run")


def test_a_model_that_takes_no_image_ends_the_shard():
    outcomes, _ = examine(KEYS[:4], Model(never), Batches(4, None))
    assert all(isinstance(one, Fatal) for one in outcomes)


def cancelled(greys):
    raise InferenceCancelledError("inference cancelled")


def test_a_batch_that_was_cancelled_leaves_its_images_open():
    outcomes, intake = examine(KEYS, Model(cancelled), Batches(4, None))
    assert intake.closed
    assert not [one for one in outcomes if isinstance(one, Row | Unreached | Fatal)]


def test_images_that_come_slowly_do_not_wait_for_a_full_batch(monkeypatch):
    monkeypatch.setattr("shoal_worker.loop.pipeline.GATHER_S", 0.05)
    model, may_come = Model(), threading.Event()

    class Slow(Photos):
        def read(self, key, *listed):
            assert key == "00.jpg" or may_come.wait(60)
            return super().read(key, *listed)

    intake = Intake([ListedImage(key, "", 9) for key in KEYS[:3]], 60.0)
    pipeline = Pipeline(intake, Examiner(Slow(), model, 10**8, STAMP, scan_limit=9), Batches(64, None), 1)
    pipeline.start()
    try:
        assert pipeline.outcomes.get(timeout=30).key == "00.jpg", "its row is there before all are fetched"
    finally:
        may_come.set()


def test_auto_runs_a_real_model_and_finds_the_same():
    data = grid_model()
    model = open_model(data)

    def detector():
        return Detector(model, Inference(imgsz=(64, 64), rect=True))

    alone, _ = examine(KEYS, detector(), Batches(1, 1))
    together, _ = examine(KEYS, detector(), Batches(AUTO, None), fetchers=4)
    assert {row.key: row.detections for row in together} == {row.key: row.detections for row in alone}


def test_an_inference_of_several_images_has_the_time_of_each():
    underway, image, listed = Underway(), ListedImage("a.jpg", "", 9), []
    with underway.inferring(image, others=3):
        listed = list(underway._work.values())
    assert [(work.limit_s, work.others) for work in listed] == [(4 * INFERENCE_S, 3)]


def test_after_a_crash_as_many_images_are_tried_alone_as_may_have_been_on_their_way():
    def in_flight(wanted, most, fetchers):
        return Pipeline(
            Intake([], 1), Examiner(None, None, 1, STAMP, scan_limit=1), Batches(wanted, most), fetchers
        ).in_flight(MOST_FETCHERS)

    assert in_flight(1, None, FETCHERS) == MOST_FETCHERS + AHEAD + 1
    assert in_flight(16, None, 6) == MOST_FETCHERS + 16 + 32
    assert in_flight(AUTO, None, 6) == MOST_FETCHERS + 64 + 128


@pytest.mark.parametrize(
    ("cores", "feeds_many", "threads"),
    [
        pytest.param(1, False, 4, id="one image after the other on a CPU"),
        pytest.param(16, False, 4, id="more CPUs are the model's"),
        pytest.param(1, True, 5, id="a GPU and one CPU"),
        pytest.param(16, True, 20, id="a GPU and sixteen"),
    ],
)
def test_a_gpu_or_a_batch_is_fed_by_one_more_thread_for_each_cpu(cores, feeds_many, threads):
    assert count_fetchers(cores, feeds_many=feeds_many) == threads


def job(**batch):
    return ShardJob("r", "s", "m", "k", "0", "r", "v/", Inference((64, 64), rect=True), 1.0, **batch)


@pytest.mark.parametrize("batch", [2, MOST_BATCH, AUTO])
def test_a_plan_says_how_many_where_it_is_not_one(batch):
    assert "batch" not in job().to_json()
    stored = job(batch=batch).to_json()
    assert stored["batch"] == batch
    assert ShardJob.from_plan({"format_version": 2, "job": stored}).batch == batch


@pytest.mark.parametrize("batch", [0, -1, MOST_BATCH + 1, "many", True, 1.5, None])
def test_a_plan_with_another_batch_is_refused(batch):
    with pytest.raises(
        ContractError, match=r"plan.json holds no valid job: batch .* is neither auto nor a number from 1 to 256"
    ):
        ShardJob.from_plan({"format_version": 2, "job": {**job().to_json(), "batch": batch}})
