"""JPEG 2000: what a codestream promises, read without decoding. 200 bytes can promise a thousand million packets.

Segments and fields are those of ITU-T T.800: A.4.2 (SOT), A.5.1 (SIZ), A.6.1 (COD), A.6.2 (COC).
"""

from collections.abc import Iterator
from dataclasses import dataclass

START = b"\xff\x4f\xff\x51"
SIZ, COD, COC, SOT, SOD, EOC = 0x51, 0x52, 0x53, 0x90, 0x93, 0xD9

MOST_BLOCKS = 2_000_000
"""Code blocks: 100 megapixels in colour have 400,000 of 32 x 32; each costs a decoder a few hundred bytes."""

MOST_VISITS = 50_000_000
"""Code blocks times layers: each packet of a layer asks all its blocks. Archives keep up to fifty layers."""

MOST_PACKETS = 1_000_000
"""Packets that a file may promise whatever its size. Each takes a byte at least: a whole file of more is larger than this."""

MOST_SEGMENTS = 200_000

_LARGEST = 15
"""Exponent of a precinct where a file names none."""


@dataclass(frozen=True)
class _Frame:
    """The picture and its tiles, in pixels."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    components: int

    @property
    def tiles(self) -> int:
        return _parts(self.width, self.tile_width) * _parts(self.height, self.tile_height)


@dataclass(frozen=True)
class _Coding:
    """How a component of a tile is cut; sides of blocks and of the precincts of each level are exponents of two."""

    levels: int
    block: tuple[int, int]
    precincts: tuple[tuple[int, int], ...]


def too_complex(data: bytes) -> str | None:
    """Say why decoding would cost more than the pixels do; None where it does not, or where there is no codestream."""
    at = data.find(START)
    left = MOST_SEGMENTS
    while at >= 0:
        frame, layers = None, 1
        for code, body in _segments(data, at + 2):
            left -= 1
            if left < 0:
                return f"more than {MOST_SEGMENTS} segments"
            if code == SIZ and len(body) >= 36:
                frame = _read_frame(body)
            elif code == COD and len(body) >= 10:
                layers = int.from_bytes(body[2:4])
            if frame is None or (coding := _read_coding(code, body, frame)) is None:
                continue
            if words := _count(frame, coding, layers, len(data)):
                return words
        at = data.find(START, at + len(START))  # a decoder may begin at another one than the first
        left -= 1
    return None


def _segments(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Give the segments of a codestream's headers, those of its tile parts too; their data is stepped over."""
    part, length = 0, 0
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != EOC:
        code = data[at + 1]
        if code == SOD:
            if length == 0:
                return  # the last one: it reaches to the end
            at = max(at + 2, part + length)
            continue
        body = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4])]
        if code == SOT:
            part, length = at, max(14, int.from_bytes(body[2:6])) if any(body[2:6]) else 0
        yield code, body
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))


def _read_frame(body: bytes) -> _Frame | None:
    right, bottom, left, top, tile_width, tile_height = (int.from_bytes(body[at : at + 4]) for at in range(2, 26, 4))
    if right <= left or bottom <= top or not tile_width or not tile_height:
        return None
    return _Frame(right - left, bottom - top, tile_width, tile_height, int.from_bytes(body[34:36]))


def _read_coding(code: int, body: bytes, frame: _Frame) -> _Coding | None:
    """Read how tiles are cut, where the segment says so."""
    if code == COD:
        own_precincts, fields = body[:1], body[5:]
    elif code == COC:
        skipped = 1 if frame.components < 257 else 2
        own_precincts, fields = body[skipped : skipped + 1], body[skipped + 1 :]
    else:
        return None
    if len(fields) < 5:
        return None
    levels = min(fields[0], 32)
    named = fields[5 : 6 + levels] if own_precincts[0] & 1 else b""
    sizes = [(size & 15, size >> 4) for size in named]
    sizes += [(_LARGEST, _LARGEST)] * (levels + 1 - len(sizes))
    return _Coding(levels, ((fields[1] & 15) + 2, (fields[2] & 15) + 2), tuple(sizes))


def _count(frame: _Frame, coding: _Coding, layers: int, size_bytes: int) -> str | None:
    """Count what all tiles and components together promise."""
    width, height = min(frame.width, frame.tile_width), min(frame.height, frame.tile_height)
    blocks = precincts = 0
    for level, (across, down) in enumerate(coding.precincts):
        scale, inner = 1 << (coding.levels - level), min(level, 1)
        wide, high = _parts(width, scale), _parts(height, scale)
        precincts += _parts(wide, 1 << across) * _parts(high, 1 << down)
        block_wide, block_high = (
            min(coding.block[0], max(across - inner, 0)),
            min(coding.block[1], max(down - inner, 0)),
        )
        bands = 3 if level else 1
        blocks += (
            bands * _parts(_parts(wide, 1 + inner), 1 << block_wide) * _parts(_parts(high, 1 + inner), 1 << block_high)
        )
    parts = frame.tiles * frame.components
    if blocks * parts > MOST_BLOCKS:
        return f"{blocks * parts} code blocks, up to {MOST_BLOCKS} are decoded"
    if blocks * parts * layers > MOST_VISITS:
        return f"{blocks * parts} code blocks in {layers} layers, up to {MOST_VISITS} times one are looked at"
    packets = precincts * parts * layers
    return f"{packets} packets in {size_bytes} bytes" if packets > max(MOST_PACKETS, size_bytes) else None


def _parts(length: int, size: int) -> int:
    """Count the pieces of a size that a length is cut into."""
    return -(-length // size)
