"""TIFFs and GIFs that are damaged inside, or cut by a byte: what is told of them. Whole ones keep OpenCV's pixels."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from shoal.contract.rows import Reason
from shoal_worker.image.decode import Decoded, decode
from shoal_worker.image.header import Undecodable
from worker.images import photo, saved

LIMIT = 100_000_000
SMOOTH = Image.fromarray(cv2.GaussianBlur(photo(320, 240), (0, 0), 1.2))
PACKINGS = ("tiff_deflate", "tiff_lzw", "packbits", "jpeg")


def tiff(packing, mode="RGB", **tags):
    picture = (
        Image.fromarray(np.asarray(SMOOTH.convert("L")).astype(np.uint16) * 257)
        if mode == "I;16"
        else SMOOTH.convert(mode)
    )
    options = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        options[{"predictor": 317, "orientation": 274, "rows": 278}[tag]] = value
    return saved(picture, "TIFF", compression=packing, tiffinfo=options)


def with_hole(data):
    """Zeros inside, as a card leaves them."""
    at = int(len(data) * 0.4)
    return data[:at] + bytes(512) + data[at + 512 :]


def directory_first(deflated, planes=1):
    """A TIFF whose pixels stand behind its directory: what is cut off are pixels. Pillow and libtiff write them before it."""
    rows = np.asarray(SMOOTH)
    pieces = [rows.tobytes()] if planes == 1 else [rows[..., n].tobytes() for n in range(planes)]
    pieces = [zlib.compress(piece) if deflated else piece for piece in pieces]
    start = 8 + 2 + 12 * 10 + 4 + 6 + 8 * planes
    starts = [start + sum(map(len, pieces[:n])) for n in range(planes)]
    sizes = [len(piece) for piece in pieces]
    lists = start - 8 * planes
    offsets, counts = (lists, lists + 4 * planes) if planes > 1 else (starts[0], sizes[0])
    fields = [(256, 3, 1, 320), (257, 3, 1, 240), (258, 3, 3, lists - 6), (259, 3, 1, 8 if deflated else 1), (262, 3, 1, 2),
              (273, 4, planes, offsets), (277, 3, 1, 3), (278, 3, 1, 240), (279, 4, planes, counts),
              (284, 3, 1, 1 if planes == 1 else 2)]  # fmt: skip
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *field) for field in fields) + bytes(4)
    values = struct.pack(f"<3H{2 * planes}I", 8, 8, 8, *starts, *sizes)
    return b"II*\0" + struct.pack("<I", 8) + directory + values + b"".join(pieces)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(with_hole(tiff("tiff_deflate")), "strip 1: Error -3 while decompressing data", id="deflate"),
        pytest.param(with_hole(tiff("tiff_deflate", predictor=2)), "Error -3 while", id="deflate with a predictor"),
        pytest.param(with_hole(tiff("tiff_deflate", "I;16")), "Error -3 while", id="deflate in 16 bits"),
        pytest.param(with_hole(tiff("tiff_lzw")), "LZW: decoder error", id="LZW"),
        pytest.param(with_hole(tiff("packbits")), "PackBits: not the size of its pixels", id="PackBits"),
        pytest.param(with_hole(tiff("jpeg")), "Corrupt JPEG data: premature end of data segment", id="JPEG"),
    ],
)
def test_a_packed_tiff_with_a_hole_is_damaged(data, words):
    found = decode(data, LIMIT)
    assert isinstance(found, Decoded)
    assert words in found.damaged


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("tags", [{}, {"predictor": 2}, {"rows": 16}, {"orientation": 6}], ids=str)
@pytest.mark.parametrize("packing", ["raw", *PACKINGS])
def test_a_whole_tiff_keeps_the_pixels_of_opencv(packing, tags, mode):
    if packing == "jpeg" and mode == "I;16":
        pytest.skip("JPEG keeps 8 bits")
    data = tiff(packing, mode, **tags)
    found, expected = decode(data, LIMIT), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert (found.damaged, found.detail) == (None, None)
    assert found.image.shape == expected.shape
    assert (found.image == expected).all()


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(tiff(packing)[:-1], id=f"{packing}, in its directory") for packing in ("raw", *PACKINGS)),
        *(
            pytest.param(directory_first(deflated, planes)[:-cut], id=f"{cut} of pixels, {planes} planes, {deflated=}")
            for deflated in (True, False)
            for planes in (1, 3)
            for cut in (1, 5000)
        ),
        pytest.param(saved(SMOOTH, "GIF")[:-2], id="a GIF without the end of its blocks"),
        pytest.param(saved(SMOOTH, "GIF")[:5000], id="a GIF in its pixels"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own word on a cut directory
def test_what_is_cut_is_truncated(data):
    found = decode(data, LIMIT)
    assert isinstance(found, Undecodable)
    assert found.reason is Reason.TRUNCATED


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("deflated", [True, False])
def test_the_same_tiffs_are_whole_uncut(deflated, planes):
    found = decode(directory_first(deflated, planes), LIMIT)
    assert found.damaged is None
    assert (found.image[..., ::-1] == np.asarray(SMOOTH)).all()


def zeroed(data):
    """As a copy leaves it that had its size before its bytes."""
    return data[: len(data) // 2].ljust(len(data), b"\0")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *(
            pytest.param(zeroed(tiff(packing)), "zeros where its directory should be", id=packing)
            for packing in PACKINGS
        ),
        pytest.param(zeroed(saved(Image.fromarray(photo()), "AVIF")), "AVIF that ends in zeros", id="AVIF"),
    ],
)
def test_what_ends_in_zeros_is_corrupt(data, words):
    found = decode(data, LIMIT)
    assert isinstance(found, Undecodable)
    assert (found.reason, found.detail) == (Reason.CORRUPT, words)


def with_tags(pictures, **options):
    """Several pictures in one TIFF, the first with these tags."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in options.items():
        tags[{"subfile": 254, "dng": 50706}[tag]] = value
    first, *others = pictures
    return saved(first, "TIFF", tiffinfo=tags, save_all=True, append_images=others)


SMALL = SMOOTH.resize((16, 12))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_tags([SMALL, SMOOTH], subfile=1), id="a preview, then the photo"),
        pytest.param(with_tags([SMALL, SMOOTH], subfile=1)[:-100], id="cut"),
        pytest.param(with_tags([SMOOTH], dng=b"\1\4\0\0"), id="DNG"),
        pytest.param(b"II*\0\x10\0\0\0CR\2\0" + bytes(100), id="CR2"),
    ],
)
def test_the_preview_of_a_raw_photo_is_not_taken_for_it(data):
    found = decode(data, LIMIT)
    assert isinstance(found, Undecodable)
    assert (found.reason, found.header) == (Reason.UNSUPPORTED, None)
    assert "convert it to JPEG" in found.detail


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_tags([SMOOTH, SMALL]), id="a pyramid"),
        pytest.param(with_tags([SMOOTH], subfile=1), id="the only picture, called a small one"),
        pytest.param(with_tags([SMOOTH, SMALL], subfile=2), id="a page"),
    ],
)
def test_the_first_picture_of_a_tiff_is_decoded(data):
    assert (decode(data, LIMIT).image[..., ::-1] == np.asarray(SMOOTH)).all()


def two_pictures():
    return saved(SMOOTH, "GIF", save_all=True, append_images=[SMOOTH.rotate(180)])


@pytest.mark.parametrize(
    ("whole", "cut"),
    [
        pytest.param(saved(SMOOTH, "GIF"), 1, id="only its trailer"),
        pytest.param(saved(SMOOTH, "GIF")[:-1] + bytes(3), 1, id="zeros for its trailer"),
        pytest.param(two_pictures(), 1, id="the trailer of two pictures"),
        pytest.param(two_pictures(), 3000, id="in its second picture"),
    ],
)
def test_a_gif_whose_first_picture_is_there_is_whole(whole, cut):
    found = decode(whole[:-cut], LIMIT)
    assert found.detail == "trailer missing (all rows are there)"
    assert (found.image == decode(whole, LIMIT).image).all()
