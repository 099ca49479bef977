"""Masks from prototypes: at the image's size, inside the box, in bounded memory."""

import time
import tracemalloc

import numpy as np
import pytest

from shoal_worker.families import masks
from shoal_worker.families.masks import Prototypes, outline_all
from worker.run_lengths import decode


def left_half(hw=(160, 160)):
    """One prototype, positive left of its middle."""
    values = np.full((1, *hw), -1, np.float32)
    values[:, :, : hw[1] // 2] = 1
    return values


def mask_of(prototypes, box, image_hw):
    (text,) = outline_all(Prototypes(prototypes, image_hw), np.ones((1, 1), np.float32), np.array([box], np.float32))
    return decode(text, *image_hw) if text else np.zeros(image_hw, bool)


def test_a_mask_lies_where_the_frame_s_padding_says():
    mask = mask_of(
        left_half(), (0, 0, 1280, 720), (720, 1280)
    )  # a square frame: 140 px of padding above, nothing beside
    assert mask[:, :640].all()
    assert not mask[:, 640:].any()
    top = left_half()
    top[:, 40:] = -1  # 160 px of the frame: 20 of the image, which is half as large there
    assert np.flatnonzero(mask_of(top, (0, 0, 1280, 720), (720, 1280)).any(axis=1))[-1] + 1 == pytest.approx(40, abs=1)


def test_pixels_are_inside_whose_corner_is_in_the_box():
    mask = mask_of(np.ones((1, 160, 160), np.float32), (10.0, 20.5, 13.2, 23.0), (640, 640))
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (21, 23, 10, 14)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((700, 100, 900, 300), id="all of it outside the shape"),
        pytest.param((10, 10, 10, 40), id="a box without width"),
        pytest.param((10.2, 10, 10.9, 40), id="a box between two pixels"),
    ],
)
def test_an_empty_mask_is_empty_text(box):
    prototypes = Prototypes(left_half(), (720, 1280))
    assert outline_all(prototypes, np.ones((1, 1), np.float32), np.array([box], np.float32)) == [""]


def test_values_that_are_no_numbers_are_outside():
    assert not mask_of(np.full((1, 160, 160), np.nan, np.float32), (0, 0, 640, 640), (640, 640)).any()


def test_columns_drawn_apart_are_those_drawn_at_once(monkeypatch):
    prototypes = np.random.default_rng(1).normal(size=(4, 96, 160)).astype(np.float32)
    weights, box = np.ones((1, 4), np.float32), np.array([(17, 5, 413, 270)], np.float32)
    whole = outline_all(Prototypes(prototypes, (281, 500)), weights, box)
    monkeypatch.setattr(masks, "BAND_PIXELS", 1000)
    assert outline_all(Prototypes(prototypes, (281, 500)), weights, box) == whole


def test_a_huge_image_is_drawn_in_little_memory():
    prototypes = Prototypes(left_half(), (6_000, 6_000))
    box = np.array([(0, 0, 6_000, 6_000)], np.float32)
    tracemalloc.start()
    started = time.perf_counter()
    (text,) = outline_all(prototypes, np.ones((1, 1), np.float32), box)
    assert time.perf_counter() - started < 30
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text) < 20  # two runs
    assert peak < 64 << 20


def test_noise_gets_no_more_text_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(masks, "MOST_CHARACTERS", 5000)
    noise = np.random.default_rng(2).normal(size=(1, 160, 160)).astype(np.float32)
    smooth = np.array([(0, 0, 30, 30), (0, 0, 640, 640), (0, 0, 30, 30)], np.float32)
    texts = outline_all(Prototypes(noise, (640, 640)), np.ones((3, 1), np.float32), smooth)
    assert [text is None for text in texts] == [False, True, False]
    assert sum(len(text or "") for text in texts) <= 5000
