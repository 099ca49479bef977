import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from shoal.contract.image_limits import PIXEL_LIMIT
from shoal.contract.rows import Reason
from shoal_worker.image.decode import decode
from shoal_worker.image.header import Header, Undecodable, read_header
from worker.images import encoded, one_bit_png, photo, saved
from worker.processes import worker_env

JPEG, PNG, TIFF, WEBP, BMP = (encoded(photo(), suffix) for suffix in (".jpg", ".png", ".tiff", ".webp", ".bmp"))
PROGRESSIVE = saved(Image.fromarray(photo()), "JPEG", progressive=True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.EMPTY, id="no bytes"),
        pytest.param(b"<?xml version='1.0'?><Error/>", Reason.NOT_IMAGE, id="an XML error saved as .jpg"),
        pytest.param(b"BMW is no bitmap, whatever it begins with", Reason.NOT_IMAGE, id="text that begins with BM"),
        pytest.param(bytes(1000), Reason.NOT_IMAGE, id="zeros"),
        pytest.param(JPEG[: len(JPEG) // 2], Reason.TRUNCATED, id="half a JPEG"),
        pytest.param(JPEG[:-4], Reason.TRUNCATED, id="a JPEG without its last pixels"),
        pytest.param(JPEG[:20], Reason.TRUNCATED, id="a JPEG that ends in its header"),
        pytest.param(PROGRESSIVE[:-10], Reason.TRUNCATED, id="a progressive JPEG that ends early"),
        pytest.param(PNG[: len(PNG) // 2], Reason.TRUNCATED, id="half a PNG"),
        pytest.param(TIFF[: len(TIFF) // 2], Reason.TRUNCATED, id="half a TIFF"),
        pytest.param(WEBP[: len(WEBP) // 2], Reason.TRUNCATED, id="half a WebP"),
        pytest.param(BMP[: len(BMP) // 2], Reason.TRUNCATED, id="half a BMP"),
        pytest.param(PNG[:2000] + bytes(500) + PNG[2500:], Reason.CORRUPT, id="a PNG with a hole"),
        pytest.param(b"\0\0\0\x18ftypheic" + bytes(40), Reason.UNSUPPORTED, id="a HEIC"),
        pytest.param(saved(Image.new("RGB", (9, 9)), "PPM"), Reason.UNSUPPORTED, id="a PPM"),
        pytest.param(one_bit_png(10_001, 10_000), Reason.TOO_LARGE, id="one row more than the limit"),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")  # Pillow's own word on the half TIFF
def test_bad_bytes_have_a_reason(data, reason):
    result = decode(data, PIXEL_LIMIT)
    assert isinstance(result, Undecodable)
    assert result.reason is reason


def test_a_refused_image_tells_the_size_it_claims():
    assert decode(one_bit_png(20_000, 20_000), PIXEL_LIMIT) == Undecodable(Reason.TOO_LARGE, Header(20_000, 20_000))
    assert decode(JPEG[:-3], PIXEL_LIMIT) == Undecodable(Reason.TRUNCATED, Header(400, 300))


def test_an_image_of_exactly_the_limit_is_decoded():
    assert decode(one_bit_png(400, 300), 400 * 300).image.shape == (300, 400, 3)
    assert decode(one_bit_png(400, 300), 400 * 300 - 1) == Undecodable(Reason.TOO_LARGE, Header(400, 300))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(one_bit_png(20_000, 20_000), id="a PNG bomb"),
        pytest.param(JPEG.replace(b"\x01\x2c\x01\x90", b"\xff\xdc\xff\xdc", 1), id="a JPEG that claims 65500x65500 px"),
    ],
)
def test_a_bomb_costs_no_memory(data, tmp_path):
    bomb = tmp_path / "bomb"
    bomb.write_bytes(data)
    script = (
        "import resource, sys, pathlib\n"
        "from shoal_worker.image.decode import decode\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "result = decode(pathlib.Path(sys.argv[1]).read_bytes(), 100_000_000)\n"
        "print(result.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, bomb], env=worker_env(), capture_output=True, text=True, check=True
    )
    reason, grown_kib = done.stdout.split()
    assert reason == "too_large"
    assert int(grown_kib) < 20_000


def test_opencv_itself_refuses_what_is_over_the_limit():
    """The header is Pillow's; should OpenCV read another size from the same bytes, its own bound holds."""
    script = (
        "import shoal_worker, cv2, numpy, sys\n"
        "data = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8)\n"
        "try:\n    print(cv2.imdecode(data, cv2.IMREAD_COLOR) is None)\n"
        "except cv2.error as err:\n    print('CV_IO_MAX_IMAGE_PIXELS' in str(err))\n"
    )
    data = one_bit_png(10_001, 10_000)
    done = subprocess.run([sys.executable, "-c", script], env=worker_env(), input=data, capture_output=True, check=True)
    assert done.stdout == b"True\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(JPEG, id="JPEG"),
        pytest.param(PROGRESSIVE, id="progressive JPEG"),
        pytest.param(PNG, id="PNG, whatever the key's suffix says"),
        pytest.param(TIFF, id="TIFF"),
        pytest.param(WEBP, id="WebP"),
        pytest.param(BMP, id="BMP"),
        pytest.param(JPEG + bytes(1000), id="trailing zeros"),
        pytest.param(JPEG[:-2], id="a JPEG without its end marker"),
        pytest.param(PNG[:-12], id="a PNG without its end chunk"),
        pytest.param(saved(Image.fromarray(photo()), "GIF"), id="GIF"),
        pytest.param(saved(Image.fromarray(photo()), "AVIF"), id="AVIF"),
        pytest.param(saved(Image.fromarray(photo()[..., 0]), "JPEG"), id="grey"),
        pytest.param(saved(Image.fromarray(photo()).convert("P"), "PNG"), id="palette"),
        pytest.param(saved(Image.fromarray(photo()).convert("RGBA"), "PNG"), id="RGBA"),
        pytest.param(saved(Image.fromarray(photo()).convert("CMYK"), "JPEG"), id="CMYK"),
        pytest.param(saved(Image.fromarray(photo()).convert("1"), "PNG"), id="one bit"),
        pytest.param(
            saved(Image.fromarray(photo()), "MPO", save_all=True, append_images=[Image.fromarray(photo())]), id="MPO"
        ),
    ],
)
def test_what_is_an_image_becomes_three_bytes_per_pixel(data):
    image = decode(data, PIXEL_LIMIT).image
    assert (image.shape, image.dtype) == ((300, 400, 3), np.uint8)
    assert abs(image.mean() - photo().mean()) < 25


def test_cmyk_keeps_its_colours():
    blue = saved(Image.new("RGB", (64, 64), (20, 40, 200)).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode(blue, PIXEL_LIMIT).image.reshape(-1, 3).mean(axis=0) - [200, 40, 20]).max() < 8


def test_sixteen_bits_keep_their_upper_eight():
    deep = (np.arange(300 * 400, dtype=np.uint32) % 65536).astype(np.uint16).reshape(300, 400)
    assert (decode(encoded(deep, ".png"), PIXEL_LIMIT).image[..., 0] == deep >> 8).all()


def test_exif_rotation_is_applied():
    left_half_white = Image.fromarray(np.repeat(np.array([[255, 0]], np.uint8), 200, axis=1).repeat(300, axis=0))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees clockwise
    image = decode(saved(left_half_white, "JPEG", exif=exif), PIXEL_LIMIT).image
    assert image.shape == (400, 300, 3)
    assert image[:190].mean() > 250
    assert image[210:].mean() < 5


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_avif_is_turned_as_a_jpeg_is(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = saved(Image.fromarray(photo(64, 32)), "JPEG", exif=exif, quality=95)
    avif = saved(Image.fromarray(photo(64, 32)), "AVIF", exif=exif, quality=95)  # written as boxes `irot` and `imir`
    ours, theirs = decode(avif, PIXEL_LIMIT).image, decode(jpeg, PIXEL_LIMIT).image
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 2


@pytest.mark.parametrize("cut", [0, 12, 20], ids=["whole", "without its end", "cut in its last picture"])
@pytest.mark.parametrize("apart", [True, False], ids=["beside its animation", "the animation's first"])
def test_of_an_animated_png_the_still_picture_is_decoded(apart, cut):
    still, *moving = (Image.new("L", (20, 10), value) for value in (10, 100, 200))
    data = saved(still, "PNG", save_all=True, append_images=moving, default_image=apart)
    assert (decode(data[: len(data) - cut], PIXEL_LIMIT).image == 10).all()


def test_a_header_costs_no_decoding():
    assert read_header(PNG, PIXEL_LIMIT) == Header(400, 300)


def test_real_photos_decode_at_their_size(obsea_photos):
    for path in obsea_photos:
        data = path.read_bytes()
        image = decode(data, PIXEL_LIMIT).image
        assert image.shape == (1520, 2688, 3)
        assert (image == cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)).all()


def test_real_photos_cut_anywhere_are_truncated(obsea_photos):
    data = obsea_photos[0].read_bytes()
    for length in (len(data) - 10, len(data) * 2 // 3, len(data) // 10, 1000):
        assert decode(data[:length], PIXEL_LIMIT).reason is Reason.TRUNCATED, length
