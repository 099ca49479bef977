"""The header of an image, judged before anything is decoded: 48 kB of PNG can unfold to gigabytes.

A JPEG's is libjpeg's (`jpeg`), a PNG's is read from its chunks, every other one by Pillow.
"""

import io
import re
from dataclasses import dataclass, field

from PIL import Image as Pillow

from shoal.contract.errors import one_line
from shoal.contract.image_limits import SCAN_LIMIT
from shoal.contract.rows import Reason
from shoal_worker.image import jpeg, jpeg2000, png, tiff
from shoal_worker.image.markers import MOST_SEGMENTS, count_scans, read_markers
from shoal_worker.image.other_files import tell_other_file
from shoal_worker.image.tiff import ORIENTATION

Pillow.MAX_IMAGE_PIXELS = None  # our own limit is checked against the header; Pillow's would hide the size

FORMATS = frozenset({"JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000"})
"""Formats decoded, in Pillow's names; all of them are ones that OpenCV reads. Of several pictures, the first."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_HEIC = "HEIC: convert with `heif-convert IN.heic OUT.jpg` or `magick mogrify -format jpg *.heic`"
_RAW = "the first picture is a preview of another one, as in a raw photo: convert it to JPEG"
_MAGIC = (png.SIGNATURE, b"\xff\xd8\xff", b"GIF87a", b"GIF89a", *tiff.MAGIC)
_JPEG_CANNOT = ("nsupported", "precision", "not supported", "DNL", "arithmetic coding", "not implemented")
_OBJECT = re.compile(r" <[\w.]+ object at 0x[0-9a-f]+>")


@dataclass(frozen=True)
class Header:
    """What an image says of itself before it is decoded; EXIF rotation is not applied.

    Attributes:
        width: Pixels.
        height: Pixels.
        format: Pillow's name of it.
        tile_pixels: Pixels of one of the tiles that it is decoded in, 0 where it has none.
        turned: The EXIF orientation that an AVIF's own boxes (`irot`, `imir`) come to, which OpenCV does not apply; 1 for none.
    """

    width: int
    height: int
    format: str = field(default="", compare=False)
    tile_pixels: int = field(default=0, compare=False)
    turned: int = field(default=1, compare=False)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


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
    if data.startswith(tiff.MAGIC) and tiff.is_preview(data):
        return Undecodable(Reason.UNSUPPORTED, detail=_RAW)
    return _by_pillow(data)


def _by_pillow(data: bytes) -> Header | Undecodable:
    try:
        with Pillow.open(io.BytesIO(data)) as lazy:
            return Header(*lazy.size, lazy.format or "", tiff.tile_pixels(lazy), _turned(lazy))
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return _no_header(data, pillow_words(err))


def _turned(lazy: Pillow.Image) -> int:
    """Read how an AVIF is turned: Pillow writes what its boxes say into the EXIF that it hands over, and turns nothing."""
    if lazy.format != "AVIF":
        return 1
    orientation = lazy.getexif().get(ORIENTATION, 1)
    return orientation if orientation in range(2, 9) else 1


def _jpeg_header(data: bytes) -> Header | Undecodable:
    try:
        return Header(*jpeg.read_size(data), "JPEG")
    except jpeg.JpegError as err:
        markers = read_markers(data)
        if jpeg.SUBSAMPLED_OTHERWISE in str(err) and markers.size is not None:
            return Header(*markers.size, "JPEG")
        if markers.is_cut or not (markers.scans or markers.has_end):
            return Undecodable(Reason.TRUNCATED, detail=str(err))
        return Undecodable(jpeg_reason(str(err)), detail=str(err))


def _no_header(data: bytes, words: str) -> Undecodable:
    """Say why a header that Pillow cannot read is none."""
    if data.startswith(tiff.MAGIC) and tiff.is_blank(data):
        return Undecodable(Reason.CORRUPT, detail="zeros where its directory should be")
    if data.startswith(tiff.MAGIC) and not tiff.is_cut(data):
        return Undecodable(Reason.UNSUPPORTED, detail="TIFF of a kind that is not decoded (8 or 16 bit integers are)")
    if not _starts_like_an_image(data):
        return Undecodable(Reason.NOT_IMAGE, detail=tell_other_file(data))
    return Undecodable(Reason.TRUNCATED, detail=words)


def _starts_like_an_image(data: bytes) -> bool:
    """Whether the first bytes are those of a format we decode, though its header is unreadable."""
    if data[:4] == b"RIFF":
        return data[8:12] in (b"WEBP", b"")
    if data[:2] == b"BM":
        return data[6:10] == bytes(4)  # two letters are no magic: BMP keeps these four bytes zero
    return data.startswith(_MAGIC) or data[4:12] == b"ftypavif"


def jpeg_reason(words: str) -> Reason:
    """Tell a JPEG that libjpeg does not decode from one that is damaged, by its words."""
    return (
        Reason.UNSUPPORTED if any(word in words for word in _JPEG_CANNOT) and "marker" not in words else Reason.CORRUPT
    )


def pillow_words(err: Exception) -> str:
    """Write what Pillow says of bytes: of the same ones the same, so no address of an object is in it."""
    return one_line(_OBJECT.sub("", f"{type(err).__name__}: {err}"), 200)
