"""GIF: where its first picture ends, read from its blocks. OpenCV refuses a file that lacks its last byte alone."""

TRAILER = b";"
_EXTENSION, _PICTURE = 0x21, 0x2C
_HEADER_BYTES, _PICTURE_BYTES = 13, 10


def is_cut(data: bytes) -> bool:
    """Whether the bytes end before the trailer, or are zeros from where a block would begin."""
    try:
        at = _first_block(data)
        while data[at] in (_EXTENSION, _PICTURE):
            at = _behind_block(data, at)
    except IndexError:
        return True
    return data[at] == 0


def with_trailer(data: bytes) -> bytes | None:
    """Close a cut file behind its first picture; None where it is not cut, or that picture is not all there."""
    if not is_cut(data):
        return None
    try:
        at = _first_block(data)
        while data[at] == _EXTENSION:
            at = _behind_block(data, at)
        return data[: _behind_block(data, at)] + TRAILER if data[at] == _PICTURE else None
    except IndexError:
        return None


def _first_block(data: bytes) -> int:
    return _HEADER_BYTES + _table_bytes(data[10])


def _behind_block(data: bytes, at: int) -> int:
    """Walk over an extension or a picture, its sub-blocks and their end."""
    at += 2 if data[at] == _EXTENSION else _PICTURE_BYTES + _table_bytes(data[at + 9]) + 1
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _table_bytes(flags: int) -> int:
    """Bytes of the colour table that flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
