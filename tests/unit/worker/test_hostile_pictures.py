"""Small files made to hold a worker: each is refused before it is decoded, or costs little. Sizes are small here; the costs
of large ones stand in docs/measurements.md."""

import time

import pytest

from shoal.contract.image_limits import SCAN_LIMIT
from shoal.contract.rows import Reason
from shoal_worker import predict, underway
from shoal_worker.image.decode import Decoded, decode
from shoal_worker.image.exif import read_exif
from shoal_worker.image.header import Undecodable
from worker import hostile_pictures as pictures

LIMIT = 100_000_000

pytestmark = pytest.mark.filterwarnings(
    "ignore:Tag data larger than file:UserWarning"
)  # the worker leaves Pillow's out


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(pictures.empty_scans(10_000, 2000), "2000 scans, the limit is 100", id="progressive"),
        pytest.param(pictures.empty_scans(10_000, 2000, frame=0xCA), "2000 scans, the limit", id="arithmetic"),
        pytest.param(pictures.empty_scans(10_000, 101), "101 scans, the limit is 100", id="one more than the limit"),
        pytest.param(
            pictures.many_comments(10_000, 120_000),
            "more than 100000 segments in a JPEG of many scans",
            id="behind more comments than are walked",
        ),
        pytest.param(
            pictures.resynchronized(10_000, 2000),
            "2000 scans, the limit",
            id="behind a marker that has a length for nobody but a naive walk",
        ),
    ],
)
def test_a_jpeg_of_many_scans_is_not_begun(data, words):
    began = time.thread_time()
    found = decode(data, LIMIT)
    assert found.reason is Reason.TOO_COMPLEX
    assert found.detail.startswith(words)
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pictures.empty_scans(200, 90), id="a JPEG of as many scans as it may have"),
        pytest.param(pictures.jpeg_app1(64, 200), id="a JPEG of 200 APP1 segments"),
        pytest.param(pictures.exif_that_loops(16, 1), id="EXIF whose directories name each other"),
        pytest.param(pictures.exif_of_many_tags(16, 1), id="EXIF of 60,000 tags that share a megabyte"),
        pytest.param(pictures.packed_profile(64, 100), id="a PNG whose profile unfolds to 100 MB"),
        pytest.param(pictures.packed_texts(64, 900), id="a PNG of 900 texts of 8 MB each"),
        pytest.param(pictures.many_chunks(64, 200_000), id="a PNG of 200,000 chunks"),
        pytest.param(pictures.animated_png(300, 200), id="a PNG of 200 frames"),
        pytest.param(pictures.interlaced_png(500, 1), id="an interlaced PNG of 16-bit RGBA"),
        pytest.param(pictures.many_strips(2000, 1), id="a TIFF of as many strips as rows"),
        pytest.param(pictures.directories(8, 5000), id="a TIFF of 5,000 pictures"),
        pytest.param(pictures.looping_directories(8, 50), id="a TIFF whose last picture names the first"),
        pytest.param(pictures.animated_gif(300, 500), id="a GIF of 500 frames"),
        pytest.param(pictures.animated_webp(300, 500), id="a WebP of 500 frames"),
        pytest.param(pictures.avif_sequence(64, 20), id="an AVIF of 20 frames"),
        pytest.param(pictures.many_tiles(400, 50), id="a JPEG 2000 of 2,500 tiles"),
        pytest.param(pictures.run_length_bmp(2000, 1), id="a BMP of runs"),
    ],
)
def test_an_odd_picture_costs_no_more_than_its_pixels(data):
    began = time.thread_time()
    read_exif(data)
    assert isinstance(decode(data, LIMIT), Decoded)
    assert time.thread_time() - began < 2


def test_tags_that_all_point_to_one_place_are_not_all_read():
    data = pictures.many_tags(64, 1)
    began = time.thread_time()
    assert isinstance(decode(data, LIMIT), Decoded | Undecodable)
    assert time.thread_time() - began < 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(pictures.many_layers(10_000, 65_535), "24649 code blocks in 65535 layers", id="layers"),
        pytest.param(pictures.claimed_jpeg2000(10_000, 1), "code blocks, up to 2000000", id="the smallest blocks"),
        pytest.param(b"decoy" + pictures.many_layers(64, 1), None, id="no JPEG 2000"),
    ],
)
def test_a_jpeg_2000_that_promises_more_than_its_pixels_is_not_begun(data, words):
    found = decode(data, LIMIT)
    if words is None:
        assert found.reason is Reason.NOT_IMAGE
    else:
        assert found.reason is Reason.TOO_COMPLEX
        assert words in found.detail


def test_a_tile_that_is_larger_than_its_image_counts_as_large_as_it_is():
    found = decode(pictures.huge_tile(64, 12_000), LIMIT)
    assert found.reason is Reason.TOO_COMPLEX
    assert found.detail == "tiles of 144000000 pixels, the limit is 100000000 (model.pixel_limit)"


def test_pixels_without_end_are_unpacked_up_to_those_of_the_picture():
    data = pictures.endless_pixels(64, 300)
    began = time.thread_time()
    found = decode(data, LIMIT)
    assert (found.reason, found.detail) == (Reason.CORRUPT, "IDAT: more than its pixels")
    assert time.thread_time() - began < 0.2


def test_predict_goes_on_behind_a_picture_without_end(monkeypatch):
    monkeypatch.setattr(underway, "SECONDS_PER_MEGAPIXEL", 0.0)
    monkeypatch.setattr(underway, "HEADER_S", 0.1)
    monkeypatch.setattr(underway, "CLOCK_SHARE", 1000.0)
    monkeypatch.setattr(predict, "LOOK_S", 0.01)
    found = predict._decode(pictures.empty_scans(4000, 99), LIMIT, SCAN_LIMIT)
    assert (found.reason, found.detail) == (Reason.KILLED_WORKER, "Decoding took more than 0.1 s of CPU")
