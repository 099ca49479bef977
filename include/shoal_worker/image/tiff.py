"""TIFF: how large its tiles are, and whether its bytes end early, both read from its first directory."""

from math import prod
from typing import Literal

from PIL import Image as Pillow

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STRIP_OFFSETS, STRIP_BYTES, SHORT, FIELD_BYTES = 273, 279, 3, 4
TILE_WIDTH, TILE_HEIGHT = 322, 323


def tile_pixels(lazy: Pillow.Image) -> int:
    """Read how large a TIFF's tiles are: each is unpacked whole, however little of it the image shows."""
    tags = getattr(lazy, "tag_v2", None)
    sides = [] if tags is None else [tags.get(TILE_WIDTH, 0), tags.get(TILE_HEIGHT, 0)]
    return prod(sides) if all(isinstance(side, int) for side in sides) and sides else 0


def is_cut(data: bytes) -> bool:
    """Whether the first directory of a TIFF, or the last strip that it names, ends behind the bytes."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    if b"+" in data[2:4]:
        return False  # BigTIFF: not looked into

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    at = number(4, 4)
    end = at + 2 + 12 * number(at, 2)
    if end > len(data):
        return True
    fields = {number(place, 2): place for place in range(at + 2, end, 12)}

    def last(tag: int) -> int:
        place = fields.get(tag)
        if place is None:
            return 0
        size, values, where = (2 if number(place + 2, 2) == SHORT else 4), number(place + 4, 4), place + 8
        if values * size > FIELD_BYTES:
            where = number(where, 4)
        return number(where + size * (values - 1), size) if values else 0

    return last(STRIP_OFFSETS) + last(STRIP_BYTES) > len(data)
