"""What goes through the pipe between this process and one that it asks: a line of JSON and some bytes, with their lengths."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LENGTH = struct.Struct(">I")

MOST_WORDS = 16 * 1024**2
"""Bytes of JSON in one message; ten thousand boxes take two million."""


class NoFrameError(Exception):
    """The other side closed the pipe, or what it wrote is no message."""


def write_frame(words: Mapping[str, Any], blobs: Sequence[bytes | bytearray] = ()) -> list[bytes | bytearray]:
    """Write a message as the pieces to send one after another."""
    head = json.dumps({**words, "blobs": [len(blob) for blob in blobs]}).encode()
    return [LENGTH.pack(len(head)), head, *blobs]


def read_frame(read: Callable[[int], bytes], most_bytes: int) -> tuple[dict[str, Any], list[bytes]]:
    """Read a message.

    Args:
        read: Reads exactly so many bytes, fewer only where the pipe ends.
        most_bytes: Bytes that may come beside the JSON.

    Raises:
        NoFrameError: The pipe ended, or what came is no message.
    """

    def take(count: int) -> bytes:
        data = read(count)
        if len(data) < count:
            raise NoFrameError("the pipe ended")
        return data

    (length,) = LENGTH.unpack(take(LENGTH.size))
    if length > MOST_WORDS:
        raise NoFrameError(f"a message of {length} bytes")
    words: dict[str, Any] = json.loads(take(length))
    sizes = words.pop("blobs")
    if sum(sizes) > most_bytes:
        raise NoFrameError(f"{sum(sizes)} bytes")
    return words, [take(size) for size in sizes]
