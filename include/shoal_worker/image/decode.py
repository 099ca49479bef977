"""From the bytes of an object to an image, or to the reason why there is none.

The header is judged before anything is decoded (`header`). JPEGs are libjpeg's from the header to the last row (`jpeg`), plain
LZW TIFFs are Pillow's (`tiff_damage`); everything else is decoded by OpenCV.
"""

import io
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from PIL import Image as Pillow

from shoal.contract.image_limits import SCAN_LIMIT
from shoal.contract.rows import Reason
from shoal_worker.image import gif, jpeg, png, tiff, tiff_damage
from shoal_worker.image.header import Header, Undecodable, jpeg_reason, pillow_words, read_header
from shoal_worker.image.letterbox import Image
from shoal_worker.image.markers import read_markers

_ZEROS = 64
"""So many bytes of nothing at its end no packed picture has: its end was never written."""


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


def decode_pixels(data: bytes, header: Header) -> Decoded | Undecodable:
    """Decode an image whose header was found to be within the limits.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    if header.format == "JPEG":
        return _decode_jpeg(data, header)
    if header.format == "PNG":
        return _judge_png(data, header)
    if header.format == "TIFF":
        return _decode_tiff(data, header)
    image = _by_opencv(data, header)
    if image is None and header.format == "GIF":
        return _without_trailer(data, header)
    return Decoded(image) if image is not None else _diagnose(data, header)


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
            return Undecodable(jpeg_reason(str(err)), header, str(err))
        # A kind of JPEG that only OpenCV's build reads keeps its pixels.
        if jpeg.SUBSAMPLED_OTHERWISE in str(err):
            return Decoded(image, detail=f"{err} (OpenCV does, and tells no damage)")
        return Decoded(image, damaged=str(err))
    return Decoded(judged.image, judged.damaged, judged.remark)


def _decode_tiff(data: bytes, header: Header) -> Decoded | Undecodable:
    stored = tiff_damage.stored_as(data)
    image = damaged = None
    if stored is not None and stored.compression == tiff.LZW:
        image, damaged = tiff_damage.read_lzw(data, stored)
    if image is None:
        image = _by_opencv(data, header)
    if image is None:
        return _diagnose(data, header)
    if stored is None:
        return Decoded(image)
    if missing := stored.find_missing(len(data)):
        return Undecodable(Reason.TRUNCATED, header, missing)
    return Decoded(image, damaged or tiff_damage.find_damage(data, stored, image))


def _without_trailer(data: bytes, header: Header) -> Decoded | Undecodable:
    closed = gif.with_trailer(data)
    image = None if closed is None else _by_opencv(closed, header)
    return _diagnose(data, header) if image is None else Decoded(image, detail="trailer missing (all rows are there)")


def _judge_png(data: bytes, header: Header) -> Decoded | Undecodable:
    image = _by_opencv(png.for_opencv(data), header)
    if image is not None:
        return Decoded(image, detail=png.bad_sums(data, critical=False))
    ended = png.with_end(data)
    image = None if ended is None else _by_opencv(png.for_opencv(ended), header)
    if image is not None:
        return Decoded(image, detail="end chunk missing (all rows are there)")
    cut, words = png.why_undecodable(data)
    if cut:
        return Undecodable(Reason.TRUNCATED, header, words)
    return Undecodable(Reason.CORRUPT if words else Reason.UNSUPPORTED, header, words or "OpenCV does not decode it")


def _by_opencv(data: bytes, header: Header) -> Image | None:
    # Where an AVIF's boxes turn it, its EXIF, which may say so again, is not to turn it twice.
    flags = cv2.IMREAD_COLOR if header.turned == 1 else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cast("Image | None", cv2.imdecode(np.frombuffer(data, np.uint8), flags))
    except cv2.error as err:
        if err.code == cv2.Error.STS_NO_MEM:
            raise MemoryError(f"no room to decode {header.width}x{header.height} px") from err
        return None
    return None if image is None else jpeg.turn(image, header.turned)


def _diagnose(data: bytes, header: Header) -> Undecodable:
    """Ask Pillow why OpenCV cannot decode an image."""
    try:
        with Pillow.open(io.BytesIO(data)) as image:
            image.load()
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - Pillow's decoders raise anything on hostile bytes
        words = pillow_words(err)
        cut = "truncated" in words.lower() or _is_cut(data, header)
        return Undecodable(Reason.TRUNCATED if cut else Reason.CORRUPT, header, words)
    if _is_cut(data, header):
        return Undecodable(Reason.TRUNCATED, header, f"{header.format} that ends early")
    if data.endswith(bytes(_ZEROS)):
        return Undecodable(Reason.CORRUPT, header, f"{header.format} that ends in zeros")
    return Undecodable(Reason.UNSUPPORTED, header, f"{header.format} of a kind that OpenCV does not decode")


def _is_cut(data: bytes, header: Header) -> bool:
    if header.format == "TIFF":
        return tiff.is_cut(data)
    if header.format == "GIF":
        return gif.is_cut(data)
    return header.format in {"AVIF", "JPEG2000"} and _boxes_are_cut(data)


def _boxes_are_cut(data: bytes) -> bool:
    """Whether the last box of an ISO file ends behind the bytes."""
    at = 0
    while 0 <= at <= len(data) - 8:
        size = int.from_bytes(data[at : at + 4])
        if size < 8:
            return False
        at += size
    return at > len(data)
