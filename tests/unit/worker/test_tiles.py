"""An image in tiles: where they lie, and which boxes stay, as sahi has it (tests/fixtures/parity/tiles); and the way through a worker."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.inference import Inference
from shoal_worker.detector import Detector
from shoal_worker.image.tiles import Tiles, merge
from shoal_worker.session import open_model
from shoal_worker.sight import InferenceCancelledError
from shoal_worker.tasks.detect import Detections
from worker.onnx_models import constant_model

PARITY = json.loads((Path(__file__).parents[2] / "fixtures/parity/tiles/sahi.json").read_text(encoding="utf-8"))
LEAST_SEEN = 0.3


def detections(rows):
    """Make boxes of (confidence, class, x1, y1, x2, y2)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, 1].astype(np.int32), table[:, 0], table[:, 2:], max_det_reached=False)


def rows_of(found):
    columns = found.confidence.tolist(), found.class_id.tolist(), found.xyxy.tolist()
    return [(confidence, class_id, *xyxy) for confidence, class_id, xyxy in zip(*columns, strict=True)]


def coded(image_hw):
    """An image whose pixels say where they lie: 12 bits of y, 12 of x."""
    y, x = np.mgrid[: image_hw[0], : image_hw[1]]
    code = (y << 12) | x
    return np.stack([code >> 16, code >> 8, code], -1).astype(np.uint8)


def sees(planted):
    """A model that finds of each planted box what lies in the tile, less sure the less of it that is."""

    def look(tile):
        code = int.from_bytes(tile[0, 0].tobytes(), "big")
        left, top = code & 4095, code >> 12
        found = []
        for x1, y1, x2, y2, class_id, confidence in planted:
            part = max(x1, left), max(y1, top), min(x2, left + tile.shape[1]), min(y2, top + tile.shape[0])
            width, height = part[2] - part[0], part[3] - part[1]
            seen = width * height / ((x2 - x1) * (y2 - y1))
            if width > 0 < height and seen >= LEAST_SEEN:
                inside = (part[0] - left, part[1] - top, part[2] - left, part[3] - top)
                found.append((confidence * (0.5 + seen / 2), class_id, *inside))
        return detections(found)

    return look


@pytest.mark.parametrize("case", PARITY["places"], ids=lambda case: f"{case['image_hw']} in {case['size_hw']}")
def test_tiles_lie_where_sahi_lays_them(case):
    tiles = Tiles(tuple(case["size_hw"]), case["overlap"])
    assert list(tiles.places(tuple(case["image_hw"]))) == [tuple(place) for place in case["xyxy"]]


@pytest.mark.parametrize("scene", PARITY["scenes"], ids=lambda scene: f"{len(scene['planted'])} planted")
def test_planted_boxes_are_found_as_sahi_finds_them(scene):
    tiles = Tiles(tuple(scene["size_hw"]), scene["overlap"])
    found = tiles.detect(coded(scene["image_hw"]), sees(scene["planted"]), max_det=1000)
    by_place = [
        sorted(rows, key=lambda row: [round(side) for side in row[2:]]) for rows in (rows_of(found), scene["found"])
    ]
    assert np.allclose(*by_place, atol=2e-3)


@given(
    hw=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    size=st.tuples(st.integers(32, 200), st.integers(32, 200)),
    overlap=st.floats(0, 0.8),
)
def test_every_pixel_lies_in_a_tile_and_no_tile_lies_outside(hw, size, overlap):
    seen = np.zeros(hw, bool)
    for left, top, right, bottom in Tiles(size, overlap).places(hw):
        assert 0 <= left < right <= hw[1]
        assert 0 <= top < bottom <= hw[0]
        seen[top:bottom, left:right] = True
    assert seen.all()


BOX = st.tuples(st.floats(0.05, 1), st.integers(0, 2), *[st.integers(0, 100)] * 4).map(
    lambda row: (*row[:4], row[2] + row[4] % 30, row[3] + row[5] % 30)
)


@given(rows=st.lists(BOX, max_size=30), threshold=st.floats(0.05, 1))
def test_a_threshold_afterwards_gives_what_it_gives_before(rows, threshold):
    """What is stored from 0.05 on serves every confidence."""
    found = detections(rows)
    sure = np.flatnonzero(found.confidence >= np.float32(threshold))
    before = merge(Detections(found.class_id[sure], found.confidence[sure], found.xyxy[sure], False), 300)
    after = [row for row in rows_of(merge(found, 300)) if row[0] >= np.float32(threshold)]
    assert rows_of(before) == after


def test_the_boxes_kept_are_the_best_and_their_number_is_marked():
    rows = [(0.9 - 0.1 * n, 0, 20 * n, 0, 20 * n + 10, 10) for n in range(5)]
    found = merge(detections(rows[::-1]), max_det=3)
    assert [round(score, 3) for score in found.confidence.tolist()] == [0.9, 0.8, 0.7]
    assert found.max_det_reached


def test_a_model_is_given_each_tile_and_the_whole_and_boxes_come_back_in_pixels_of_the_image():
    """The same box in the middle of whatever is looked at: four tiles, and the whole."""
    model = open_model(constant_model([(64, 64, 16, 8, 0.9, 0.1)], metadata={"imgsz": "[128, 128]"}))
    inference = Inference((128, 128), rect=False, tile=(128, 128), tile_overlap=0.0)
    found = Detector(model, inference).detect(np.zeros((256, 256, 3), np.uint8))
    centres = {((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1) for _, _, x1, y1, x2, y2 in rows_of(found)}
    assert centres == {(64, 64, 16, 8), (192, 64, 16, 8), (64, 192, 16, 8), (192, 192, 16, 8), (128, 128, 32, 16)}


def test_each_tile_has_a_limit_of_its_own():
    model = open_model(constant_model(metadata={"imgsz": "[128, 128]"}))
    detector = Detector(model, Inference((128, 128), rect=False, tile=(128, 128), tile_overlap=0.0))
    looks = []

    @contextmanager
    def noting():
        looks.append("began")
        yield
        looks.append("ended")

    detector.detect_frame(np.zeros((256, 256, 3), np.uint8), (256, 256), noting)
    assert looks == ["began", "ended"] * 5


def test_a_worker_that_is_to_end_looks_at_no_further_tile():
    model = open_model(constant_model(metadata={"imgsz": "[128, 128]"}))
    detector = Detector(model, Inference((128, 128), rect=False, tile=(128, 128), tile_overlap=0.0))
    looks = []

    @contextmanager
    def noting():
        looks.append("began")
        if len(looks) == 2:
            detector.cancel()
        yield

    with pytest.raises(InferenceCancelledError):
        detector.detect_frame(np.zeros((256, 256, 3), np.uint8), (256, 256), noting)
    assert len(looks) == 2
