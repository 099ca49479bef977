"""A part of an object, as a store gives it to whoever needs no more of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


@dataclass(frozen=True)
class Span:
    """Where the bytes of a piece lie in their object.

    Attributes:
        first: Offset of the first of them.
        end: Offset behind the last one.
        object_bytes: Size of the object.
        version: Its ETag; empty where the store tells none.
    """

    first: int
    end: int
    object_bytes: int
    version: str


@dataclass(frozen=True)
class Piece:
    """Some bytes of an object, and which ones."""

    span: Span
    data: bytes


def asked_range(first: int | None, size_bytes: int) -> str:
    """Write what is asked for as the header `Range`, see RFC 9110, section 14; None asks for the last bytes."""
    return f"bytes=-{size_bytes}" if first is None else f"bytes={first}-{first + size_bytes - 1}"


def read_span(headers: Mapping[str, str], first: int | None, size_bytes: int, version: str) -> Span | None:
    """Read which bytes an answer carries; None where it does not say, or they are not those that were asked for."""
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if found is None:
        return None
    begin, last, whole = map(int, found.groups())
    wanted = max(0, whole - size_bytes) if first is None else first
    if begin != wanted or last + 1 != min(wanted + size_bytes, whole):
        return None
    return Span(begin, last + 1, whole, version)
