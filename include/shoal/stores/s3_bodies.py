"""The body of an answer that carries an object, read to an end that is known: so many bytes, and no more."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.contract.errors import ConfigError, TooLargeError
from shoal.contract.json_bounds import too_large
from shoal.stores.s3_versions import length_of

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

PIECE_BYTES = 256 * 1024
"""What of a streamed object is in memory."""


def read_at_most(most: int, response: "BaseHTTPResponse") -> bytes:
    """Read a body of at most so many bytes."""
    return b"".join(_bounded(response, most))


def save(path: Path, most: int | None, response: "BaseHTTPResponse") -> Path:
    """Write a body into a file; raises as `_bounded` does, and ConfigError where the file cannot be written."""
    with path.open("wb") as file:
        for piece in _bounded(response, most):
            try:
                file.write(piece)
            except OSError as err:  # this machine's disk, not the store
                raise ConfigError(
                    f"{path} cannot be written: {err.strerror} - free some disk or set TMPDIR to a larger one"
                ) from err
    return path


def _bounded(response: "BaseHTTPResponse", most: int | None) -> Iterator[bytes]:
    """Give a body piece by piece, whose length an answer may announce, or not; what is announced as too long is not begun.

    Raises:
        TooLargeError: It has more than `most` bytes; the message is the reason alone.
    """
    announced, came = length_of(response.headers), 0
    if most is not None and announced is not None and announced > most:
        raise TooLargeError(too_large(announced, most))
    for piece in response.stream(PIECE_BYTES, decode_content=False):
        came += len(piece)
        if most is not None and came > most:
            raise TooLargeError(too_large(None, most))
        yield piece
