"""PNG: size, end and checksums, read from its chunks.

libpng makes every fault of pixel data an error (no pixels at all); its warnings speak of text, profiles and the end.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from shoal.contract.image_limits import BYTES_PER_PIXEL

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB`\x82"
MOST_CHUNKS = 100_000
MEGABYTE = 1 << 20
PACKED_TEXTS, MOST_TEXTS = frozenset({b"zTXt", b"iTXt"}), 50
ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})


@dataclass(frozen=True)
class Chunk:
    """One chunk that is wholly there.

    Attributes:
        kind: Its four letters.
        start: Offset of its length field.
        end: Offset behind its checksum.
    """

    kind: bytes
    start: int
    end: int

    def body(self, data: bytes) -> bytes:
        """Its content."""
        return data[self.start + 8 : self.end - 4]

    def has_right_sum(self, data: bytes) -> bool:
        """Whether its checksum is that of its bytes."""
        return zlib.crc32(memoryview(data)[self.start + 4 : self.end - 4]) == int.from_bytes(
            data[self.end - 4 : self.end]
        )

    @property
    def is_critical(self) -> bool:
        """Whether pixels depend on it: its first letter is a capital."""
        return not self.kind[0] & 0x20


def chunks(data: bytes) -> Iterator[Chunk]:
    """Walk the chunks that are wholly there, up to the end."""
    at = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            return
        chunk = Chunk(data[at + 4 : at + 8], at, end)
        yield chunk
        if chunk.kind == b"IEND":
            return
        at = end


def read_size(data: bytes) -> tuple[int, int] | None:
    """Read (width, height) in pixels from the first chunk, which is always IHDR; None where it is not there."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        return None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def for_opencv(data: bytes) -> bytes:
    """Leave out what a decoder is not to see.

    Many packed texts: it unpacks up to a thousand of them, 8 MB each, for nobody. An animation that the picture is no part of
    (no `fcTL` stands before it): OpenCV would give the animation's first picture, and the header is of this one.
    """
    found = list(chunks(data))
    kinds = [chunk.kind for chunk in found]
    before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else []
    unseen = ANIMATION if b"acTL" in before and b"fcTL" not in before else frozenset()
    if sum(kind in PACKED_TEXTS for kind in kinds) > MOST_TEXTS:
        unseen |= PACKED_TEXTS
    left_out = [chunk for chunk in found if chunk.kind in unseen]
    starts, ends = [0, *(chunk.end for chunk in left_out)], [*(chunk.start for chunk in left_out), len(data)]
    return b"".join(data[start:end] for start, end in zip(starts, ends, strict=True)) if left_out else data


def with_end(data: bytes) -> bytes | None:
    """Close a file whose end chunk is missing or cut, after its last whole chunk; None where it is there."""
    *_, last = (None, *chunks(data))
    if last is None or last.kind == b"IEND":
        return None
    return data[: last.end] + END


def bad_sums(data: bytes, *, critical: bool) -> str | None:
    """Say which chunks have a wrong checksum, as libpng says it."""
    kinds = [c.kind for c in chunks(data) if c.is_critical is critical and not c.has_right_sum(data)]
    return "; ".join(f"{_name(kind)}: CRC error" for kind in dict.fromkeys(kinds)) or None


def _name(kind: bytes) -> str:
    """Write a chunk's four letters; what is none of them, as zeros of a damaged file, in hex."""
    return kind.decode("ascii") if kind.isalpha() else f"0x{kind.hex()}"


def why_undecodable(data: bytes) -> tuple[bool, str | None]:
    """Say whether the file was cut, and what is wrong with its pixels; (False, None) where nothing is.

    No more is unpacked than its pixels may take: another 20 MB of PNG would unfold to 20 GB.
    """
    kinds, packed = [], []
    for chunk in chunks(data):
        kinds.append(chunk.kind)
        if chunk.kind == b"IDAT":
            packed.append(chunk.body(data))
    words = bad_sums(data, critical=True)
    if words is not None:
        return False, words
    if b"IEND" not in kinds:
        return True, "PNG input buffer is incomplete"
    if not packed:
        return False, "no IDAT chunk"
    width, height = read_size(data) or (0, 0)
    # Each row has a byte more, and an interlaced image has up to seven rows of some pixels for one.
    most = BYTES_PER_PIXEL * width * height + 8 * height + MEGABYTE
    unpack = zlib.decompressobj()
    try:
        for piece in packed:
            rest = piece
            while rest:  # a megabyte at a time, thrown away
                most -= len(unpack.decompress(rest, MEGABYTE))
                rest = unpack.unconsumed_tail
                if most < 0:
                    return False, "IDAT: more than its pixels"
    except zlib.error as err:
        return False, f"IDAT: {err}"
    return False, None if unpack.eof else "Not enough image data"
