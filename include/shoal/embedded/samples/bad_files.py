"""The files that break image readers, one of each, with what Shoal has to make of them.

They lie in the demo's bucket beside the scenes: buckets of real cameras hold the same.
"""

import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import cv2
import numpy as np
from PIL import ExifTags, Image

from shoal.contract.rows import Reason, Status
from shoal.embedded.samples.scenes import Fish, Scene, demo_scene, scene

SCHOOL = {"Diplodus vulgaris": 2.0, "Chromis chromis": 4.0, "Coris julis": 2.0}
"""Mean numbers of fish in the photos of this module: the three species every model version knows."""
BOMB_SIDE = 20_000
"""Width and height of the picture that is a small file and 2.3 GB in memory."""


@dataclass(frozen=True)
class BadFile:
    """One awkward file.

    Attributes:
        key: Its object key.
        data: Its bytes.
        expected_status: `processed` where the file is odd but a picture.
        expected_reason: Why it fails; None where it does not.
        why: What is odd about it, for the reader of a report.
        fish: Truth of a processed picture, in pixels as decoded.
    """

    key: str
    data: bytes
    expected_status: Status
    expected_reason: Reason | None
    why: str
    fish: tuple[Fish, ...] = ()


def bad_files() -> tuple[BadFile, ...]:
    """Make one of each; every call returns the same bytes."""
    return (*_unreadable(), *_odd_pictures(), *_odd_names())


def _unreadable() -> tuple[BadFile, ...]:
    photo = scene("IPC608/20260601-090000-IPC608.jpg", SCHOOL)
    error_page = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code></Error>\n'
    bomb = _png_bomb()
    return (
        _failed(photo.key, photo.jpeg[: len(photo.jpeg) // 2], Reason.TRUNCATED, "an upload that stopped half way"),
        _failed("IPC608/20260601-110000-IPC608.jpg", b"", Reason.EMPTY, "zero bytes, the camera's disk was full"),
        _failed("IPC608/20260601-130000-IPC608.jpg", error_page, Reason.NOT_IMAGE, "an error page saved as a photo"),
        _failed("IPC710/20260601-090000-IPC710.png", bomb, Reason.TOO_LARGE, f"{len(bomb):,} bytes, 400 Mpx: a bomb"),
    )


def _odd_pictures() -> tuple[BadFile, ...]:
    deep, turned = (scene(f"IPC710/2026060{day}-090000-IPC710.jpg", SCHOOL) for day in (2, 3))
    deep_png, deep_fish = _png_of_16_bits(deep)
    on_its_side = _stored_on_its_side(turned)
    return (
        _processed("IPC710/20260602-090000-IPC710.png", deep_png, "16 bits per channel", deep_fish),
        _processed(turned.key, on_its_side, "stored on its side, EXIF says how to turn it", turned.fish),
    )


def _odd_names() -> tuple[BadFile, ...]:
    original = demo_scene("IPC608", datetime(2026, 6, 2, 8, tzinfo=UTC))
    undated = scene("IPC608/no date.jpg", SCHOOL)
    unicode = scene("IPC710/peça nº1 #50%+? 海 20260604-090000-IPC710.jpg", SCHOOL)
    copy_key = original.key.replace("/", "/copy of ")
    return (
        _processed(copy_key, original.jpeg, f"the same bytes as {original.key}", original.fish),
        _processed(undated.key, undated.jpeg, "a name without date and camera", undated.fish),
        _processed(unicode.key, unicode.jpeg, "a name that has to be quoted in a URL", unicode.fish),
    )


def _failed(key: str, data: bytes, reason: Reason, why: str) -> BadFile:
    return BadFile(key, data, Status.FAILED, reason, why)


def _processed(key: str, data: bytes, why: str, fish: tuple[Fish, ...]) -> BadFile:
    return BadFile(key, data, Status.PROCESSED, None, why, fish)


def _png_of_16_bits(photo: Scene) -> tuple[bytes, tuple[Fish, ...]]:
    """Halve a photo and store it with 16 bits per channel; naive readers see it all white."""
    small = np.asarray(Image.open(BytesIO(photo.jpeg)).reduce(2))
    data = cv2.imencode(".png", small[..., ::-1].astype(np.uint16) << 8)[1]
    halved = ((fish.species, [side / 2 for side in fish.xyxy]) for fish in photo.fish)
    return bytes(data), tuple(Fish(species, (x1, y1, x2, y2)) for species, (x1, y1, x2, y2) in halved)


def _stored_on_its_side(photo: Scene) -> bytes:
    """Store a photo turned to the left, 720x1280, with EXIF orientation 6: readers have to turn it right."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = BytesIO()
    Image.open(BytesIO(photo.jpeg)).transpose(Image.Transpose.ROTATE_90).save(data, "JPEG", quality=90, exif=exif)
    return data.getvalue()


def _png_bomb() -> bytes:
    """Write a valid black PNG, 20000x20000 with 1 bit per pixel, without ever holding its pixels."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + BOMB_SIDE // 8)  # the filter's number, then the pixels
    pixels = b"".join(squeeze.compress(row) for _ in range(BOMB_SIDE)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 1, 0, 0, 0, 0)
    chunks = (_png_chunk(b"IHDR", header), _png_chunk(b"IDAT", pixels), _png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
