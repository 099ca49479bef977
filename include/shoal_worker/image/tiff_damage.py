"""Whether a packed TIFF is whole inside. OpenCV decodes many that are not, and tells stderr alone, where threads mix.

Each packing tells in its own way: deflate keeps a checksum of the pixels, LZW and PackBits unpack to another size once they have
lost their place (Pillow's decoders hand that over), JPEG has libjpeg's words. Without packing, and of fax, nothing tells.
"""

import io
import zlib
from collections.abc import Collection
from itertools import product

import cv2
import numpy as np
from PIL import Image as Pillow

from shoal_worker.image import jpeg
from shoal_worker.image.letterbox import Image
from shoal_worker.image.tiff import DEFLATE, JPEG, PACKBITS, Piece, Stored, read_stored

MEGABYTE = 1 << 20

_TELLING = DEFLATE | {PACKBITS, JPEG}

_DECODER_FAILED = "decoder error"
"""Pillow's word where libtiff gave up; others are about kinds that Pillow does not read."""

_MARK = b"\xa7\x16\xe9"
_MARK_RUN = bytes((len(_MARK) - 1,)) + _MARK


def stored_as(data: bytes) -> Stored | None:
    """Read how a TIFF is stored; None where its tags are of a kind that is not understood.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    try:
        with Pillow.open(io.BytesIO(data)) as lazy:
            return read_stored(lazy)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return None


def read_lzw(data: bytes, stored: Stored) -> tuple[Image | None, str | None]:
    """Decode an LZW TIFF by Pillow, which says where a strip has too little.

    Returns:
        The pixels, where they are those of OpenCV, and words about damage.
    """
    try:
        with Pillow.open(io.BytesIO(data)) as image:
            image.load()
            if not stored.is_plain or image.mode not in ("L", "RGB"):
                return None, None
            pixels, to_bgr = np.asarray(image), cv2.COLOR_GRAY2BGR if image.mode == "L" else cv2.COLOR_RGB2BGR
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - Pillow's decoders raise anything on hostile bytes
        return None, f"LZW: {err}" if _DECODER_FAILED in str(err) else None
    return _recoloured(pixels, to_bgr), None


def _recoloured(pixels: Image, code: int) -> Image:
    """Turn colours by OpenCV, which is faster at it than NumPy.

    Raises:
        MemoryError: There was no room.
    """
    try:
        return np.asarray(cv2.cvtColor(pixels, code), np.uint8)
    except cv2.error as err:
        raise MemoryError(f"no room to turn the colours of {pixels.shape[1]}x{pixels.shape[0]} px") from err


def find_damage(data: bytes, stored: Stored, image: Image) -> str | None:
    """Say what is wrong inside; None where nothing is, or nothing tells.

    Args:
        data: The whole file.
        stored: How the picture is stored.
        image: Its pixels by OpenCV.
    """
    if not stored.is_usual or stored.compression not in _TELLING:
        return None
    for piece in stored.pieces:
        words = _wrong_inside(piece, piece.body(data), stored, image)
        if words:
            return f"{piece.name}: {words}"
    return None


def _wrong_inside(piece: Piece, body: bytes, stored: Stored, image: Image) -> str | None:
    if stored.compression == PACKBITS:
        return _wrong_packbits(body, {piece.unpacked_bytes, piece.full_bytes})
    if stored.compression == JPEG:
        return jpeg.damage_of(_whole_jpeg(body, stored.jpeg_tables))
    return None if _has_sum_of(piece, body, stored, image) else _wrong_deflate(body, piece.unpacked_bytes)


def _has_sum_of(piece: Piece, body: bytes, stored: Stored, image: Image) -> bool:
    """Whether the checksum behind deflated rows is that of the pixels: cheaper than to unpack them anew."""
    if not stored.is_plain or piece.rows * image.shape[1] not in (piece.unpacked_bytes, piece.unpacked_bytes // 3):
        return False
    rows = image[piece.top : piece.top + piece.rows]
    rows = (
        np.asarray(cv2.cvtColor(rows, cv2.COLOR_BGR2RGB), np.uint8)
        if piece.unpacked_bytes == rows.size
        else rows[:, :, :1]
    )
    if stored.predictor == 2:
        rows = np.concatenate((rows[:, :1], rows[:, 1:] - rows[:, :-1]), axis=1)
    return zlib.adler32(np.ascontiguousarray(rows).data) == int.from_bytes(body[-4:])


def _wrong_deflate(body: bytes, unpacked_bytes: int) -> str | None:
    """Unpack a megabyte at a time, thrown away; no more than its pixels may take, or a few bytes unfold to gigabytes."""
    unpack, rest, left = zlib.decompressobj(), body, unpacked_bytes + MEGABYTE
    try:
        while rest and left > 0:
            left -= len(unpack.decompress(rest, MEGABYTE))
            rest = unpack.unconsumed_tail
    except zlib.error as err:
        return str(err)
    if left <= 0:
        return "more than its pixels"
    return None if unpack.eof else "deflated data without an end"


def _wrong_packbits(body: bytes, sizes: Collection[int]) -> str | None:
    """Unpack a piece as one long row, with three bytes of ours behind: they stand where its runs end."""
    # What is stored may be filled up to an even size, or with zeros to a multiple of four.
    for runs, unpacked_bytes in product((body, body[:-1], body.rstrip(b"\0")), sizes):
        try:
            row = Pillow.frombytes("L", (unpacked_bytes + len(_MARK), 1), runs + _MARK_RUN, "packbits", "L")
        except ValueError:
            continue  # the row is not full
        if row.crop((unpacked_bytes, 0, *row.size)).tobytes() == _MARK:
            return None
    return "PackBits: not the size of its pixels"


def _whole_jpeg(body: bytes, tables: bytes) -> bytes:
    """Put the shared tables of a TIFF, a JPEG without pixels, before those of one piece."""
    return tables.removesuffix(jpeg.END) + body[2:] if tables else body
