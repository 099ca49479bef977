"""A file that somebody asks a command for: there whole or not at all."""

import os
from pathlib import Path

from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError


def need_free(path: Path, option: str) -> None:
    """Check, before anything is computed, that a file may be written.

    Raises:
        ConfigError: Something lies there, or there is no such folder.
    """
    if path.exists():
        raise ConfigError(f"{path} is there already - write another name with {option}, or remove it")
    if not path.parent.is_dir():
        raise ConfigError(
            f"{path} cannot be written: there is no folder {path.parent} - make it, or write another place"
        )


def write_whole(path: Path, data: bytes, option: str, *, replaces: bool = False, aside: bool = False) -> None:
    """Write a file whole or not at all, and say where; what lies there under a name that somebody wrote stays.

    Args:
        path: Where.
        data: What.
        option: By which somebody says so.
        replaces: Whether what lies there is ours to replace.
        aside: Whether that is said on standard error, beside what the command prints.

    Raises:
        ConfigError: Something lies there, or it cannot be written.
    """
    if path.exists() and not replaces:
        raise ConfigError(f"{path} is there already - write another name with {option}, or remove it")
    beside = path.with_name(f".shoal-{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as err:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {err.strerror} - write another place with {option}") from err
    tell(f"written  {path}", aside=aside)
