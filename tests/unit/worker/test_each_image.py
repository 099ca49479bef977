"""One outcome comes of each image that the model is given, whatever the model does instead of answering."""

import numpy as np
import pytest

from shoal.contract.errors import BrokeOffError, ModelRefusedError
from shoal.stores.images import Fetched, ImageDenied
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.each_image import EachImage
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.outcome import BrokeOff, Fatal, Refused, Unreached, Wake
from shoal_worker.rows.parts import ListedImage, Row, Stamp
from shoal_worker.sight import GpuFailedError, InferenceCancelledError, Sight
from shoal_worker.tasks.detect import Detections
from worker.images import encoded

LISTED = [ListedImage(f"{number}.png", "", 9) for number in range(4)]
NOTHING = Detections(np.empty(0, np.int32), np.empty(0, np.float32), np.empty((0, 4), np.float32), False)


class Photos:
    def read(self, key, object_version, size_bytes):
        if key == "secret":
            raise ImageDenied("denied")
        return Fetched(encoded(np.zeros((64, 48, 3), np.uint8), ".png"), version_checked=True)


class Failing(Sight):
    """Sees nothing in one image, and raises an error instead of looking at more than `most`."""

    keeps_image, keeps_bytes, limit_s, proof_s = False, False, None, 0.0

    def __init__(self, error, most):
        self.error, self.most = error, most

    def frame(self, image, original):
        return image

    def detect_frame(self, frame, image_hw, noting):
        return self.detect_frames([frame], [image_hw])[0]

    def detect_frames(self, frames, images_hw):
        if len(frames) > self.most:
            raise self.error
        return [NOTHING for _ in frames]


def steps(error, most=1):
    intake = Intake([], 60)
    examiner = Examiner(
        Photos(), Failing(error, most), 10**8, Stamp("1", "20260101T000000Z-testtest", "attempt1"), scan_limit=9
    )
    return EachImage(examiner, Batches(4, None), intake), intake


@pytest.mark.parametrize(
    ("error", "most", "outcome", "goes_on"),
    [
        pytest.param(MemoryError("no room"), 1, Row, True, id="no room for several"),
        pytest.param(MemoryError("no room"), 0, Unreached, True, id="no room for one"),
        pytest.param(ModelRefusedError("none of it"), 1, Row, True, id="it takes no batches"),
        pytest.param(ModelRefusedError("none of it"), 0, Fatal, True, id="it takes no image"),
        pytest.param(GpuFailedError("the GPU"), 1, Fatal, True, id="its GPU fails"),
        pytest.param(ZeroDivisionError("a mistake"), 0, Fatal, True, id="a mistake of our own"),
        pytest.param(InferenceCancelledError("to end"), 1, Wake, False, id="it is to end"),
        pytest.param(BrokeOffError("it ended"), 0, BrokeOff, False, id="a service broke off"),
    ],
)
def test_each_image_of_a_batch_has_one_outcome_in_its_place(error, most, outcome, goes_on):
    each, intake = steps(error, most)
    ready = [each.prepare(image) for image in LISTED]
    outcomes = each.finish_together(ready)
    assert [type(one) for one in outcomes] == [outcome] * len(LISTED)
    assert [getattr(one, "key", None) or one.image.key for one in outcomes if isinstance(one, Row | Unreached)] == [
        image.key for image in LISTED if outcome in (Row, Unreached)
    ]
    assert intake.closed is not goes_on


def test_an_image_that_the_store_refuses_has_an_outcome_too():
    refused = steps(None)[0].prepare(ListedImage("secret", "", 9))
    assert (type(refused), refused.image.key) == (Refused, "secret")
