"""A few hundred image files, whole, odd and damaged, made by code; beside each what is right, by reasoning or another reader."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageCms

from shoal.contract.rows import Reason
from worker.images import photo, saved

WIDTH, HEIGHT = 48, 32
PHOTO = Image.fromarray(photo(WIDTH, HEIGHT, 5)[..., ::-1].copy())
ARRAY = np.asarray(PHOTO)[..., ::-1].copy()

WHOLE = "whole"
DAMAGED = "damaged"
"""Decoded, and its pixels may be wrong."""


@dataclass(frozen=True)
class GeneratedFile:
    """One file.

    Attributes:
        name: Unique; tells kind and damage.
        data: Its bytes.
        right: `WHOLE`, `DAMAGED`, or the reasons of failure that are right; several where the damage hits one or the other.
        size: (width, height) as shown, EXIF rotation applied; None where there is none to be told.
    """

    name: str
    data: bytes
    right: frozenset[str]
    size: tuple[int, int] | None = None


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Save a copy: Pillow leaves one writer's options in an image, and the next writer finds them."""
    return saved(image.copy(), kind, **options)


def _file(name: str, data: bytes, *right: str, size: tuple[int, int] | None = (WIDTH, HEIGHT)) -> GeneratedFile:
    return GeneratedFile(name, data, frozenset(right), size if {WHOLE, DAMAGED} & set(right) else None)


def _image(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257)
    return PHOTO.convert(mode)


WRITTEN = (
    ("JPEG", "jpg", ("L", "RGB", "CMYK"), ({}, {"progressive": True}, {"quality": 1}, {"subsampling": 0}, {"subsampling": 2},
                                           {"restart_marker_blocks": 1}, {"optimize": True}, {"keep_rgb": True})),
    ("PNG", "png", ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), ({}, {"compress_level": 0}, {"compress_level": 9})),
    ("WEBP", "webp", ("RGB", "RGBA"), ({}, {"lossless": True}, {"quality": 1}, {"method": 6})),
    ("TIFF", "tif", ("1", "L", "RGB", "RGBA", "I;16"), ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"},
                                                        {"compression": "packbits"})),
    ("BMP", "bmp", ("1", "L", "P", "RGB"), ({},)),
    ("GIF", "gif", ("1", "L", "P", "RGB"), ({}, {"interlace": 0})),
    ("AVIF", "avif", ("RGB", "RGBA"), ({}, {"quality": 10})),
    ("JPEG2000", "jp2", ("L", "RGB", "RGBA"), ({}, {"irreversible": True})),
)  # fmt: skip
"""Pillow's formats, the modes that each takes, and its options."""


def whole_files() -> Iterator[GeneratedFile]:
    """Every format, mode and option of Pillow's and OpenCV's writers: each is a whole image of its size."""
    for kind, suffix, modes, options in WRITTEN:
        for mode in modes:
            for option in options:
                if option.get("keep_rgb") and mode != "RGB":
                    continue
                words = "-".join(f"{name}={value}" for name, value in option.items()) or "plain"
                yield _file(f"{mode}-{words}.{suffix}", _saved(_image(mode), kind, **option), WHOLE)
    for suffix, options in (("jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), ("png", [cv2.IMWRITE_PNG_BILEVEL, 1]),
                            ("webp", [cv2.IMWRITE_WEBP_QUALITY, 101]), ("tiff", []), ("bmp", []), ("jp2", [])):  # fmt: skip
        done, data = cv2.imencode(f".{suffix}", ARRAY if suffix != "png" else ARRAY[..., 0], options)
        assert done
        yield _file(f"opencv.{suffix}", data.tobytes(), WHOLE)
    deep = ARRAY.astype(np.uint16) * 257
    for suffix in ("png", "tiff", "jp2"):
        yield _file(f"opencv-16-bit.{suffix}", cv2.imencode(f".{suffix}", deep)[1].tobytes(), WHOLE)


def odd_files() -> Iterator[GeneratedFile]:
    """Whole images with something beside them: rotations, profiles, several pictures, thumbnails, wrong endings."""
    for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")):
        for orientation in range(10):
            exif = Image.Exif()
            exif[0x0112] = orientation
            turned = orientation in range(5, 9)
            yield _file(f"orientation-{orientation}.{suffix}", _saved(PHOTO, kind, exif=exif), WHOLE,
                        size=(HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))  # fmt: skip
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")):
        yield _file(f"icc.{suffix}", _saved(PHOTO, kind, icc_profile=profile), WHOLE)
        yield _file(f"icc-garbage.{suffix}", _saved(PHOTO, kind, icc_profile=b"no profile at all"), WHOLE)
    second = Image.fromarray(photo(WIDTH, HEIGHT, 9))
    for kind, suffix in (
        ("MPO", "jpg"),
        ("PNG", "apng"),
        ("GIF", "gif"),
        ("WEBP", "webp"),
        ("TIFF", "tif"),
        ("AVIF", "avif"),
    ):
        yield _file(f"two-pictures.{suffix}", _saved(PHOTO, kind, save_all=True, append_images=[second.copy()]), WHOLE)
    jpeg, png = _saved(PHOTO, "JPEG"), _saved(PHOTO, "PNG")
    for name, data in (("png-named.jpg", png), ("jpeg-named.png", jpeg), ("gif-named.jpg", _saved(PHOTO, "GIF")),
                       ("webp-named.jpg", _saved(PHOTO, "WEBP")), ("tiff-named.jpg", _saved(PHOTO, "TIFF"))):  # fmt: skip
        yield _file(name, data, WHOLE)
    for count in (1, 2, 1000):
        yield _file(f"jpeg-and-{count}-zeros.jpg", jpeg + bytes(count), WHOLE)
        yield _file(f"png-and-{count}-zeros.png", png + bytes(count), WHOLE)
    yield _file("jpeg-and-jpeg.jpg", jpeg + jpeg, WHOLE)
    yield _file("jpeg-with-comment.jpg", jpeg[:2] + b"\xff\xfe\0\x08fish\0\0" + jpeg[2:], WHOLE)
    yield _file("jpeg-fill-bytes.jpg", jpeg[:2] + b"\xff" * 9 + jpeg[2:], WHOLE)
    for side in ((1, 1), (1, 500), (500, 1), (7, 13), (9, 8)):
        small = PHOTO.resize(side)
        for kind, suffix in (
            ("JPEG", "jpg"),
            ("PNG", "png"),
            ("WEBP", "webp"),
            ("BMP", "bmp"),
            ("TIFF", "tif"),
            ("GIF", "gif"),
        ):
            yield _file(f"{side[0]}x{side[1]}.{suffix}", _saved(small, kind), WHOLE, size=side)


def markers_of(jpeg: bytes) -> list[int]:
    """Where each marker of a JPEG begins, by this file's own walk; entropy-coded bytes hold none but restarts."""
    places, at = [0], 2
    while jpeg[at + 1] != 0xD9:
        places.append(at)
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[places[-1] + 1] == 0xDA:
            while jpeg[at] != 0xFF or jpeg[at + 1] in (0, *range(0xD0, 0xD8)):
                at += 1
    return [*places, at]


def cut_files() -> Iterator[GeneratedFile]:
    """Files that end too early. A JPEG is whole once its last scan is; anything before is cut, two bytes and fewer are nothing."""
    for words, options in (
        ("baseline", {}),
        ("progressive", {"progressive": True}),
        ("restarts", {"restart_marker_blocks": 2}),
    ):
        jpeg = _saved(PHOTO, "JPEG", **options)
        *places, end = markers_of(jpeg)
        for number, place in enumerate(places[1:]):
            yield _file(f"{words}-cut-before-marker-{number}.jpg", jpeg[:place],
                        *((Reason.TRUNCATED,) if place > 2 else (Reason.NOT_IMAGE,)))  # fmt: skip
            yield _file(f"{words}-cut-in-marker-{number}.jpg", jpeg[: place + 3], Reason.TRUNCATED)
        yield _file(f"{words}-without-end.jpg", jpeg[:end], WHOLE)
        yield _file(f"{words}-half-an-end.jpg", jpeg[: end + 1], WHOLE)
    png = _saved(PHOTO, "PNG")
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        kind = png[at + 4 : at + 8].decode()
        last = kind == "IEND"
        yield _file(f"cut-before-{kind}-{at}.png", png[:at], WHOLE if last else Reason.TRUNCATED)
        yield _file(f"cut-in-{kind}-{at}.png", png[: at + 9 + length // 2], WHOLE if last else Reason.TRUNCATED)
        at += 12 + length
    for kind, suffix, options in (("WEBP", "webp", {}), ("WEBP", "lossless.webp", {"lossless": True}), ("BMP", "bmp", {}),
                                  ("TIFF", "tif", {}), ("TIFF", "lzw.tif", {"compression": "tiff_lzw"})):  # fmt: skip
        data = _saved(PHOTO, kind, **options)
        for share in (0.25, 0.5, 0.75):
            yield _file(f"cut-at-{share}.{suffix}", data[: int(len(data) * share)], Reason.TRUNCATED, Reason.CORRUPT)
    for kind, suffix in (("AVIF", "avif"), ("JPEG2000", "jp2")):
        data = _saved(PHOTO, kind)
        yield _file(f"cut-at-0.75.{suffix}", data[: int(len(data) * 0.75)], Reason.TRUNCATED, Reason.CORRUPT, WHOLE)


def changed_files() -> Iterator[GeneratedFile]:
    """Flipped bits in pixel data: what carries sums must be told from the whole, by its sums; a JPEG has none."""
    png = _saved(PHOTO, "PNG")
    start = png.index(b"IDAT") + 4
    end = png.rindex(b"IEND") - 8
    rng = np.random.default_rng(3)
    for number in range(12):
        at = int(rng.integers(start, end))
        yield _file(f"flipped-{number}.png", _flipped(png, at, int(rng.integers(8))), Reason.CORRUPT)
    jpeg = _saved(PHOTO, "JPEG")
    *_, scan, end = markers_of(jpeg)
    scan += 2 + int.from_bytes(jpeg[scan + 2 : scan + 4])
    for number in range(24):
        at = int(rng.integers(scan, end))
        # Any picture may come of it, or none: no sum tells. But never another size, and no word of an empty or alien file.
        yield _file(
            f"flipped-{number}.jpg",
            _flipped(jpeg, at, int(rng.integers(8))),
            WHOLE,
            DAMAGED,
            Reason.TRUNCATED,
            Reason.CORRUPT,
        )
    middle = (scan + end) // 2
    yield _file("zeros-inside.jpg", jpeg[:middle] + bytes(40) + jpeg[middle + 40 :], DAMAGED, Reason.TRUNCATED)
    no_sum = bytearray(png)
    no_sum[end - 1] ^= 1
    yield _file("wrong-sum.png", bytes(no_sum), Reason.CORRUPT)


def _flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def alien_files() -> Iterator[GeneratedFile]:
    """What is no picture, and pictures that are not decoded."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as inner:
        inner.writestr("photo.jpg", _saved(PHOTO, "JPEG"))
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_STORED) as outer:
        outer.writestr("inner.zip", packed.getvalue())
    aliens = {
        "zip": packed.getvalue(), "nested zip": nested.getvalue(), "html": b"<!DOCTYPE html><html><body>Sign in</body></html>",
        "xml": b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>", "json": b'{"error": "denied"}', "zeros": bytes(5000),
        "0xff": b"\xff" * 5000, "text": "Fischfoto, verrückt".encode("latin-1"), "one byte": b"\0", "two bytes": b"\xff\xd8",
        "pdf": b"%PDF-1.4\n%%EOF\n", "riff wave": b"RIFF\x24\0\0\0WAVEfmt ", "gzip": b"\x1f\x8b\x08\0" + bytes(20),
        "elf": b"\x7fELF" + bytes(60), "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "bm": b"BM is short for something else",
        "git lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n", "bom": b"\xef\xbb\xbfkey,time\n",
        "apple double": b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(30),
    }  # fmt: skip
    for name, data in aliens.items():
        yield _file(f"{name}.jpg", data, Reason.NOT_IMAGE)
    yield _file("nothing.jpg", b"", Reason.EMPTY)
    for kind in ("PPM", "TGA", "ICO", "PCX", "SGI", "DDS"):
        right = (Reason.UNSUPPORTED, Reason.NOT_IMAGE) if kind == "TGA" else (Reason.UNSUPPORTED,)  # it has no magic
        yield _file(f"{kind.lower()}.jpg", _saved(PHOTO, kind), *right)
    for brand in (b"heic", b"heix", b"mif1"):
        data = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + b"\0\0\0\0"
        yield _file(f"{brand.decode()}.jpg", data, Reason.UNSUPPORTED)
    floats = Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.float32))
    yield _file("bomb.png", _png_header(60_000, 60_000), Reason.TOO_LARGE)
    yield _file("no-side.png", _png_header(0, 10), Reason.CORRUPT)
    yield _file("float.tif", _saved(floats, "TIFF"), Reason.UNSUPPORTED, WHOLE)


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + bytes(12)


def generated_files() -> list[GeneratedFile]:
    """All of them."""
    return [*whole_files(), *odd_files(), *cut_files(), *changed_files(), *alien_files()]
