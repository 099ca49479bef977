"""What every kind of service does for the worker, whatever it is asked by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

from shoal.contract.errors import ServiceError
from shoal.contract.service import Service

MOST_ANSWER_BYTES = 16 << 20
"""An answer is one image's boxes or scores: a hundred thousand boxes are 10 MB of JSON."""

SAID = 300
"""Characters of what a service says that are passed on."""

LONGEST_FILE_NAME = 100


class RefusedError(Exception):
    """It gave no answer that can be read for one image, in words for its row."""


class BusyError(ServiceError):
    """It says itself that it cannot answer now: that is no image's fault, and another time it may."""


@dataclass(frozen=True)
class Answer:
    """What it said of one image.

    Attributes:
        value: Its JSON.
        files: Other files that it made, by name.
    """

    value: Any
    files: Mapping[str, bytes] = field(default_factory=dict)


class Kind(Protocol):
    """One kind of service: started where the worker has to, asked for one image at a time."""

    def __init__(self, service: Service) -> None:
        """Nothing is started yet."""

    def is_up(self) -> bool:
        """Whether something listens."""
        ...

    def start(self, deadline: float) -> None:
        """Start it, or wait until it was started, anew where it ended.

        Args:
            deadline: Until when, on the monotonic clock.

        Raises:
            ServiceError: It does not begin to answer.
            ConfigError: It is not what the plan says.
        """
        ...

    def ask(self, name: str, data: bytes, limit_s: float) -> Answer:
        """Show it an image.

        Args:
            name: The file's, as `file_name` made it.
            data: The image's own bytes.
            limit_s: Seconds that it may take.

        Raises:
            RefusedError: It answers, and with nothing that can be read.
            BusyError: It says that it cannot answer now.
            BrokeOffError: It ended, or says nothing in time.
            ServiceError: It is not there: it has not seen the image.
        """
        ...

    def cancel(self) -> None:
        """Begin to end what was started, without waiting; it is asked for nothing more."""

    def end(self) -> None:
        """End what was started."""


def file_name(key: str) -> str:
    """Make a key's last part a file's name that no shell, form or file system takes for anything else."""
    name = PurePosixPath(key).name
    stem, dot, suffix = name.rpartition(".")
    kept = [re.sub(r"[^A-Za-z0-9_-]+", "_", part) for part in ((stem, suffix) if dot else (name, ""))]
    plain = kept[0][: LONGEST_FILE_NAME - 20].lstrip("-") or "image"
    return f"{plain}.{kept[1][:12]}" if kept[1] else plain


def same_file(named: str, name: str) -> bool:
    """Whether what an answer calls its image is the file that was sent, in whatever folder it lay."""
    return named.replace("\\", "/").rpartition("/")[2] == name
