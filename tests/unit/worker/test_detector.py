import threading
import time

import numpy as np
import pytest
from onnx import TensorProto

from shoal.contract.errors import ModelRefusedError
from shoal.contract.inference import Inference
from shoal.contract.model_info import resolve_imgsz
from shoal_worker.detector import Detector
from shoal_worker.image.decode import decode
from shoal_worker.session import open_model
from shoal_worker.sight import InferenceCancelledError
from worker.images import photo
from worker.onnx_models import constant_model, grid_model, slow_on_white


def detector(data, imgsz=None, **inference):
    model = open_model(data)
    return Detector(model, Inference(imgsz=resolve_imgsz(model.info, imgsz), rect=model.info.rect, **inference))


def test_boxes_are_in_pixels_of_the_original_image():
    # 1280x720 becomes 640x360 in a frame of 640x384: gain 0.5, 12 px of padding above.
    found = detector(constant_model([(320, 192, 64, 32, 0.25, 0.75)])).detect(photo(1280, 720))
    assert found.xyxy.tolist() == [[576, 328, 704, 392]]
    assert found.class_id.tolist() == [1]
    assert found.confidence.tolist() == [0.75]


def test_a_static_model_gets_the_square():
    # 1280x720 becomes 640x360 in a frame of 640x640: 140 px of padding above.
    static = constant_model([(320, 320, 64, 32, 0.25, 0.75)], hw=(640, 640), anchors=1)
    assert detector(static).detect(photo(1280, 720)).xyxy.tolist() == [[576, 328, 704, 392]]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_does_not_change_the_boxes(threads):
    model = open_model(constant_model(), threads)
    found = Detector(model, Inference(imgsz=(640, 640), rect=True)).detect(photo())
    assert found.confidence.tolist() == [np.float32(0.9)]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"image_type": TensorProto.FLOAT16}, id="half precision"),
        pytest.param({"batch": 4}, id="a fixed batch"),
        pytest.param({"image_type": TensorProto.FLOAT16, "batch": 4}, id="both"),
    ],
)
def test_halves_and_fixed_batches_are_the_session_s_affair(how):
    found = detector(constant_model([(320, 192, 64, 32, 0.25, 0.75)], **how)).detect(photo(1280, 720))
    assert found.xyxy.tolist() == [[576, 328, 704, 392]]
    assert (found.confidence.tolist(), found.confidence.dtype) == ([0.75], np.float32)


def test_stored_conf_iou_and_max_det_are_the_job_s():
    boxes = [(100, 100, 40, 40, 0.9, 0), (110, 100, 40, 40, 0.8, 0), (300, 300, 9, 9, 0.06, 0)]  # IoU 0.6
    assert len(detector(constant_model(boxes)).detect(photo())) == 3
    assert len(detector(constant_model(boxes), iou=0.5).detect(photo())) == 2
    assert len(detector(constant_model(boxes), stored_conf=0.1).detect(photo())) == 2
    assert detector(constant_model(boxes), max_det=1).detect(photo()).max_det_reached is True


def test_a_static_model_refuses_another_size():
    static = open_model(constant_model(hw=(640, 640), anchors=1))
    with pytest.raises(ModelRefusedError, match="fixed at 640x640 px, imgsz 1280x1280 was asked for"):
        Detector(static, Inference(imgsz=(1280, 1280), rect=False))


def test_a_static_model_refuses_rectangles():
    static = open_model(constant_model(hw=(640, 640), anchors=1))
    with pytest.raises(ModelRefusedError, match="fixed at 640x640 px and cannot take rectangular frames"):
        Detector(static, Inference(imgsz=(640, 640), rect=True))


def test_names_that_do_not_fit_a_symbolic_output_are_found_when_it_runs():
    model = grid_model(shape=(0, -1, 400), channels="channels")  # 20 x 20 cells; other sizes fold into other channels
    assert len(detector(model, imgsz=(640, 640)).detect(photo(64, 64))) == 1
    with pytest.raises(ModelRefusedError, match=r"output has shape \[1, 24, 400\], its 2 names need \[1, 6, anchors\]"):
        detector(model, imgsz=(1280, 1280)).detect(photo(64, 64))


def test_a_model_that_does_not_run_at_a_size_is_refused():
    only_640 = grid_model(shape=(0, 6, 400))
    with pytest.raises(ModelRefusedError, match=r"Model does not run on an input of 320x320 px: .* - export it with"):
        detector(only_640, imgsz=(320, 320)).detect(photo(64, 64))


def test_a_running_inference_can_be_cancelled():
    slow = detector(slow_on_white())
    threading.Timer(0.3, slow.cancel).start()
    started = time.monotonic()
    with pytest.raises(InferenceCancelledError):
        slow.detect(np.full((48, 64, 3), 255, np.uint8))
    assert time.monotonic() - started < 60, "it would go on for many minutes"


def test_a_dynamic_model_runs_real_photos_at_their_own_size(obsea_photos):
    model = detector(grid_model(), imgsz=(2688, 2688), stored_conf=0.4)
    image = decode(obsea_photos[0].read_bytes(), 100_000_000).image
    frame = model.frame(image)
    assert frame.shape == (1536, 2688, 3)
    assert model.detect(image).xyxy.tolist() == [[12, 4, 20, 12]]  # 8 px of padding above
