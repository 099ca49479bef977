"""The wire format of protobuf, read piece by piece: https://protobuf.dev/programming-guides/encoding/.

A parser of messages takes memory for every piece and goes as deep as a file does; this one takes none, and counts.
"""

import mmap
from collections.abc import Iterator
from typing import NamedTuple

Data = bytes | mmap.mmap

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of fields; groups, which only old versions wrote, are none."""

_MOST_KEY = (1 << 32) - 1
"""Of a field's number and kind: of a longer key parsers drop the rest, or do not, and read two messages of one file."""


class NoMessageError(Exception):
    """The bytes are no message."""


class TooManyFieldsError(Exception):
    """The file has more pieces than are looked at."""


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: Its number in the schema.
        wire: Its kind.
        value: A number's value.
        start: Where the bytes begin.
        end: Behind them.
    """

    number: int
    wire: int
    value: int
    start: int
    end: int


class Messages:
    """A file of messages within messages.

    Args:
        data: Its bytes.
        most_fields: Fields that are looked at, in all messages together.
    """

    def __init__(self, data: Data, most_fields: int) -> None:
        self._data = data
        self._left = most_fields

    def fields(self, at: int, end: int) -> Iterator[Field]:
        """Give the fields of the message between two places.

        Raises:
            NoMessageError: It is none.
            TooManyFieldsError: So many were looked at before.
        """
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise TooManyFieldsError
            key, at = self._varint(at, end)
            if key > _MOST_KEY:
                raise NoMessageError
            number, wire = key >> 3, key & 7
            value, start = 0, at
            if wire == VARINT:
                value, at = self._varint(at, end)
            elif wire == BYTES:
                size, start = self._varint(at, end)
                at = start + size
            elif wire in {FIXED64, FIXED32}:
                at += 8 if wire == FIXED64 else 4
            else:
                raise NoMessageError
            if number == 0 or at > end:
                raise NoMessageError
            yield Field(number, wire, value, start, at)

    def inside(self, one: Field, number: int) -> Iterator[Field]:
        """Give the fields of bytes of one number in a field that is a message."""
        return (part for part in self.fields(one.start, one.end) if part.number == number and part.wire == BYTES)

    def varints(self, one: Field) -> Iterator[int]:
        """Give the numbers that are packed into one field.

        Raises:
            NoMessageError: They are none.
            TooManyFieldsError: So many fields were looked at before.
        """
        at = one.start
        while at < one.end:
            self._left -= 1
            if self._left < 0:
                raise TooManyFieldsError
            value, at = self._varint(at, one.end)
            yield value

    def text(self, one: Field, most_bytes: int) -> bytes:
        """Read the first bytes of a field."""
        return self._data[one.start : min(one.end, one.start + most_bytes)]

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise NoMessageError
