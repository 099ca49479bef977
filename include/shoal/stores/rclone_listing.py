"""A store listed by rclone: its files as they come, put into the order of keys in memory that does not grow with the store."""

import heapq
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import IO, Any

from shoal.contract.errors import ConfigError, StoreError
from shoal.stores.object_store import ListedObject
from shoal.stores.rclone_access import REMOTE
from shoal.stores.rclone_errors import NOT_FOUND_EXITS

WITHOUT_SIZE = "without a size"
"""Why something that lies there is not listed: documents that are made when they are fetched have none."""

HASHES = ("md5", "sha1", "sha256")
"""What identifies bytes, the first that a store keeps; others nobody here can compute."""

RUN_OBJECTS = 50_000
"""Held at once; what is more lies sorted on disk meanwhile."""

PATIENCE = ("--contimeout", "5s", "--timeout", "60s")
"""Of each request."""

_REPEATED = ("--low-level-retries", "6")
"""A part of a listing that fails fails all of it; the pauses grow to two seconds."""

LOG_BYTES = 1 << 16
"""Of what rclone said, the end."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


class RcloneFailed(Exception):  # noqa: N818 - told as one of ours by whoever asked
    """rclone ended with an error: its exit code, and what it logged."""

    def __init__(self, code: int, log: str) -> None:
        super().__init__(log)
        self.code = code


class Lister:
    """Lists a store.

    Args:
        command: rclone, and what follows it in every command line.
        environment: Of the process.
        path: The folder in the store.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str], path: str) -> None:
        self._command, self._environment = command, environment
        self._path = path.rstrip("/") or path

    def find_hash(self) -> str:
        """Name the hash that the store keeps of each file; empty where it keeps none, or would read the file for it.

        Raises:
            RcloneFailed: It cannot be asked.
        """
        told = json.loads("".join(self._lines("backend", "features", self._remote(""))))
        kept = [name for name in HASHES if name in (told.get("Hashes") or [])]
        return kept[0] if kept and not told["Features"]["SlowHash"] else ""

    def list_all(self, prefix: str, hash_name: str, unlisted: Counter[str]) -> Iterator[ListedObject]:
        """List what begins with a prefix, by the bytes of keys; rclone looks into several folders at a time.

        Raises:
            RcloneFailed: A part of it could not be listed, or there is no such folder.
            ConfigError: No disk for the order.
        """
        folder = prefix.rpartition("/")[0]
        entries = self._entries(folder, hash_name, "--recursive", "--files-only")
        found = (one for one in map(partial(_read_entry, folder, hash_name), entries) if one.key.startswith(prefix))
        return in_key_order(_with_size(found, unlisted))

    def walk(self, prefix: str, hash_name: str, unlisted: Counter[str]) -> Iterator[ListedObject]:
        """List the same in the same order folder by folder, for whoever wants the first ones only."""
        folders = [iter(self._names(prefix.rpartition("/")[0], prefix, hash_name))]
        while folders:
            if (entry := next(folders[-1], None)) is None:
                folders.pop()
            elif entry.key.endswith("/"):
                folders.append(iter(self._names(entry.key[:-1], prefix, hash_name)))
            else:
                yield from _with_size([entry], unlisted)

    def level(self, folder: str, hash_name: str) -> list[ListedObject]:
        """List one level, sorted; folders end with a slash.

        Args:
            folder: A prefix that ends with a slash, or is empty.
            hash_name: See `find_hash`.
        """
        return list(_with_size(self._names(folder.rstrip("/"), "", hash_name), Counter()))

    def _names(self, folder: str, prefix: str, hash_name: str) -> list[ListedObject]:
        found = (_read_entry(folder, hash_name, entry) for entry in self._entries(folder, hash_name))
        return sorted(one for one in found if _leads(one.key, prefix))

    def _entries(self, folder: str, hash_name: str, *options: str) -> Iterator[dict[str, Any]]:
        hashes = ("--hash", "--hash-type", hash_name) if hash_name else ()
        for line in self._lines("lsjson", *options, *hashes, "--no-mimetype", self._remote(folder)):
            if line.startswith("{"):
                yield json.loads(line.rstrip().removesuffix(","))

    def _remote(self, folder: str) -> str:
        return f"{REMOTE}:{'/'.join(part for part in (self._path, folder) if part)}"

    def _lines(self, *words: str) -> Iterator[str]:
        """Run rclone and read its lines as they come; whoever reads no further ends it.

        Raises:
            RcloneFailed: It ended with an error, whatever it listed before.
        """
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [*self._command, *words, *PATIENCE, *_REPEATED, "--use-json-log"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            ) as process,
        ):
            try:
                yield from process.stdout or ()
                code = process.wait()
            finally:
                process.kill()
            if code != 0:
                raise RcloneFailed(code, _end_of(log))


def in_key_order(found: Iterable[ListedObject], run_objects: int = RUN_OBJECTS) -> Iterator[ListedObject]:
    """Put what is listed into the order of keys.

    Args:
        found: In any order.
        run_objects: How many are held at once; see `RUN_OBJECTS`.

    Raises:
        ConfigError: No disk for what is more.
    """
    runs: list[IO[str]] = []
    held: list[ListedObject] = []
    try:
        for one in found:
            held.append(one)
            if len(held) == run_objects:
                runs.append(_put_away(sorted(held)))
                held.clear()
        held.sort()
        yield from heapq.merge(*map(_take, runs), held) if runs else held
    finally:
        for run in runs:
            run.close()


def is_not_there(err: RcloneFailed) -> bool:
    """Tell whether it is the folder that is not there."""
    return err.code in NOT_FOUND_EXITS


def version_of(size_bytes: int, changed: str, hashes: dict[str, str], hash_name: str) -> str:
    """Write what identifies the bytes of a file: its hash, an MD5 as an ETag has it; else size and time of last change."""
    if kept := hashes.get(hash_name):
        return kept if hash_name == "md5" else f"{hash_name}:{kept}"
    return f"file:{size_bytes}-{changed_ns(changed)}"


def changed_ns(changed: str) -> int:
    """Read a time as rclone tells it, in nanoseconds since 1970; Python's own times have no nanoseconds."""
    whole, dot, rest = changed.partition(".")
    fraction = rest.rstrip("Z")[:9] if dot else ""
    moment = datetime.fromisoformat(f"{whole.removesuffix('Z')}Z")
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * 10**9 + int(fraction.ljust(9, "0"))


def _read_entry(folder: str, hash_name: str, entry: dict[str, Any]) -> ListedObject:
    try:
        key = f"{folder}/{entry['Path']}" if folder else entry["Path"]
        if entry["IsDir"]:
            return ListedObject(f"{key}/", "", 0, _EPOCH)
        size, changed = entry["Size"], entry["ModTime"]
        version = version_of(size, changed, entry.get("Hashes") or {}, hash_name)
        return ListedObject(key, version, size, datetime.fromisoformat(changed))
    except (KeyError, TypeError, ValueError) as err:
        raise StoreError(
            f"rclone's listing cannot be read ({type(err).__name__}: {err}) - see which release it is"
        ) from err


def _with_size(found: Iterable[ListedObject], unlisted: Counter[str]) -> Iterator[ListedObject]:
    for one in found:
        if one.size_bytes < 0:
            unlisted[WITHOUT_SIZE] += 1
        else:
            yield one


def _leads(key: str, prefix: str) -> bool:
    return key.startswith(prefix) or (key.endswith("/") and prefix.startswith(key))


def _put_away(objects: Iterable[ListedObject]) -> IO[str]:
    run = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by whoever asked for it
    try:
        run.writelines(f"{json.dumps([*one[:3], one.last_modified.isoformat()])}\n" for one in objects)
        run.seek(0)
    except OSError as err:
        run.close()
        raise ConfigError(
            f"A listing of this length needs disk for its order ({err.strerror}) - free some disk or set TMPDIR to a larger one"
        ) from err
    return run


def _take(run: IO[str]) -> Iterator[ListedObject]:
    for line in run:
        key, version, size_bytes, modified = json.loads(line)
        yield ListedObject(key, version, size_bytes, datetime.fromisoformat(modified))


def _end_of(log: IO[bytes]) -> str:
    end = log.seek(0, 2)
    log.seek(max(0, end - LOG_BYTES))
    return log.read().decode(errors="replace")
