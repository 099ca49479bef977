"""Pictures made to hold a worker: small files that cost much, each of a kind of its own. Sizes are the caller's."""

import io
import itertools
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from worker.images import saved


@dataclass(frozen=True)
class HostilePicture:
    """One of them.

    Attributes:
        make: Makes its bytes of a side in pixels and a count of whatever repeats.
        side: Side that makes it costly, pixels.
        count: Count that does.
    """

    make: Callable[[int, int], bytes]
    side: int
    count: int


def segment(code: int, body: bytes) -> bytes:
    """A JPEG marker with its length."""
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def empty_scans(side: int, count: int, *, frame: int = 0xC2, before: bytes = b"") -> bytes:
    """A progressive JPEG of `count` scans that refine nothing and hold no bits: each costs a pass over all coefficients."""
    head = b"\xff\xd8" + before + segment(0xDB, b"\0" + b"\x01" * 64)
    head += segment(frame, struct.pack(">BHHB", 8, side, side, 1) + b"\x01\x11\0")
    if frame != 0xCA:  # arithmetic coding needs no tables
        for table in (0x00, 0x10):
            head += segment(0xC4, bytes((table,)) + b"\x01" + bytes(15) + b"\0")
    first = segment(0xDA, b"\x01\x01\0\0\0\x01")  # DC at half precision
    refine = segment(0xDA, b"\x01\x01\0\0\0\x10")
    ac = segment(0xDA, b"\x01\x01\0\x01\x3f\x00") + b"\xff\0"
    return head + first + refine + ac + refine * (count - 3) + b"\xff\xd9"


def many_comments(side: int, count: int) -> bytes:
    """A JPEG whose scans stand behind more empty comments than anybody walks."""
    return empty_scans(side, 2000, before=segment(0xFE, b"") * count)


def resynchronized(side: int, count: int) -> bytes:
    """Scans hidden behind a marker that has a length for a naive walk, and none for a decoder that looks for a restart."""
    data = empty_scans(side, count)
    first = data.index(b"\xff\xda")
    end = first + 10
    return data[:first] + segment(0xDD, b"\0\x01") + data[first:end] + b"\xff\x02\xff\xfd" + data[end:]


def jpeg_app1(side: int, count: int) -> bytes:
    """A JPEG with `count` full APP1 segments."""
    jpeg = saved(Image.new("RGB", (side, side)), "JPEG")
    return jpeg[:2] + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(65_000)) * count + jpeg[2:]


def cut_jpeg(side: int, _count: int) -> bytes:
    """A large JPEG without its last rows: whether rows are missing costs more decoding."""
    return saved(Image.new("RGB", (side, side)), "JPEG")[:-200]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _packed_zeros(size: int) -> bytes:
    packer, piece = zlib.compressobj(9), bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


def png(
    side: int, *, interlaced: bool = False, before: bytes = b"", depth: int = 1, kind: int = 0, more: bytes = b""
) -> bytes:
    """A black PNG with chunks before its pixels."""
    bits = depth * {0: 1, 2: 3, 6: 4}[kind]
    rows = [(side, side)]
    if interlaced:
        steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        rows = [(-(-(side - x) // dx), -(-(side - y) // dy)) for x, y, dx, dy in steps if side > x and side > y]
    packer = zlib.compressobj(9)
    pixels = b"".join(
        packer.compress(bytes(1 + (width * bits + 7) // 8)) for width, height in rows for _ in range(height)
    )
    pixels += packer.flush()
    head = struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", pixels) + more + chunk(b"IEND", b"")


def packed_profile(side: int, count: int) -> bytes:
    """A PNG whose colour profile unfolds to `count` megabytes."""
    return png(side, before=chunk(b"iCCP", b"a\0\0" + _packed_zeros(count << 20)))


def packed_texts(side: int, count: int) -> bytes:
    """A PNG with `count` texts that each unfold to 8 megabytes."""
    text = chunk(b"zTXt", b"a\0\0" + _packed_zeros(8 << 20))
    return png(side, before=text * count)


def many_chunks(side: int, count: int) -> bytes:
    """A PNG with `count` empty chunks."""
    return png(side, before=chunk(b"teXt", b"") * count)


def interlaced_png(side: int, _count: int) -> bytes:
    """A large interlaced PNG of 16-bit colour."""
    return png(side, interlaced=True, depth=16, kind=6)


def endless_pixels(side: int, count: int) -> bytes:
    """A PNG with a wrong filter, so that nobody decodes it, whose pixels unfold to `count` megabytes."""
    whole, packer, piece = png(side), zlib.compressobj(1), b"\x09" * (1 << 20)
    packed = b"".join(packer.compress(piece) for _ in range(count)) + packer.flush()
    return whole[:33] + chunk(b"IDAT", packed) + whole[-12:]


def animated_png(side: int, count: int) -> bytes:
    """A PNG of `count` frames."""
    base = png(side, depth=8, kind=2)
    idat = base[33 + 8 : base.rindex(b"IEND") - 8]
    frames = b"".join(
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", number * 2 + 1, side, side, 0, 0, 1, 10, 0, 0))
        + chunk(b"fdAT", struct.pack(">I", number * 2 + 2) + idat)
        for number in range(count)
    )
    first = chunk(b"acTL", struct.pack(">II", count + 1, 0)) + chunk(
        b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 10, 0, 0)
    )
    return png(side, depth=8, kind=2, before=first, more=frames)


def _tiff(
    entries: list[tuple[int, int, int, bytes]], tail: Callable[[int], bytes] = lambda _: b"", next_ifd: int = 0
) -> bytes:
    """A TIFF of one directory: (tag, type, count, 4 bytes) each, and what follows it at the offset it is told."""
    entries = sorted(entries)
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in entries)
    body += struct.pack("<I", next_ifd)
    return b"II*\0\x08\0\0\0" + body + tail(8 + len(body))


def _tiff_base(width: int, height: int, offsets: int, count: int, rows: int) -> list[tuple[int, int, int, bytes]]:
    def number(tag: int, value: int, kind: int = 4, times: int = 1) -> tuple[int, int, int, bytes]:
        return tag, kind, times, struct.pack("<I", value)

    return [number(256, width), number(257, height), number(258, 8), number(259, 1), number(262, 1), number(277, 1),
            number(278, rows), number(273, offsets, 4, count), number(279, offsets + 4 * count, 4, count)]  # fmt: skip


def many_strips(side: int, _count: int) -> bytes:
    """A TIFF with a strip for each row, all of them the same bytes."""
    entries = _tiff_base(side, side, 0, side, 1)
    at = 8 + 2 + 12 * len(entries) + 4
    entries = _tiff_base(side, side, at, side, 1)
    pixels = at + 8 * side
    return _tiff(
        entries,
        lambda _: struct.pack(f"<{side}I", *[pixels] * side) + struct.pack(f"<{side}I", *[side] * side) + bytes(side),
    )


def many_tags(side: int, count: int) -> bytes:
    """A TIFF of many tags that all point to the same `count` megabytes."""
    base = _tiff_base(side, side, 0, 1, side)
    most = 20_000
    at = 8 + 2 + 12 * (len(base) + most) + 4
    size = count << 20
    entries = [e for e in _tiff_base(side, side, at, 1, side) if e[0] not in (273, 279)]
    entries += [(273, 4, 1, struct.pack("<I", at)), (279, 4, 1, struct.pack("<I", side * side))]
    entries += [(tag, 7, size, struct.pack("<I", at)) for tag in range(1000, 1000 + most)]
    return _tiff(entries, lambda _: bytes(max(size, side * side)))


def directories(side: int, count: int, *, loop: bool = False) -> bytes:
    """A TIFF of `count` pictures; in a loop where the last one names the first."""
    pictures, at = [], 8
    for number in range(count):
        entries = [e for e in _tiff_base(side, side, 0, 1, side) if e[0] not in (273, 279)]
        size = 2 + 12 * (len(entries) + 2) + 4
        pixels = at + size
        entries += [(273, 4, 1, struct.pack("<I", pixels)), (279, 4, 1, struct.pack("<I", side * side))]
        entries.sort()
        following = pixels + side * side
        last = number == count - 1
        body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in entries)
        pictures.append(body + struct.pack("<I", (8 if loop else 0) if last else following) + bytes(side * side))
        at = following
    return b"II*\0\x08\0\0\0" + b"".join(pictures)


def looping_directories(side: int, count: int) -> bytes:
    """A TIFF whose last picture names the first as the next."""
    return directories(side, count, loop=True)


def exif_jpeg(exif: bytes) -> bytes:
    """A small JPEG with this EXIF, in as many segments as it needs."""
    jpeg = saved(Image.new("RGB", (16, 16)), "JPEG")
    pieces = itertools.batched(exif, 65_000) if hasattr(itertools, "batched") else _pieces(exif)
    return (
        jpeg[:2]
        + b"".join(segment(0xE1, (b"Exif\0\0" if not n else b"") + bytes(p)) for n, p in enumerate(pieces))
        + jpeg[2:]
    )


def _pieces(data: bytes, size: int = 65_000) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def exif_that_loops(_side: int, _count: int) -> bytes:
    """EXIF whose inner directories name each other."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return exif_jpeg(b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 8))


def exif_of_many_tags(_side: int, count: int) -> bytes:
    """EXIF of many tags that all point to the same `count` megabytes, in APP1 segments one behind the other."""
    most, size = 60_000, count << 20
    at = 8 + 2 + 12 * most + 4
    entries = b"".join(struct.pack("<HHII", tag, 7, size, at) for tag in range(1000, 1000 + most))
    return exif_jpeg(b"II*\0\x08\0\0\0" + struct.pack("<H", most) + entries + struct.pack("<I", 0) + bytes(size))


def _animation(kind: str, side: int, count: int, **options: object) -> bytes:
    first = Image.new("RGB", (side, side))
    others = [Image.new("RGB", (side, side), (n % 255, 1, 2)) for n in range(1, count)]
    return saved(first, kind, save_all=True, append_images=others, **options)


def animated_gif(side: int, count: int) -> bytes:
    """A GIF of `count` frames."""
    gif = _animation("GIF", side, 2)
    start = gif.rindex(b"!\xf9\x04")
    return gif[:start] + gif[start:-1] * (count - 1) + b";"


def animated_webp(side: int, count: int) -> bytes:
    """A WebP of `count` frames."""
    webp = _animation("WEBP", side, 2, lossless=True)
    start = webp.rindex(b"ANMF")
    data = webp[:start] + webp[start:] * (count - 1)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def avif_sequence(side: int, count: int) -> bytes:
    """An AVIF of `count` frames."""
    return _animation("AVIF", side, count, speed=10)


def large_avif(side: int, _count: int) -> bytes:
    """A large AVIF of one colour."""
    return saved(Image.new("RGB", (side, side)), "AVIF", speed=10)


def large_webp(side: int, _count: int) -> bytes:
    """A large lossless WebP of one colour."""
    return saved(Image.new("RGB", (min(side, 16_383), min(side, 16_383))), "WEBP", lossless=True, method=0)


def large_jpeg2000(side: int, _count: int) -> bytes:
    """A large JPEG 2000 of one colour."""
    return saved(Image.new("L", (side, side)), "JPEG2000", num_resolutions=6)


def many_tiles(side: int, count: int) -> bytes:
    """A JPEG 2000 of `count` x `count` tiles."""
    size = max(1, side // count)
    return saved(Image.new("L", (side, side)), "JPEG2000", tile_size=(size, size), num_resolutions=1)


def small_precincts(side: int, _count: int) -> bytes:
    """A JPEG 2000 whose every precinct is small: millions of them."""
    return saved(
        Image.new("L", (side, side)), "JPEG2000", precinct_size=(64, 64), codeblock_size=(4, 4), num_resolutions=1
    )


def claimed_jpeg2000(side: int, _count: int, block: int = 4) -> bytes:
    """A JPEG 2000 of a few bytes that claims a large picture of the smallest blocks."""
    options = {"precinct_size": (64, 64), "codeblock_size": (block, block), "num_resolutions": 1, "no_jp2": True}
    codestream = bytearray(saved(Image.new("L", (64, 64)), "JPEG2000", **options))
    for place in (8, 12, 24, 28):  # Xsiz, Ysiz, XTsiz, YTsiz behind SOC and SIZ
        codestream[place : place + 4] = struct.pack(">I", side)
    return bytes(codestream)


def many_components(side: int, count: int) -> bytes:
    """A JPEG 2000 that claims `count` channels."""
    code = saved(Image.new("L", (64, 64)), "JPEG2000", num_resolutions=1, no_jp2=True)
    end = 4 + int.from_bytes(code[4:6])
    size = bytearray(code[4:end])
    size[0:2] = struct.pack(">H", 38 + 3 * count)
    for place in (4, 8, 20, 24):
        size[place : place + 4] = struct.pack(">I", side)
    size[36:38] = struct.pack(">H", count)
    return code[:4] + bytes(size[:38]) + b"\x07\x01\x01" * count + code[end:]


def many_layers(side: int, count: int) -> bytes:
    """A JPEG 2000 that claims `count` layers of quality."""
    code = claimed_jpeg2000(side, 1, block=64)
    at = code.index(b"\xff\x52") + 6
    return code[:at] + struct.pack(">H", count) + code[at + 2 :]


def huge_tile(side: int, count: int) -> bytes:
    """A small TIFF whose one tile has `count` pixels a side."""
    entries = [e for e in _tiff_base(side, side, 0, 1, side) if e[0] not in (273, 278, 279, 259)]
    packed = _packed_zeros(count * count)
    at = 8 + 2 + 12 * (len(entries) + 5) + 4
    entries += [(tag, 4, 1, struct.pack("<I", value))
                for tag, value in ((259, 8), (322, count), (323, count), (324, at), (325, len(packed)))]  # fmt: skip
    return _tiff(entries, lambda _: packed)


def frame_beyond(side: int, count: int) -> bytes:
    """A GIF whose frame is larger than its screen."""
    gif = bytearray(saved(Image.new("P", (side, side)), "GIF"))
    at = gif.rindex(b",\0\0\0\0")
    gif[at + 5 : at + 9] = struct.pack("<HH", count, count)
    return bytes(gif)


def run_length_bmp(side: int, _count: int) -> bytes:
    """A BMP of runs."""
    row = b"\xff\0" * (side // 255) + bytes((side % 255, 0)) + b"\0\0"
    pixels = row * side + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    palette = bytes(1024)
    offset = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + head + palette + pixels


def noise_jpeg(side: int, _count: int) -> bytes:
    """A progressive JPEG of noise: the most that an honest picture costs."""
    noise = np.random.default_rng(1).integers(0, 255, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", progressive=True, quality=95)
    return file.getvalue()


HOSTILE_PICTURES = {
    "JPEG of empty scans": HostilePicture(empty_scans, 10_000, 2000),
    "JPEG of empty scans, arithmetic": HostilePicture(lambda s, c: empty_scans(s, c, frame=0xCA), 10_000, 2000),
    "JPEG of 90 empty scans": HostilePicture(empty_scans, 10_000, 90),
    "JPEG of 90 empty scans, arithmetic": HostilePicture(lambda s, c: empty_scans(s, c, frame=0xCA), 10_000, 90),
    "JPEG scans behind comments": HostilePicture(many_comments, 4_000, 120_000),
    "JPEG scans hidden": HostilePicture(resynchronized, 4_000, 2000),
    "JPEG of APP1 segments": HostilePicture(jpeg_app1, 64, 1500),
    "JPEG that is cut": HostilePicture(cut_jpeg, 10_000, 1),
    "JPEG of noise": HostilePicture(noise_jpeg, 6_000, 1),
    "PNG profile": HostilePicture(packed_profile, 64, 1000),
    "PNG texts": HostilePicture(packed_texts, 64, 1000),
    "PNG of chunks": HostilePicture(many_chunks, 64, 2_000_000),
    "PNG interlaced": HostilePicture(interlaced_png, 10_000, 1),
    "PNG pixels without end": HostilePicture(endless_pixels, 64, 20_000),
    "PNG animated": HostilePicture(animated_png, 1000, 500),
    "TIFF of strips": HostilePicture(many_strips, 10_000, 1),
    "TIFF of tags": HostilePicture(many_tags, 64, 2),
    "TIFF of pictures": HostilePicture(directories, 8, 100_000),
    "TIFF in a loop": HostilePicture(looping_directories, 8, 100),
    "EXIF in a loop": HostilePicture(exif_that_loops, 16, 1),
    "EXIF of tags": HostilePicture(exif_of_many_tags, 16, 2),
    "GIF animated": HostilePicture(animated_gif, 1000, 3000),
    "WebP animated": HostilePicture(animated_webp, 1000, 3000),
    "WebP large": HostilePicture(large_webp, 10_000, 1),
    "AVIF sequence": HostilePicture(avif_sequence, 200, 300),
    "AVIF large": HostilePicture(large_avif, 10_000, 1),
    "JPEG 2000 large": HostilePicture(large_jpeg2000, 10_000, 1),
    "JPEG 2000 of tiles": HostilePicture(many_tiles, 2_000, 250),
    "JPEG 2000 of precincts": HostilePicture(small_precincts, 4_000, 1),
    "JPEG 2000 that claims": HostilePicture(claimed_jpeg2000, 10_000, 1),
    "JPEG 2000 of channels": HostilePicture(many_components, 10_000, 1000),
    "JPEG 2000 of layers": HostilePicture(many_layers, 10_000, 65_535),
    "TIFF of a huge tile": HostilePicture(huge_tile, 64, 30_000),
    "GIF frame beyond its screen": HostilePicture(frame_beyond, 16, 65_535),
    "BMP of runs": HostilePicture(run_length_bmp, 10_000, 1),
}
