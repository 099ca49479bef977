"""From the bytes of an object to an image, or to the reason why there is none.

The header is judged before anything is decoded: 48 kB of PNG can unfold to gigabytes. JPEGs are libjpeg's from the
header to the last row (`jpeg`); everything else is decoded by OpenCV, its header read by Pillow or from PNG's chunks.
"""

import io
import re
from dataclasses import dataclass, field
from math import prod
from typing import Literal, cast

import cv2
import numpy as np
from PIL import Image as Pillow

from shoal.contract.errors import one_line
from shoal.contract.job import SCAN_LIMIT
from shoal.contract.rows import Reason
from shoal_worker.image import jpeg, jpeg2000, png
from shoal_worker.image.letterbox import Image
from shoal_worker.image.markers import MOST_SEGMENTS, count_scans, read_markers
from shoal_worker.image.other_files import tell_other_file

Pillow.MAX_IMAGE_PIXELS = None  # our own limit is checked against the header; Pillow's would hide the size

FORMATS = frozenset({"JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000"})
"""Formats decoded, in Pillow's names; all of them are ones that OpenCV reads. Of several pictures, the first."""

STRIP_OFFSETS, STRIP_BYTES, TIFF_SHORT, FIELD_BYTES = 273, 279, 3, 4
TILE_WIDTH, TILE_HEIGHT = 322, 323

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_HEIC = "HEIC: convert with `heif-convert IN.heic OUT.jpg` or `magick mogrify -format jpg *.heic`"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAGIC = (png.SIGNATURE, b"\xff\xd8\xff", b"GIF87a", b"GIF89a", *_TIFF_MAGIC)
_OBJECT = re.compile(r" <[\w.]+ object at 0x[0-9a-f]+>")
_JPEG_CANNOT = ("nsupported", "precision", "not supported", "DNL", "arithmetic coding", "not implemented")


@dataclass(frozen=True)
class Header:
    """What an image says of itself before it is decoded; EXIF rotation is not applied.

    Attributes:
        width: Pixels.
        height: Pixels.
        format: Pillow's name of it.
        tile_pixels: Pixels of one of the tiles that it is decoded in, 0 where it has none.
    """

    width: int
    height: int
    format: str = field(default="", compare=False)
    tile_pixels: int = field(default=0, compare=False)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@dataclass(frozen=True)
class Decoded:
    """An image.

    Attributes:
        image: `(H, W, 3)` uint8 BGR, EXIF rotation applied, 16-bit channels shifted to 8.
        damaged: The decoder's words where pixels are not those that were written, None for a whole image.
        detail: Its words about anything else in the file.
    """

    image: Image
    damaged: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Undecodable:
    """Why bytes are no image we can use.

    Attributes:
        reason: The code stored in the row.
        header: The size the image claims, where its header could be read.
        detail: The decoder's words, or ours.
    """

    reason: Reason
    header: Header | None = None
    detail: str | None = field(default=None, compare=False)


def decode(data: bytes, pixel_limit: int, scan_limit: int = SCAN_LIMIT) -> Decoded | Undecodable:
    """Decode an image.

    Args:
        data: The whole object.
        pixel_limit: Most pixels (width times height) an image may have.
        scan_limit: Most scans a JPEG may have.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    header = read_header(data, pixel_limit, scan_limit)
    return header if isinstance(header, Undecodable) else decode_pixels(data, header)


def read_header(data: bytes, pixel_limit: int, scan_limit: int = SCAN_LIMIT) -> Header | Undecodable:
    """Read format and size without decoding; needs next to no memory.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    if not data:
        return Undecodable(Reason.EMPTY)
    header = _claimed(data)
    if isinstance(header, Undecodable):
        return header
    if header.format not in FORMATS:
        return Undecodable(Reason.UNSUPPORTED, header, f"{header.format} is not decoded")
    if header.pixels > pixel_limit:
        return Undecodable(
            Reason.TOO_LARGE, header, f"{header.pixels} pixels, the limit is {pixel_limit} (model.pixel_limit)"
        )
    if words := _too_complex(data, header, pixel_limit, scan_limit):
        return Undecodable(Reason.TOO_COMPLEX, header, words)
    return header


def _too_complex(data: bytes, header: Header, pixel_limit: int, scan_limit: int) -> str | None:
    """Say why an image costs more than its pixels do; None where it does not."""
    if header.format == "JPEG2000":
        return jpeg2000.too_complex(data)
    if header.tile_pixels > pixel_limit:
        return f"tiles of {header.tile_pixels} pixels, the limit is {pixel_limit} (model.pixel_limit)"
    return _too_many_scans(data, scan_limit) if header.format == "JPEG" else None


def _too_many_scans(data: bytes, scan_limit: int) -> str | None:
    scans = count_scans(data, scan_limit)
    if scans is None:
        return f"more than {MOST_SEGMENTS} segments in a JPEG of many scans"
    return f"{scans} scans, the limit is {scan_limit} (model.scan_limit)" if scans > scan_limit else None


def decode_pixels(data: bytes, header: Header) -> Decoded | Undecodable:
    """Decode an image whose header was found to be within the limits.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    if header.format == "JPEG":
        return _decode_jpeg(data, header)
    if header.format == "PNG":
        return _judge_png(data, header, _by_opencv(png.without_texts(data), header))
    image = _by_opencv(data, header)
    return Decoded(image) if image is not None else _diagnose(data, header)


def _claimed(data: bytes) -> Header | Undecodable:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_header(data)
    if data.startswith(png.SIGNATURE):
        size = png.read_size(data)
        if size is None:
            return Undecodable(Reason.TRUNCATED if len(data) < 33 else Reason.CORRUPT, detail="no IHDR chunk")
        return Header(*size, "PNG") if min(size) else Undecodable(Reason.CORRUPT, detail="IHDR: a side of 0 px")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS and b"avif" not in data[12:64]:
        return Undecodable(Reason.UNSUPPORTED, detail=_HEIC)
    try:
        with Pillow.open(io.BytesIO(data)) as lazy:
            return Header(*lazy.size, lazy.format or "", _tile_pixels(lazy))
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return _no_header(data, _words(err))


def _tile_pixels(lazy: Pillow.Image) -> int:
    """Read how large a TIFF's tiles are: each is unpacked whole, however little of it the image shows."""
    tags = getattr(lazy, "tag_v2", None)
    sides = [] if tags is None else [tags.get(TILE_WIDTH, 0), tags.get(TILE_HEIGHT, 0)]
    return prod(sides) if all(isinstance(side, int) for side in sides) and sides else 0


def _no_header(data: bytes, words: str) -> Undecodable:
    """Say why a header that Pillow cannot read is none."""
    if data.startswith(_TIFF_MAGIC) and not _tiff_is_cut(data):
        return Undecodable(Reason.UNSUPPORTED, detail="TIFF of a kind that is not decoded (8 or 16 bit integers are)")
    if not _starts_like_an_image(data):
        return Undecodable(Reason.NOT_IMAGE, detail=tell_other_file(data))
    return Undecodable(Reason.TRUNCATED, detail=words)


def _jpeg_header(data: bytes) -> Header | Undecodable:
    try:
        return Header(*jpeg.read_size(data), "JPEG")
    except jpeg.JpegError as err:
        markers = read_markers(data)
        if jpeg.SUBSAMPLED_OTHERWISE in str(err) and markers.size is not None:
            return Header(*markers.size, "JPEG")
        if markers.is_cut or not (markers.scans or markers.has_end):
            return Undecodable(Reason.TRUNCATED, detail=str(err))
        return Undecodable(_jpeg_reason(str(err)), detail=str(err))


def _decode_jpeg(data: bytes, header: Header) -> Decoded | Undecodable:
    try:
        judged = jpeg.decode_jpeg(data)
    except jpeg.MissingRowsError as err:
        return Undecodable(Reason.TRUNCATED, header, str(err))
    except jpeg.JpegError as err:
        markers, image = read_markers(data), _by_opencv(data, header)
        if markers.is_cut or (jpeg.SUBSAMPLED_OTHERWISE in str(err) and not markers.has_end):
            return Undecodable(Reason.TRUNCATED, header, str(err))
        if image is None:
            return Undecodable(_jpeg_reason(str(err)), header, str(err))
        # A kind of JPEG that only OpenCV's build reads keeps its pixels.
        if jpeg.SUBSAMPLED_OTHERWISE in str(err):
            return Decoded(image, detail=f"{err} (OpenCV does, and tells no damage)")
        return Decoded(image, damaged=str(err))
    return Decoded(judged.image, judged.damaged, judged.remark)


def _jpeg_reason(words: str) -> Reason:
    return (
        Reason.UNSUPPORTED if any(word in words for word in _JPEG_CANNOT) and "marker" not in words else Reason.CORRUPT
    )


def _judge_png(data: bytes, header: Header, image: Image | None) -> Decoded | Undecodable:
    if image is not None:
        return Decoded(image, detail=png.bad_sums(data, critical=False))
    ended = png.with_end(data)
    image = None if ended is None else _by_opencv(ended, header)
    if image is not None:
        return Decoded(image, detail="end chunk missing (all rows are there)")
    cut, words = png.why_undecodable(data)
    if cut:
        return Undecodable(Reason.TRUNCATED, header, words)
    return Undecodable(Reason.CORRUPT if words else Reason.UNSUPPORTED, header, words or "OpenCV does not decode it")


def _by_opencv(data: bytes, header: Header) -> Image | None:
    try:
        return cast("Image | None", cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    except cv2.error as err:
        if err.code == cv2.Error.STS_NO_MEM:
            raise MemoryError(f"no room to decode {header.width}x{header.height} px") from err
        return None


def _diagnose(data: bytes, header: Header) -> Undecodable:
    """Ask Pillow why OpenCV cannot decode an image."""
    try:
        with Pillow.open(io.BytesIO(data)) as image:
            image.load()
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - Pillow's decoders raise anything on hostile bytes
        words = _words(err)
        cut = "truncated" in words.lower() or (header.format in {"AVIF", "JPEG2000"} and _boxes_are_cut(data))
        return Undecodable(Reason.TRUNCATED if cut else Reason.CORRUPT, header, words)
    return Undecodable(Reason.UNSUPPORTED, header, f"{header.format} of a kind that OpenCV does not decode")


def _words(err: Exception) -> str:
    # The same bytes have the same words: no address of an object is among them.
    return one_line(_OBJECT.sub("", f"{type(err).__name__}: {err}"), 200)


def _boxes_are_cut(data: bytes) -> bool:
    """Whether the last box of an ISO file ends behind the bytes."""
    at = 0
    while 0 <= at <= len(data) - 8:
        size = int.from_bytes(data[at : at + 4])
        if size < 8:
            return False
        at += size
    return at > len(data)


def _tiff_is_cut(data: bytes) -> bool:
    """Whether the first directory of a TIFF, or the last strip that it names, ends behind the bytes."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    if b"+" in data[2:4]:
        return False  # BigTIFF: not looked into

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    at = number(4, 4)
    end = at + 2 + 12 * number(at, 2)
    if end > len(data):
        return True
    fields = {number(place, 2): place for place in range(at + 2, end, 12)}

    def last(tag: int) -> int:
        place = fields.get(tag)
        if place is None:
            return 0
        size, values, where = (2 if number(place + 2, 2) == TIFF_SHORT else 4), number(place + 4, 4), place + 8
        if values * size > FIELD_BYTES:
            where = number(where, 4)
        return number(where + size * (values - 1), size) if values else 0

    return last(STRIP_OFFSETS) + last(STRIP_BYTES) > len(data)


def _starts_like_an_image(data: bytes) -> bool:
    """Whether the first bytes are those of a format we decode, though its header is unreadable."""
    if data[:4] == b"RIFF":
        return data[8:12] in (b"WEBP", b"")
    if data[:2] == b"BM":
        return data[6:10] == bytes(4)  # two letters are no magic: BMP keeps these four bytes zero
    return data.startswith(_MAGIC) or data[4:12] == b"ftypavif"
