"""The folder that `python -m shoal export` fills: nobody else's files, one export at a time, and one that goes on."""

import errno
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.exports.whole_file import PART, write_whole

TOLD = "export.json"
"""What was written; it is written last."""

BEGUN = ".export.begun.json"
"""Which export the folder is for, as long as it is not complete."""

_WORDS = {
    "format_version": "the format of export.json",
    "export": "its --to",
    "options": "what was said about it besides",
    "dataset": "its dataset",
    "model": "its model",
    "result_sha256": "the answer it is of",
    "estimates_sha256": "what labels make of its counts",
    "where": "its --where",
    "described_sha256": "what the dataset file says now under taxa, deployments or publish",
    "made_by": "the release or code of Shoal, or the release of DuckDB",
}
"""What decides the bytes, as people know it."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class OutFolder:
    """A folder that holds nothing, or what an earlier attempt at the same export wrote.

    Attributes:
        path: The folder.
        told: export.json of an attempt that was complete; None where something is left.
    """

    path: Path
    told: Mapping[str, Any] | None = None

    def finish(self, told: Mapping[str, Any]) -> None:
        """Say what was written."""
        text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.path / TOLD, lambda part: part.write_text(text, encoding="utf-8"))
        (self.path / BEGUN).unlink(missing_ok=True)


@contextmanager
def out_folder(path: Path, identity: Mapping[str, Any]) -> Iterator[OutFolder]:
    """Take a folder for an export.

    Args:
        path: It is made where it is not there.
        identity: All that decides the bytes: only an attempt with the same one goes on.

    Raises:
        ConfigError: It cannot be written, holds something else, is full, or somebody else writes there right now.
    """
    begun = path / BEGUN
    try:
        path.mkdir(parents=True, exist_ok=True)
        if (told := _read(path / TOLD)) is not None and not begun.exists():
            _need_same(path, told, identity)
            yield OutFolder(path, told)
            return
        others = sorted(entry.name for entry in path.iterdir() if entry.name != BEGUN)
        if others and not begun.exists():
            raise _not_empty(path, others)
        with begun.open("a+", encoding="utf-8") as file:
            _lock(file, path)
            file.seek(0)
            text = file.read()
            if not text and others:
                raise _not_empty(path, others)
            if text:
                _need_same(path, _parse(text), identity)
            _clear_parts(path)
            if not text:
                file.write(json.dumps(identity, ensure_ascii=False))
                file.flush()
            yield OutFolder(path)
    except OSError as err:
        if err.filename is not None and not Path(err.filename).is_relative_to(path):
            raise  # of the session's own folder
        raise _explain(path, err) from err


def _lock(file: Any, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise ConfigError(f"Another export writes into {path} right now - wait for it, or name another --out") from err


def _clear_parts(path: Path) -> None:
    for entry in path.iterdir():
        if entry.name.startswith(".") and entry.name.endswith(PART):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return {}


def _parse(text: str) -> dict[str, Any]:
    """Read what an export said of itself; nothing that it could be the same as where somebody changed it."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _need_same(path: Path, there: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    if differ := differences(there, identity):
        raise ConfigError(f"Folder {path} holds another export ({differ}) - name another --out, or delete it")


def differences(there: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    """Say in words what of an export that lies there is not what is asked for; empty where nothing is."""
    if not any(there.get(name) == value for name, value in identity.items()):
        return "it does not say of what"
    # What only the other one says decides, too, as what labels made of its counts.
    names = [*identity, *(name for name in _WORDS if name in there and name not in identity)]
    differ = [_WORDS.get(name, name) for name in names if there.get(name) != identity.get(name)]
    return f"{', '.join(differ)} {'differs' if len(differ) == 1 else 'differ'}" if differ else ""


def _not_empty(path: Path, others: list[str]) -> ConfigError:
    return ConfigError(
        f"Folder {path} is not empty ({len(others)} entries, such as {shown(others[0], 100)}) - name one that is, or a new one: "
        "--out"
    )


def _explain(path: Path, err: OSError) -> ConfigError:
    reason = err.strerror or str(err)
    if err.errno in _FULL:
        return ConfigError(
            f"No room left for the export in {path} ({reason}) - free some and repeat the command: it goes on; or name another "
            "--out"
        )
    if err.errno in {errno.ENOTDIR, errno.EEXIST}:
        return ConfigError(f"{path} is no folder ({reason}) - name one with --out")
    return ConfigError(f"Folder {path} cannot be written ({reason}) - name another --out, or change its rights")
