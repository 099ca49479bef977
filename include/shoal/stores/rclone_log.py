"""What rclone logs: why it failed, and what it left out of a listing without failing."""

import json
import re
from collections.abc import Callable
from typing import IO

from shoal.contract.errors import one_line

LOG_BYTES = 1 << 16
"""Of what rclone said, the end."""

SAID = 300
"""Characters of it that are told."""

_NOT_FOUND_EXITS = frozenset({3, 4})
"""Exit codes of rclone: no such directory, no such file."""

MISNAMED = "misnamed"
"""Why something that lies there is not listed: rclone takes no path from its name, logs that and goes on."""

_LEFT_OUT = re.compile(r"Entry .* - ignoring$|URL Join failed for ", re.DOTALL)
_NO_LOSS = re.compile(r"Failed to (?:save|read hash|set permissions)\b")
"""Errors after which a listing is whole: a token that was renewed is not kept, a version is size and time."""

_ERRORS = frozenset({"error", "critical", "alert", "emergency"})

_BEGINNING = re.compile(r"^Failed to \w+(?: with \d+ errors: last error was)?: (?:error in ListJSON: )?")


class RcloneFailed(Exception):  # noqa: N818 - told as one of ours by whoever asked
    """rclone ended with an error: its exit code, and its last words without secrets; whoever logs causes logs these, too."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code

    @property
    def is_not_there(self) -> bool:
        """Whether it is a folder that is not there."""
        return self.code in _NOT_FOUND_EXITS


class ListedInPart(RcloneFailed):
    """Something below a folder was not there when rclone came to it: what it listed is not all."""


def count_left_out(log: IO[bytes], clean: Callable[[str], str]) -> int:
    """Count what rclone left out of a listing that it ended without an error.

    Args:
        log: Of the process, all of it, by lines of JSON.
        clean: Takes secrets out.

    Raises:
        RcloneFailed: It logged an error of another kind, so nobody knows what is missing.
    """
    log.seek(0)
    left_out = 0
    for line in log:
        level, said = _read_line(line.decode(errors="replace"))
        if level not in _ERRORS or _NO_LOSS.match(said):
            continue
        if not _LEFT_OUT.match(said):
            raise RcloneFailed(0, one_line(clean(said), SAID))
        left_out += 1
    return left_out


def last_words(log: str, clean: Callable[[str], str]) -> str:
    """Find the reason in what rclone logged: the last line, of JSON or text, without what it always begins with.

    Args:
        log: Of a process.
        clean: Takes secrets out, before anything is cut off.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    return one_line(_BEGINNING.sub("", clean(_read_line(lines[-1])[1])), SAID)


def _read_line(line: str) -> tuple[str, str]:
    """Read the level and the message of a line; one that is no JSON has no level."""
    try:
        read = json.loads(line)
        return str(read.get("level", "")), str(read["msg"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", line


def end_of(log: IO[bytes]) -> str:
    """Read the end of a log."""
    end = log.seek(0, 2)
    log.seek(max(0, end - LOG_BYTES))
    return log.read().decode(errors="replace")
