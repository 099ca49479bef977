"""What a client is told: a status code of HTTP and one line of JSON, or a picture."""

import json
from dataclasses import dataclass, field
from typing import Any

from shoal.contract.errors import one_line
from shoal.contract.rows import Reason, Status
from shoal.contract.shown_keys import shown_json

JSON = "application/json"
JPEG = "image/jpeg"


@dataclass(frozen=True)
class Told:
    """One answer.

    Attributes:
        code: Status code of HTTP.
        body: What is sent.
        media_type: What that is.
        headers: More of them.
    """

    code: int
    body: bytes
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def found(line: bytes) -> Told:
    """Tell what became of an image, in the words of `predict`."""
    said = json.loads(line)
    code = 200
    if said["status"] != Status.PROCESSED:
        code = 413 if said["reason"] == Reason.TOO_LARGE else 422
    return Told(code, line + b"\n")


def error(code: int, words: str, **headers: str) -> Told:
    """Tell what failed where it is not the image."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(code, (shown_json({"error": one_line(words)}) + "\n").encode(), headers=named)


def as_json(value: Any) -> Told:
    """Tell a value."""
    return Told(200, (shown_json(value) + "\n").encode())
