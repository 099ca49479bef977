"""Image files for tests, made in memory."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def photo(width=400, height=300, seed=0) -> np.ndarray:
    """A smooth colour image that is never white, BGR uint8."""
    noise = np.random.default_rng(seed).integers(0, 200, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def encoded(image, suffix=".jpg") -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def saved(image: Image.Image, image_format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def dark_jpeg(seed=0) -> bytes:
    return encoded(photo(64, 48, seed))


def white_jpeg() -> bytes:
    return encoded(np.full((48, 64, 3), 255, np.uint8))


def one_bit_png(width: int, height: int) -> bytes:
    """A valid PNG of black pixels: a few kilobytes, however large it is when decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
