import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_worker.image.letterbox import letterbox, to_original, to_tensor

SIDES = st.integers(1, 900)


def gradient(height, width):
    """The image that parity.json was measured with."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(7 * x + 3 * y) % 256, (5 * x + 11 * y) % 256, (x + 2 * y) % 256], axis=-1).astype(np.uint8)


def test_letterbox_is_byte_identical_to_ultralytics(parity):
    cases = parity["letterbox_640_gradient"]
    assert len(cases) == 24
    for case in cases:
        framed = letterbox(gradient(case["h"], case["w"]), (640, 640), rect=case["auto"], stride=32)
        assert list(framed.shape) == case["out_shape"], case
        assert hashlib.sha256(np.ascontiguousarray(framed).tobytes()).hexdigest() == case["sha256"], case


@pytest.mark.parametrize(
    ("image_hw", "rect", "expected"),
    [
        pytest.param((480, 640), False, (640, 640), id="a static model gets the whole square"),
        pytest.param((480, 640), True, (480, 640), id="a dynamic model gets no padding where the stride fits"),
        pytest.param((360, 640), True, (384, 640), id="padding reaches the next stride"),
        pytest.param((1, 900), True, (32, 640), id="a line of pixels is padded to one stride"),
        pytest.param((1, 1), False, (640, 640), id="one pixel is scaled up"),
    ],
)
def test_frame_size(image_hw, rect, expected):
    framed = letterbox(np.zeros((*image_hw, 3), np.uint8), (640, 640), rect=rect, stride=32)
    assert framed.shape == (*expected, 3)


def test_tensor_is_rgb_planes_from_zero_to_one():
    frame = np.array([[[255, 0, 51]]], np.uint8)  # blue, green, red
    tensor = to_tensor(frame)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 1, 1), np.float32)
    assert tensor.ravel().tolist() == [np.float32(51) / np.float32(255), 0.0, 1.0]


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 40), width=st.integers(1, 40))
def test_tensor_is_every_value_divided_by_255_in_32_bits(seed, height, width):
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    expected = frame[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    assert to_tensor(frame).tobytes() == expected.tobytes()


@given(height=SIDES, width=SIDES, rect=st.booleans(), box=st.tuples(*[st.floats(0, 1)] * 4))
def test_a_box_survives_the_way_into_the_frame_and_back(height, width, rect, box):
    frame = letterbox(np.zeros((height, width, 3), np.uint8), (320, 320), rect=rect, stride=32)
    frame_height, frame_width = frame.shape[:2]
    gain = min(frame_height / height, frame_width / width)
    inside_width, inside_height = max(round(width * gain), 1), max(round(height * gain), 1)
    left, top = round((frame_width - inside_width) / 2 - 0.1), round((frame_height - inside_height) / 2 - 0.1)
    original = np.array([[box[0] * width, box[1] * height, box[2] * width, box[3] * height]])
    scale = np.array([inside_width / width, inside_height / height] * 2)
    framed = (original * scale + [left, top, left, top]).astype(np.float32)
    back = to_original(framed, (frame_height, frame_width), (height, width))
    half_a_frame_pixel = 0.01 * max(1.0, (1 / scale).max())
    assert np.abs(back - original).max() <= half_a_frame_pixel


@given(height=SIDES, width=SIDES)
def test_the_whole_frame_becomes_the_whole_image(height, width):
    frame = letterbox(np.zeros((height, width, 3), np.uint8), (320, 320), rect=False, stride=32)
    everything = np.array([[-50, -50, 5000, 5000]], np.float32)
    assert to_original(everything, frame.shape[:2], (height, width)).tolist() == [[0, 0, width, height]]


def test_boxes_given_are_not_changed():
    boxes = np.array([[10, 10, 20, 20]], np.float32)
    to_original(boxes, (640, 640), (100, 100))
    assert boxes.tolist() == [[10, 10, 20, 20]]
