import re
from collections import Counter
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from shoal.contract.inference import Inference
from shoal.contract.rows import Reason, Status
from shoal.embedded.samples.bad_files import bad_files
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from shoal.embedded.samples.scenes import demo_scenes
from shoal_worker.detector import Detector
from shoal_worker.image.decode import decode
from shoal_worker.image.header import Undecodable
from shoal_worker.session import open_model

NAME = re.compile(r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d+)")
INFERENCE = Inference(imgsz=(640, 640), rect=False)
BAD = {bad.key: bad for bad in bad_files()}
FAILED = [key for key, bad in BAD.items() if bad.expected_status is Status.FAILED]
PROCESSED = [key for key, bad in BAD.items() if bad.expected_status is Status.PROCESSED]


@pytest.fixture(scope="module")
def demo_photos():
    return {photo.key: photo for photo in demo_scenes()}


def the_one(part):
    (bad,) = (bad for key, bad in BAD.items() if part in bad.why or part in key)
    return bad


@pytest.mark.parametrize("key", FAILED)
def test_the_worker_refuses_what_is_no_picture_for_the_reason_expected(key):
    result = decode(BAD[key].data, INFERENCE.pixel_limit)
    assert isinstance(result, Undecodable)
    assert result.reason is BAD[key].expected_reason


@pytest.mark.parametrize("key", PROCESSED)
def test_odd_pictures_are_read_and_their_fish_counted_exactly(key):
    detector = Detector(open_model(build_demo_model(VERSIONS["v2"], "v2")), INFERENCE)
    found = detector.detect(decode(BAD[key].data, INFERENCE.pixel_limit).image)
    names = Counter(detector.info.names[class_id] for class_id in found.class_id)
    assert names == Counter(fish.species for fish in BAD[key].fish)
    assert names
    assert BAD[key].expected_reason is None


def test_the_failures_have_four_different_reasons():
    reasons = [BAD[key].expected_reason for key in FAILED]
    assert sorted(reasons) == [Reason.EMPTY, Reason.NOT_IMAGE, Reason.TOO_LARGE, Reason.TRUNCATED]


def test_the_bomb_is_a_small_and_valid_png_of_400_megapixels(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    bomb = the_one("bomb")
    assert len(bomb.data) < 60_000
    with Image.open(BytesIO(bomb.data)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (20_000, 20_000), "1")
        image.verify()


def test_the_16_bit_picture_has_16_bits_and_uses_the_upper_ones():
    pixels = cv2.imdecode(np.frombuffer(the_one("16 bits").data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == np.uint16
    assert pixels.max() > 40_000


def test_the_turned_picture_is_stored_upright_and_decoded_wide():
    turned = the_one("on its side")
    with Image.open(BytesIO(turned.data)) as stored:
        assert (stored.size, stored.getexif()[0x0112]) == ((720, 1280), 6)
    assert decode(turned.data, INFERENCE.pixel_limit).image.shape == (720, 1280, 3)


def test_the_truncated_photo_is_the_first_half_of_a_jpeg():
    data = the_one("half way").data
    assert data.startswith(b"\xff\xd8\xff")
    assert not data.endswith(b"\xff\xd9")


def test_the_copy_has_the_bytes_camera_and_time_of_a_photo_beside_it(demo_photos):
    copy = the_one("copy of")
    original = demo_photos[copy.key.replace("copy of ", "")]
    assert copy.data == original.jpeg
    assert copy.fish == original.fish


def test_all_names_but_one_tell_camera_and_time():
    assert [key for key in BAD if not NAME.search(key)] == ["IPC608/no date.jpg"]
    assert all(NAME.search(key)["camera"] == key.split("/")[0] for key in BAD if NAME.search(key))


def test_one_name_needs_quoting_in_every_way():
    key = the_one("quoted in a URL").key
    assert set("#?%+ ") < set(key)
    assert not key.isascii()


def test_no_bad_file_takes_the_place_of_a_demo_photo(demo_photos):
    assert not BAD.keys() & demo_photos.keys()


def test_every_call_makes_the_same_bytes():
    assert {bad.key: bad for bad in bad_files()} == BAD
