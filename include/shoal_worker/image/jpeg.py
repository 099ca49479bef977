"""JPEG: one decoder for size, pixels and libjpeg's own words, which say what is wrong with the bytes.

OpenCV writes those words to stderr, where several threads mix. `simplejpeg` hands them over, and the pixels are those
of OpenCV to the last bit (both are libjpeg-turbo; tests/unit/worker/test_jpeg.py compares them).
"""

import re
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import simplejpeg

from shoal_worker.image.letterbox import Image
from shoal_worker.image.markers import BETWEEN_SCANS, EOI, RESTARTS, Markers, read_app1, read_markers

END = b"\xff\xd9"

HARMLESS = (
    "unknown JFIF revision number",  # JWRN_JFIF_MAJOR: the number of a norm
    "Unknown Adobe color transform code",  # JWRN_ADOBE_XFORM: taken for YCbCr, as every reader does
    "bad ICC marker",  # JWRN_BOGUS_ICC: a colour profile, which nobody here applies
)
"""libjpeg's warnings that touch no pixel; its whole list is in `jerror.h` of libjpeg-turbo 3. See also `_is_harmless`."""

PADDING_BYTES = 4
"""So many bytes before a restart marker are a camera's alignment (libavg issue 782, a webcam whose images are whole)."""

NO_END = "Premature end of JPEG file"
"""JWRN_JPEG_EOF: the bytes ended before the end marker; whether rows are missing is another question."""

NO_BITS = "premature end of data segment"
"""JWRN_HIT_MARKER: a marker came while bits of pixels were missing."""

SUBSAMPLED_OTHERWISE = "Could not determine subsampling level"
"""TurboJPEG's word for sampling factors that it has no name for, such as those of a CMYK with colours at half size."""

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_ROUNDS = 4
"""Places of extraneous bytes that are looked behind: libjpeg hands over its last word only."""


@dataclass(frozen=True)
class Judged:
    """Pixels, and what libjpeg said of them.

    Attributes:
        image: `(H, W, 3)` uint8 BGR, EXIF rotation applied.
        damaged: Words about the pixels, None for a whole image.
        remark: Words about anything else.
    """

    image: Image
    damaged: str | None = None
    remark: str | None = None


class JpegError(Exception):
    """libjpeg gave no pixels, or not all of them; the text is its own."""


class MissingRowsError(JpegError):
    """The bytes end before the last row."""


def read_size(data: bytes) -> tuple[int, int]:
    """Read (width, height) in pixels, before any rotation.

    Raises:
        JpegError: The header cannot be read.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data, strict=False)
    except MemoryError:
        raise
    except KeyError as err:  # its way to say that libjpeg found no colours there
        raise JpegError("no size and colours in its header") from err
    except Exception as err:
        raise JpegError(str(err)) from err
    return int(width), int(height)


def decode_jpeg(data: bytes) -> Judged:
    """Decode, and say what the pixels are worth.

    Raises:
        MissingRowsError: Rows are missing.
        JpegError: There are no pixels.
        MemoryError: There was no room; this says nothing about the image.
    """
    image, words = _pixels_and_words(data)
    if words is None:
        return Judged(_turned_as_opencv(image, data))
    markers = read_markers(data)
    if NO_END in words or (not markers.has_end and not _is_harmless(words, markers.scans)):
        return _without_end(data, markers)
    damage = _damage(data, image, words, markers.scans)
    return Judged(_turned_as_opencv(image, data), damage, None if damage else words)


def damage_of(data: bytes) -> str | None:
    """Say what libjpeg says of pixels that another decoder reads; they are unpacked at an eighth of their size, thrown away.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    ended = data if data.rstrip(b"\0").endswith(END) else data + END
    try:
        simplejpeg.decode_jpeg(ended, "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=8)
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - its words tell a warning
        words = str(err)
        is_known = SUBSAMPLED_OTHERWISE in words or _is_harmless(words, read_markers(ended).scans)
        return None if is_known else words
    return None


def _without_end(data: bytes, markers: Markers) -> Judged:
    """Judge bytes without an end marker by the rows that they hold."""
    ended = data.removesuffix(b"\xff") + END
    image, words = _pixels_and_words(ended)
    rows = image.shape[0] if words is None else _rows_in(data, image, words)
    if rows < image.shape[0] or not markers.is_complete:
        part = f"{rows} of {image.shape[0]} rows" if rows < image.shape[0] else "scans are missing"
        raise MissingRowsError(f"{NO_END} ({part})")
    turned = _turned_as_opencv(image, data)
    if words is None:
        return Judged(turned, remark=f"{NO_END} (all rows are there)")
    return Judged(turned, damaged=f"{NO_END}; {words}")


def _rows_in(data: bytes, image: Image, words: str) -> int:
    """Count the rows that do not depend on what would follow the bytes: those are really there."""
    height = int(image.shape[0])
    filler = np.random.default_rng(0).integers(1, 255, 4096, np.uint8)  # neither it nor its complement holds 0xff
    differs = np.zeros(height, bool)
    for follows in (filler, ~filler):  # a bit that is missing is 0 in one and 1 in the other
        other, other_words = _pixels_and_words(data.removesuffix(b"\xff") + follows.tobytes() + END)
        differs |= (other != image).any(axis=(1, 2))
        if NO_BITS in words and NO_BITS not in (other_words or ""):
            differs[-1] = True  # bits were missing, and make no difference that can be seen
    return int(np.flatnonzero(differs)[0]) if differs.any() else height


def _damage(data: bytes, image: Image, words: str, scans: int) -> str | None:
    """Find the word that speaks of pixels: libjpeg keeps its last one, and a harmless one may hide another."""
    for _ in range(_ROUNDS):
        if not _is_harmless(words, scans):
            return words
        found = _EXTRANEOUS.search(words)
        shorter = None if found is None else _without_extraneous(data, int(found[1]), int(found[2], 16))
        if shorter is None:
            return None
        without, next_words = _pixels_and_words(shorter)
        if next_words is None or not np.array_equal(without, image):  # bytes of pixels: another marker was meant
            return None
        data, words = shorter, next_words
    return None if _is_harmless(words, scans) else words


def _without_extraneous(data: bytes, count: int, marker: int) -> bytes | None:
    """Leave out what libjpeg skipped before its last marker of that code."""
    at = data.rfind(bytes((0xFF, marker)))
    while at > 0 and data[at - 1] == 0xFF:
        at -= 1
    return data[: at - count] + data[at:] if at - count > 2 else None


def _is_harmless(words: str, scans: int) -> bool:
    """Tell whether a warning touches no pixel.

    Skipped bytes (JWRN_EXTRANEOUS_DATA) are no pixels between two segments, nor behind the only scan. Where pixels follow them,
    before a restart marker or behind one of several scans, they are what the decoder left over when it had lost its place.
    """
    found = _EXTRANEOUS.search(words)
    if found is None:
        return any(harmless in words for harmless in HARMLESS)
    marker = int(found[2], 16)
    if scans > 1 and marker in BETWEEN_SCANS:
        return False
    lost_place = marker in RESTARTS or (scans > 1 and marker == EOI)
    return not lost_place or int(found[1]) <= PADDING_BYTES


def _pixels_and_words(data: bytes) -> tuple[Image, str | None]:
    """Decode in one pass; with a warning the pixels are in the buffer all the same.

    Raises:
        JpegError: There are no pixels.
        MemoryError: There was no room.
    """
    width, height = read_size(data)
    image: Image = np.empty((height, width, 3), np.uint8)
    try:
        simplejpeg.decode_jpeg(data, "BGR", buffer=image)
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - which of its errors is a warning only a second pass can tell
        return _pixels_in_spite_of(data, str(err)), str(err)
    return image, None


def _pixels_in_spite_of(data: bytes, words: str) -> Image:
    if "nsufficient memory" in words:
        raise MemoryError(words)
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR", strict=False))
    except MemoryError:
        raise
    except Exception as err:
        raise JpegError(str(err)) from err


def _turned_as_opencv(image: Image, data: bytes) -> Image:
    """Turn an image as its EXIF says: OpenCV itself is asked, with the header around a picture of 16 x 8 pixels."""
    segments = read_app1(data)
    if not segments:
        return image
    probe = _probe()
    picture = cv2.imdecode(np.frombuffer(probe[:2] + segments + probe[2:], np.uint8), cv2.IMREAD_COLOR)
    for orientation in range(2, 9):
        if picture is not None and np.array_equal(turn(_probe_pixels(), orientation), picture):
            return turn(image, orientation)
    return image


def turn(image: Image, orientation: int) -> Image:
    """Apply an EXIF orientation, 1 to 8."""
    turned = {
        2: lambda: image[:, ::-1],
        3: lambda: image[::-1, ::-1],
        4: lambda: image[::-1],
        5: lambda: image.transpose(1, 0, 2),
        6: lambda: image.transpose(1, 0, 2)[:, ::-1],
        7: lambda: image.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda: image.transpose(1, 0, 2)[::-1],
    }
    return np.ascontiguousarray(turned[orientation]()) if orientation in turned else image


@cache
def _probe() -> bytes:
    picture = np.zeros((8, 16, 3), np.uint8)
    picture[0, 0], picture[0, -1], picture[-1, 0] = 255, 160, 80  # three corners: no two of the eight look alike
    return bytes(simplejpeg.encode_jpeg(picture, 95))


@cache
def _probe_pixels() -> Image:
    return np.asarray(simplejpeg.decode_jpeg(_probe(), "BGR"))
