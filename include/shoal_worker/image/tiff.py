"""TIFF: how its first picture is stored, and whether its bytes end early, both read from its first directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from PIL import Image as Pillow

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
TILE_WIDTH, TILE_HEIGHT = 322, 323
PHOTOMETRIC, FILL_ORDER, ORIENTATION, ROWS_PER_STRIP, PLANES, PREDICTOR, JPEG_TABLES = 262, 266, 274, 278, 284, 317, 347
WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES = 256, 257, 258, 259, 277
SUBFILE, SUB_DIRECTORIES, DNG_VERSION = 254, 330, 50706
CR2 = b"\x10\0\0\0CR"
"""Behind the magic of Canon's raw photos, whose first picture is a preview and does not say so."""

YCBCR = 6
DEFLATE, LZW, PACKBITS, JPEG = frozenset({8, 32946}), 5, 32773, 7

_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value by the type of its field (TIFF 6.0, section 2; 16 to 18 are BigTIFF's)."""

MOST_FIELDS = 65_535
"""So many a directory of four-byte places can have; a BigTIFF that claims more is read no further."""


@dataclass(frozen=True)
class Piece:
    """A strip or a tile.

    Attributes:
        name: How it is called in words.
        start: Where its bytes begin.
        size_bytes: Its bytes as stored.
        top: Its first row.
        rows: Its rows.
        unpacked_bytes: Bytes that its rows unpack to.
        full_bytes: Those of a strip before the last one, which some writers fill the last one up to.
    """

    name: str
    start: int
    size_bytes: int
    top: int
    rows: int
    unpacked_bytes: int
    full_bytes: int

    def body(self, data: bytes) -> bytes:
        """Its bytes as stored."""
        return data[self.start : self.start + self.size_bytes]


@dataclass(frozen=True)
class Stored:
    """How a TIFF's first picture is stored.

    Attributes:
        compression: The code of its packing, 1 for none.
        predictor: 2 where pixels are kept as differences from their left neighbour.
        is_plain: Whether its samples, row by row, are the bytes of the picture: 8 bits, grey or RGB, not turned.
        jpeg_tables: Tables that all its JPEG pieces share; empty where there are none.
        is_usual: Whether the highest bit of a byte comes first, and colours have the size of the picture or are JPEG's.
        pieces: Its strips or tiles, in their order.
    """

    compression: int
    predictor: int
    is_plain: bool
    jpeg_tables: bytes
    is_usual: bool
    pieces: list[Piece]

    def find_missing(self, size_bytes: int) -> str | None:
        """Name the first piece that ends behind a file of so many bytes.

        One that is not packed needs no more than its pixels, whatever size is written for it.
        """
        for piece in self.pieces:
            needed = min(piece.size_bytes, piece.unpacked_bytes) if self.compression == 1 else piece.size_bytes
            if piece.start + needed > size_bytes:
                return f"{piece.name} ends behind the file"
        return None


def tile_pixels(lazy: Pillow.Image) -> int:
    """Read how large a TIFF's tiles are: each is unpacked whole, however little of it the image shows."""
    tags = getattr(lazy, "tag_v2", None)
    sides = [] if tags is None else [tags.get(TILE_WIDTH, 0), tags.get(TILE_HEIGHT, 0)]
    return prod(sides) if all(isinstance(side, int) for side in sides) and sides else 0


def read_stored(lazy: Pillow.Image) -> Stored:
    """Read how an opened TIFF is stored; of hostile tags anything is raised."""
    tags = lazy.tag_v2  # type: ignore[attr-defined]
    width, height, bits, samples = tags[WIDTH], tags[HEIGHT], tags.get(BITS, (1,)), tags.get(SAMPLES, 1)
    tiled, packing = TILE_OFFSETS in tags, tags.get(COMPRESSION, 1)
    wide, high = (
        (tags[TILE_WIDTH], tags[TILE_HEIGHT]) if tiled else (width, min(tags.get(ROWS_PER_STRIP, height), height))
    )
    in_planes = tags.get(PLANES, 1) == 2
    row_bytes = (wide * bits[0] * (1 if in_planes else samples) + 7) // 8
    places = zip(
        tags[TILE_OFFSETS if tiled else STRIP_OFFSETS], tags[TILE_BYTES if tiled else STRIP_BYTES], strict=True
    )
    in_plane = -(-height // high)
    pieces = []
    for number, (start, size) in enumerate(places):
        top = 0 if tiled else number % in_plane * high
        rows = high if tiled else min(high, height - top)
        name = f"{'tile' if tiled else 'strip'} {number}"
        pieces.append(Piece(name, start, size, top, rows, rows * row_bytes, high * row_bytes))
    colours = {1: (1,), 3: (2,)}.get(samples, ())
    is_plain = (
        set(bits) == {8}
        and tags.get(PHOTOMETRIC) in colours
        and tags.get(ORIENTATION, 1) == 1
        and not tiled
        and not in_planes
        and tags.get(PREDICTOR, 1) in (1, 2)
    )
    return Stored(
        compression=packing,
        predictor=tags.get(PREDICTOR, 1),
        is_plain=is_plain,
        jpeg_tables=tags.get(JPEG_TABLES, b""),
        is_usual=tags.get(FILL_ORDER, 1) == 1 and (tags.get(PHOTOMETRIC) != YCBCR or packing == JPEG),
        pieces=pieces,
    )


@dataclass(frozen=True)
class Directory:
    """The first directory of a TIFF, as its bytes say it.

    Attributes:
        values: Where the values of each tag begin, bytes of one, and how many there are.
        is_blank: Whether it has no field, or one of tag 0 and type 0: zeros where it was written.
        has_next: Whether another directory follows.
        is_cut: Whether a value that it names ends behind the bytes.
    """

    values: dict[int, tuple[int, int, int]]
    is_blank: bool
    has_next: bool
    is_cut: bool


def read_directory(data: bytes) -> Directory | None:
    """Read the first directory of a TIFF; None where it ends behind the bytes."""
    word, count_bytes = (8, 8) if b"+" in data[2:4] else (4, 2)
    field_bytes = 4 + 2 * word
    at = _number(data, word, word)
    first, last = at + count_bytes, at + count_bytes + field_bytes * _number(data, at, count_bytes)
    if last + word > len(data):
        return None
    values: dict[int, tuple[int, int, int]] = {}
    is_blank, is_cut = first == last, False
    for place in range(first, min(last, first + MOST_FIELDS * field_bytes), field_bytes):
        is_blank = is_blank or not any(data[place : place + 4])
        size, count = _VALUE_BYTES.get(_number(data, place + 2, 2), 0), _number(data, place + 4, word)
        where = place + 4 + word
        where = _number(data, where, word) if size * count > word else where
        is_cut = is_cut or where + size * count > len(data)
        values[_number(data, place, 2)] = where, size, count
    return Directory(values, is_blank, any(data[last : last + word]), is_cut)


def is_cut(data: bytes) -> bool:
    """Whether the first directory of a TIFF, a value or a piece that it names, ends behind the bytes."""
    directory = read_directory(data)
    return (
        directory is None
        or directory.is_cut
        or any(
            start + size > len(data)
            for starts, sizes in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES))
            for start, size in zip(_listed(data, directory, starts), _listed(data, directory, sizes), strict=False)
        )
    )


def is_blank(data: bytes) -> bool:
    """Whether zeros stand where the first directory should, as where a copy had been given its size before its bytes."""
    directory = read_directory(data)
    return directory is not None and directory.is_blank


def is_preview(data: bytes) -> bool:
    """Whether the first picture is a small one of another in the file, as that of a raw photo is.

    In a pyramid the first one is the largest: only what follows says that it is reduced.
    """
    if data[4:10] == CR2:
        return True
    directory = read_directory(data)
    if directory is None:
        return False
    is_reduced = next(_listed(data, directory, SUBFILE), 0) & 1
    has_others = directory.has_next or SUB_DIRECTORIES in directory.values
    return DNG_VERSION in directory.values or bool(is_reduced and has_others)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little" if data.startswith(b"II") else "big")


def _listed(data: bytes, directory: Directory, tag: int) -> Iterator[int]:
    where, size, count = directory.values.get(tag, (0, 0, 0))
    return (_number(data, where + size * n, size) for n in range(count if size else 0))
