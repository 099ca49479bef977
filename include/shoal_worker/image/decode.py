"""From the bytes of an object to an image, or to the reason why there is none.

The header is judged before anything is decoded: 48 kB of PNG can unfold to gigabytes.
"""

import io
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from PIL import Image as Pillow

from shoal.contract.rows import Reason
from shoal_worker.image.letterbox import Image

Pillow.MAX_IMAGE_PIXELS = None  # our own limit is checked against the header; Pillow's would hide the size

FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP"})
"""Formats decoded, in Pillow's names; all of them are ones that OpenCV reads."""

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_MAGIC = (_PNG, b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Header:
    """What an image says of itself before it is decoded; EXIF rotation is not applied.

    Attributes:
        width: Pixels.
        height: Pixels.
    """

    width: int
    height: int

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
    """

    reason: Reason
    header: Header | None = None


def decode(data: bytes, pixel_limit: int) -> Image | Undecodable:
    """Decode an image, EXIF rotation applied, 16-bit channels shifted to 8.

    Args:
        data: The whole object.
        pixel_limit: Most pixels (width times height) an image may have.

    Returns:
        `(H, W, 3)` uint8 BGR, or the reason why not.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    header = read_header(data, pixel_limit)
    return header if isinstance(header, Undecodable) else decode_pixels(data, header)


def read_header(data: bytes, pixel_limit: int) -> Header | Undecodable:
    """Read format and size without decoding; needs next to no memory.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    if not data:
        return Undecodable(Reason.EMPTY)
    try:
        with Pillow.open(io.BytesIO(data)) as lazy:
            image_format, (width, height) = lazy.format, lazy.size
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return Undecodable(Reason.TRUNCATED if _starts_like_an_image(data) else Reason.NOT_IMAGE)
    header = Header(width, height)
    if image_format not in FORMATS:
        return Undecodable(Reason.UNSUPPORTED, header)
    if header.pixels > pixel_limit:
        return Undecodable(Reason.TOO_LARGE, header)
    return header


def decode_pixels(data: bytes, header: Header) -> Image | Undecodable:
    """Decode an image whose header was found to be within the limit.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as err:
        if err.code == cv2.Error.STS_NO_MEM:
            raise MemoryError(f"no room to decode {header.width}x{header.height} px") from err
        image = None
    if image is None:
        return Undecodable(_diagnose(data), header)
    return cast(Image, image)


def _diagnose(data: bytes) -> Reason:
    """Ask Pillow why OpenCV cannot decode an image."""
    try:
        with Pillow.open(io.BytesIO(data)) as image:
            image.load()
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - Pillow's decoders raise anything on hostile bytes
        return Reason.TRUNCATED if "truncated" in str(err).lower() else Reason.CORRUPT
    if data.startswith(_PNG) and _PNG_END not in data:
        return Reason.TRUNCATED  # the pixels are whole, only the end is missing, and Pillow does not mind
    return Reason.UNSUPPORTED


def _starts_like_an_image(data: bytes) -> bool:
    """Whether the first bytes are those of a format we decode, though its header is unreadable."""
    if data[:4] == b"RIFF":
        return data[8:12] in (b"WEBP", b"")
    if data[:2] == b"BM":
        return data[6:10] == bytes(4)  # two letters are no magic: BMP keeps these four bytes zero
    return data.startswith(_MAGIC)
