"""The bytes of one image out of a request: the body itself, or the one file of a form; so many, in so much time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from python_multipart.multipart import parse_options_header

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

FORM = "multipart/form-data"

MOST_PARTS = 20
"""Of a form: each costs the interpreter, and with it every other client, some work."""

MOST_HEAD_BYTES = 4096
"""Of a part, its delimiter's padding included."""


class TooLargeError(Exception):
    """More bytes came than a body may have.

    Attributes:
        size_bytes: How many had come by then.
    """

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes")
        self.size_bytes = size_bytes


class TooSlowError(Exception):
    """It did not come in time."""


class GoneError(Exception):
    """The client has hung up."""


class NoImageError(Exception):
    """A form holds no image, or several; the text is for people."""


async def read_body(receive: Receive, most_bytes: int, seconds: float) -> bytearray:
    """Read a whole body; no second copy is made of it.

    Raises:
        TooLargeError, TooSlowError, GoneError: It is not read.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                data += message.get("body", b"")
                if len(data) > most_bytes:
                    raise TooLargeError(len(data))
                if not message.get("more_body"):
                    return data
    except TimeoutError:
        raise TooSlowError from None


async def await_end(receive: Receive) -> None:
    """Wait until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def open_form(content_type: str, body: bytearray) -> tuple[str, bytearray]:
    """Take the one file out of a form. Nothing is done byte by byte: 64 MiB are read in a tenth of a second, whatever they are.

    Args:
        content_type: The request's, with the boundary.
        body: The form; what lies around the file is cut off it, so that there is no second copy.

    Returns:
        Its name and its bytes.

    Raises:
        NoImageError: There is none, there are several, or the form is cut or none.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    delimiter = b"\r\n--" + boundary
    at = 2 if body.startswith(delimiter) else 0
    if not boundary or not body.startswith(delimiter[2:], at):
        raise NoImageError("The form cannot be read (it does not begin with its boundary)")
    at += len(delimiter) - 2
    files: list[tuple[str, int, int]] = []
    for _ in range(MOST_PARTS + 1):
        if body.startswith(b"--", at):
            return _only(files, body)
        head, start = _read_head(body, at)
        end = body.find(delimiter, start)
        if (name := _file_name(head)) is not None:
            files.append((name, start, end))
        if end < 0 or len(files) > 1:
            cut = " and is cut" if end < 0 else ""
            raise NoImageError(f"The form holds {len(files)} files{cut}, not one image")
        at = end + len(delimiter)
    raise NoImageError(f"The form has more than {MOST_PARTS} parts, not one image")


def _read_head(body: bytearray, at: int) -> tuple[list[bytes], int]:
    """Read the lines between a delimiter and a part's bytes; and where these begin."""
    end = body.find(b"\r\n\r\n", at, at + MOST_HEAD_BYTES)
    padding, *lines = bytes(body[at : max(at, end)]).split(b"\r\n")
    if end < 0 or padding.strip(b" \t") or not all(b":" in line for line in lines):
        why = (
            "is cut"
            if end < 0 and len(body) < at + MOST_HEAD_BYTES
            else f"has no head of at most {MOST_HEAD_BYTES} bytes"
        )
        raise NoImageError(f"The form cannot be read (a part {why})")
    return lines, end + 4


def _file_name(head: list[bytes]) -> str | None:
    for line in head:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            file = parse_options_header(value)[1].get(b"filename")
            return None if file is None else file.decode(errors="surrogateescape")
    return None


def _only(files: list[tuple[str, int, int]], body: bytearray) -> tuple[str, bytearray]:
    if not files:
        raise NoImageError("The form holds 0 files, not one image")
    ((name, start, end),) = files
    del body[end:], body[:start]
    return name, body
