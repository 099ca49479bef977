"""The bytes of one image out of a request: the body itself, or the one file of a form; so many, in so much time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

FORM = "multipart/form-data"


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


async def read_body(receive: Receive, most_bytes: int, seconds: float) -> bytes:
    """Read a whole body.

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
                    return bytes(data)
    except TimeoutError:
        raise TooSlowError from None


async def await_end(receive: Receive) -> None:
    """Wait until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def open_form(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Take the one file out of a form.

    Returns:
        Its name and its bytes.

    Raises:
        NoImageError: There is none, there are several, or the form is cut or none.
    """
    _, options = parse_options_header(content_type)
    parts = _Parts()
    try:
        parser = MultipartParser(options.get(b"boundary", b""), parts.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as err:
        raise NoImageError(f"The form cannot be read ({err})") from err
    if len(parts.files) != 1 or not parts.ended:
        raise NoImageError(
            f"The form holds {len(parts.files)} files{'' if parts.ended else ' and is cut'}, not one image"
        )
    ((name, data),) = parts.files
    return name, bytes(data)


class _Parts:
    """The files among the parts of a form."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytearray]] = []
        self.ended = False
        self._header = [bytearray(), bytearray()]
        self._into: bytearray | None = None

    def callbacks(self) -> Any:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._into = None

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = [bytearray(), bytearray()]
        if name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            if (file := options.get(b"filename")) is not None:
                self._into = bytearray()
                self.files.append((file.decode(errors="surrogateescape"), self._into))

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._into is not None:
            self._into += memoryview(data)[start:end]

    def _end(self) -> None:
        self.ended = True
