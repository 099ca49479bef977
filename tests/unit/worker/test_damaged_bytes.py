"""What becomes of damaged, odd and hostile bytes."""

import io
import re
import struct
import time
import zlib
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from shoal.contract.rows import Reason
from shoal_worker.image.decode import Decoded, decode
from shoal_worker.image.exif import Exif, read_exif
from shoal_worker.image.header import Undecodable
from worker.images import photo, saved

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
LIMIT = 100_000_000
PREMATURE = "Corrupt JPEG data: premature end of data segment"


def case(name):
    return (CASES / name).read_bytes()


def opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


WHOLE = case("whole.jpg")
PNG = saved(Image.fromarray(photo(80, 60)), "PNG")


@pytest.mark.parametrize(
    ("data", "damaged", "detail"),
    [
        pytest.param(WHOLE, None, None, id="a whole JPEG"),
        pytest.param(case("block64.jpg"), PREMATURE, None, id="64 bytes overwritten"),
        pytest.param(case("zeros.jpg"), PREMATURE, None, id="zeros inside"),
        pytest.param(case("no-eoi.jpg"), None, "all rows are there", id="only the end marker is missing"),
        pytest.param(WHOLE[:-2] + b"ab" * 20 + WHOLE[-2:], None, "extraneous bytes", id="bytes before the end marker"),
        pytest.param(
            case("block64.jpg")[:-2] + b"ab" * 20 + WHOLE[-2:], PREMATURE, None, id="damage behind harmless words"
        ),
        pytest.param(WHOLE[:17000] + bytes(60000), "extraneous", None, id="zeros to the end: the power went"),
        pytest.param(case("big-text.png"), None, None, id="PNG with text above 1 MB"),
        pytest.param(case("text-crc.png"), None, "tEXt: CRC error", id="PNG with a bad checksum in its text"),
        pytest.param(PNG[:-12], None, "end chunk missing", id="PNG without its end chunk"),
    ],
)
def test_what_is_decoded_says_what_its_pixels_are_worth(data, damaged, detail):
    found = decode(data, LIMIT)
    assert isinstance(found, Decoded)
    assert (found.damaged or "").endswith(damaged or "") or damaged in found.damaged
    assert (found.damaged is None) == (damaged is None)
    assert detail is None or detail in found.detail


def restarting(rows=3):
    """A photo whose JPEG has a restart marker every few blocks, as many cameras write it."""
    return saved(Image.fromarray(photo(320, 240)), "JPEG", restart_marker_blocks=rows)


def at_restarts(data, padding):
    """Put bytes before every restart marker."""
    return re.sub(rb"(\xff[\xd0-\xd7])", padding.replace(b"\\", b"\\\\") + rb"\1", data)


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("kind", ["restart markers", "progressive"])
def test_bytes_that_are_lost_or_zero_where_a_decoder_can_find_its_place_again_are_damage(kind, place):
    whole = (
        restarting(30)
        if kind == "restart markers"
        else saved(Image.fromarray(photo(320, 240)), "JPEG", progressive=True)
    )
    at = int(len(whole) * place)
    for changed in (whole[:at] + bytes(300) + whole[at + 300 :], whole[:at] + whole[at + 300 :]):
        found = decode(changed, LIMIT)
        if isinstance(found, Undecodable):
            assert found.reason in {Reason.TRUNCATED, Reason.CORRUPT}
        elif (found.image != opencv(whole)).mean() > 0.01:
            assert found.damaged


@pytest.mark.parametrize("padding", [b"\x00", b"\x00\x00", b"abc", b"\x00\x00\x00\x00"])
def test_a_camera_that_pads_before_each_restart_marker_has_whole_images(padding):
    whole = restarting()
    found = decode(at_restarts(whole, padding), LIMIT)
    assert found.damaged is None
    assert "extraneous bytes before marker" in found.detail
    assert (found.image == opencv(whole)).all()


def test_the_same_bytes_have_the_same_words():
    cut = saved(Image.fromarray(photo(100, 75)), "TIFF", compression="tiff_deflate")[:3000]
    assert decode(cut, LIMIT).detail == decode(bytes(bytearray(cut)), LIMIT).detail
    assert "0x" not in decode(cut, LIMIT).detail


def test_pixels_without_end_marker_are_those_with_it():
    assert (decode(case("no-eoi.jpg"), LIMIT).image == opencv(case("no-eoi.jpg") + b"\xff\xd9")).all()
    assert (decode(case("zeros.jpg"), LIMIT).image == opencv(case("zeros.jpg"))).all()


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        pytest.param(case("half.jpg"), Reason.TRUNCATED, "175 of 360 rows", id="half a JPEG"),
        pytest.param(WHOLE[:200], Reason.TRUNCATED, "no size and colours in its header", id="a JPEG cut in its header"),
        pytest.param(case("float-rgb.tif"), Reason.UNSUPPORTED, "TIFF of a kind", id="a TIFF of floats"),
        pytest.param(PNG[:3000] + bytes([PNG[3000] ^ 4]) + PNG[3001:], Reason.CORRUPT, "IDAT", id="a flipped bit"),
        pytest.param(
            PNG[: len(PNG) // 2] + bytes(len(PNG)),
            Reason.CORRUPT,
            "0x00000000: CRC error",
            id="PNG filled up with zeros",
        ),
        pytest.param(b"\0\0\0\x18ftypheic" + bytes(40), Reason.UNSUPPORTED, "HEIC: convert with", id="HEIC"),
        pytest.param(b"\r\n<!DOCTYPE html><p>Sign in", Reason.NOT_IMAGE, "an HTML page", id="a login page"),
        pytest.param(
            b"<?xml version='1.0'?><Error/>", Reason.NOT_IMAGE, "XML, as a store's error", id="an error of a store"
        ),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", Reason.NOT_IMAGE, "git lfs pull", id="Git LFS"),
        pytest.param(b"\0\5\x16\7" + bytes(80), Reason.NOT_IMAGE, "AppleDouble", id="a Mac's side file let in again"),
        pytest.param(bytes(5000), Reason.NOT_IMAGE, "zeros: its upload", id="zeros alone"),
        pytest.param(b"\0\0\0\x18ftypmp42" + bytes(30), Reason.NOT_IMAGE, "a video", id="a video called .jpg"),
    ],
)
def test_what_is_not_decoded_says_why(data, reason, words):
    found = decode(data, LIMIT)
    assert isinstance(found, Undecodable)
    assert found.reason is reason
    assert words in found.detail


def test_a_jpeg_of_thousands_of_scans_is_not_begun():
    progressive = saved(Image.fromarray(photo(64, 48)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    began = time.thread_time()
    found = decode(progressive[:-2] + scan * 5000 + b"\xff\xd9", LIMIT)
    assert found.reason is Reason.TOO_COMPLEX
    assert "scans, the limit is 100" in found.detail
    assert time.thread_time() - began < 2
    assert isinstance(decode(progressive, LIMIT), Decoded)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (100, 75)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:4:4"}, {"restart_marker_blocks": 3}])
def test_whole_jpegs_have_the_pixels_of_opencv(mode, size, options):
    data = saved(Image.fromarray(photo(*size)).convert(mode), "JPEG", **options)
    found = decode(data, LIMIT)
    assert (found.damaged, found.detail) == (None, None)
    assert (found.image == opencv(data)).all()


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("before", [b"", b"\xff\xe1\x00\x10http://ns.adobe"], ids=["EXIF", "XMP before EXIF"])
def test_jpegs_are_turned_as_opencv_turns_them(orientation, before):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(photo(40, 24)), "JPEG", exif=exif)
    data = data[:2] + before + data[2:]
    found, expected = decode(data, LIMIT).image, opencv(data)
    assert found.shape == expected.shape
    assert (found == expected).all()


SMALL = {kind: saved(Image.fromarray(photo(24, 16)), kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")}
SMALL["progressive"] = saved(Image.fromarray(photo(24, 16)), "JPEG", progressive=True)


@given(data=st.data(), kind=st.sampled_from(sorted(SMALL)))
@settings(max_examples=150)  # a busy machine takes its time: its own is counted
@pytest.mark.filterwarnings("ignore")
def test_no_bytes_raise_and_each_has_one_outcome(data, kind):
    changed = bytearray(SMALL[kind])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255)), max_size=6)):
        changed[at] = value
    mutated = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    began = time.thread_time()
    found = decode(mutated, 1_000_000)
    assert isinstance(read_exif(mutated), Exif)
    assert time.thread_time() - began < 5
    if isinstance(found, Undecodable):
        assert isinstance(found.reason, Reason)
    else:
        assert found.image.ndim == 3
        assert found.image.dtype == np.uint8


def with_exif(**inner):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "RECONYX\0\0", "HYPERFIRE\x07 2"
    ids = {"time": 0x9003, "fraction": 0x9291, "offset": 0x9011, "serial": 0xA431, "digitized": 0x9004}
    exif.get_ifd(0x8769).update({ids[name]: value for name, value in inner.items()})
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_capture_time_and_the_camera_are_read(kind):
    exif = with_exif(time="2024:04:22 08:00:01", fraction="25", offset="-03:30", serial="H500A")
    found = read_exif(saved(Image.fromarray(photo(40, 24)), kind, exif=exif)).to_column()
    assert found == {
        "local_time": "2024-04-22 08:00:01.250000",
        "offset_minutes": -210,
        "make": "RECONYX",
        "model": "HYPERFIRE 2",
        "serial": "H500A",
    }


@pytest.mark.parametrize(
    ("inner", "time", "minutes"),
    [
        pytest.param({"time": "2024:06:01 10:00:00 PM"}, "22:00:00", None, id="PM behind it"),
        pytest.param({"time": "2024:06:01 12:00:00am"}, "00:00:00", None, id="midnight"),
        pytest.param({"time": "2024:06:01 10:00:00+02:00"}, "10:00:00", 120, id="an offset behind it"),
        pytest.param({"time": "2024-06-01T10:00:00-0500"}, "10:00:00", -300, id="an offset without colon"),
        pytest.param({"time": "2024-06-01T10:00:00Z"}, "10:00:00", 0, id="UTC behind it"),
        pytest.param({"time": "2024:06:01 10:00:00.75"}, "10:00:00.750000", None, id="a fraction behind it"),
        pytest.param({"time": "2024:06:01 10:00:00", "offset": "+2:00"}, "10:00:00", 120, id="an offset of one digit"),
        pytest.param({"time": "2024:06:01 10:00:00", "offset": "UTC-3"}, "10:00:00", -180, id="hours from UTC"),
        pytest.param({"time": "2024:06:01 10:00:00 ?", "offset": "+02:00"}, None, 120, id="what nobody understands"),
        pytest.param({"time": "2024:06:01 13:00:00 PM"}, None, None, id="13 PM"),
        pytest.param({"time": "2024:06:01 10:00:00+99:00"}, None, None, id="an impossible offset"),
        pytest.param({"time": "2024:06:01 10:00:00+01:00", "offset": "+02:00"}, None, 120, id="two offsets"),
    ],
)
def test_what_stands_behind_a_time_is_used_or_there_is_none(inner, time, minutes):
    found = read_exif(saved(Image.fromarray(photo(40, 24)), "JPEG", exif=with_exif(**inner)))
    assert found.local_time == (time and datetime.fromisoformat(f"2024-06-01 {time}"))
    assert found.offset_minutes == minutes


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param({"time": "0000:00:00 00:00:00"}, id="a clock never set"),
        pytest.param({"time": "2024:02:30 10:00:00"}, id="30 February"),
        pytest.param({"time": "2024:02:03 24:00:00"}, id="24 o'clock"),
        pytest.param({"digitized": "2024:02:03 04:05:06"}, id="a scanner's time"),
        pytest.param({"time": "\0" * 19}, id="NULs"),
    ],
)
def test_no_time_is_invented(inner):
    assert read_exif(saved(Image.fromarray(photo(40, 24)), "JPEG", exif=with_exif(**inner))).local_time is None


def test_a_text_of_two_megabytes_is_cut():
    text = b"tEXt" + b"a\0" + b"x" * 2_000_000
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    assert isinstance(decode(PNG[:33] + chunk + PNG[33:], LIMIT), Decoded)
    exif = Image.Exif()
    exif[0x010F] = "M" * 5000
    file = io.BytesIO()
    Image.fromarray(photo(8, 8)).save(file, "JPEG", exif=exif)
    assert read_exif(file.getvalue()).make == "M" * 64


def test_the_capture_time_of_a_tiff_is_read():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x8769] = {0x9003: "2024:04:22 08:00:01"}
    assert read_exif(saved(Image.fromarray(photo(40, 24)), "TIFF", tiffinfo=tags)).local_time.hour == 8
