"""A store listed by rclone: its files as they come, put into the order of keys."""

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import Any

from shoal.contract.errors import StoreError
from shoal.stores.key_order import in_key_order
from shoal.stores.listed import ListedObject
from shoal.stores.rclone_access import REMOTE
from shoal.stores.rclone_log import MISNAMED, ListedInPart, RcloneFailed, count_left_out, end_of, last_words
from shoal.stores.rclone_program import Rclone

WITHOUT_SIZE = "without a size"
"""Why something that lies there is not listed: documents that are made when they are fetched have none."""

HASHES = ("md5", "sha1", "sha256")
"""What identifies bytes, the first that a store keeps; others nobody here can compute."""

PATIENCE = ("--contimeout", "5s", "--timeout", "60s")
"""Of each request."""

_REPEATED = ("--low-level-retries", "6")
"""A part of a listing that fails fails all of it; the pauses grow to two seconds."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Lister:
    """Lists a store.

    Args:
        rclone: The program.
        path: The folder in the store.
    """

    def __init__(self, rclone: Rclone, path: str) -> None:
        self._rclone = rclone
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

        Nothing where the folder of the prefix is not there, and the store holds something else.

        Raises:
            ListedInPart: Twice something below was not there any more when rclone came to it.
            RcloneFailed: A part of it could not be listed, or there is no such store.
            ConfigError: No disk for the order.
        """
        folder = prefix.rpartition("/")[0]

        def list_once() -> Iterator[ListedObject]:
            counts = Counter[str]()
            entries = self._entries(folder, hash_name, counts, "--recursive", "--files-only")
            found = (one for one in map(partial(_read_entry, folder, hash_name), entries) if one.key.startswith(prefix))
            in_order = in_key_order(_with_size(found, counts))
            first = list(islice(in_order, 1))  # comes when all is listed
            unlisted.update(counts)
            return chain(first, in_order)

        return iter(self._whole(folder, list_once))

    def walk(self, prefix: str, hash_name: str, unlisted: Counter[str]) -> Iterator[ListedObject]:
        """List the same in the same order folder by folder, for whoever wants the first ones only."""

        def look_into(folder: str) -> Iterator[ListedObject]:
            return iter(self._whole(folder, partial(self._names, folder, prefix, hash_name, unlisted)))

        folders = [look_into(prefix.rpartition("/")[0])]
        while folders:
            if (entry := next(folders[-1], None)) is None:
                folders.pop()
            elif entry.key.endswith("/"):
                folders.append(look_into(entry.key[:-1]))
            else:
                yield from _with_size([entry], unlisted)

    def level(self, folder: str, hash_name: str) -> list[ListedObject]:
        """List one level, sorted; folders end with a slash. Raises as `list_all` does.

        Args:
            folder: A prefix that ends with a slash, or is empty.
            hash_name: See `find_hash`.
        """
        path = folder.rstrip("/")
        unlisted = Counter[str]()
        return list(_with_size(self._whole(path, partial(self._names, path, "", hash_name, unlisted)), unlisted))

    def _whole(self, folder: str, list_once: Callable[[], Iterable[ListedObject]]) -> Iterable[ListedObject]:
        """List a folder. rclone ends alike where it is not there and where one below went meanwhile: so ask which it is."""
        try:
            return list_once()
        except RcloneFailed as err:
            if not err.is_not_there:
                raise
            if self._finds(folder) is None:
                if not self._finds(""):
                    raise
                if self._is_gone(folder):
                    return ()
        try:
            return list_once()
        except RcloneFailed as err:
            if not err.is_not_there:
                raise
            raise ListedInPart(err.code, str(err)) from None

    def _is_gone(self, folder: str) -> bool:
        """Tell whether the next folder above that is there shows no way to it; stores say "not there" of what they hide, too."""
        while folder:
            folder, _, name = folder.rpartition("/")
            if (is_shown := self._finds(folder, name)) is not None:
                return not is_shown
        return False

    def _finds(self, folder: str, name: str = "") -> bool | None:
        """Tell whether there is anything in a folder, or something of that name; None where the folder is not there."""
        try:
            return any(name in {"", entry["Path"]} for entry in self._entries(folder, "", Counter()))
        except RcloneFailed as err:
            if not err.is_not_there:
                raise
            return None

    def _names(self, folder: str, prefix: str, hash_name: str, unlisted: Counter[str]) -> list[ListedObject]:
        found = (_read_entry(folder, hash_name, entry) for entry in self._entries(folder, hash_name, unlisted))
        return sorted(one for one in found if _leads(one.key, prefix))

    def _entries(self, folder: str, hash_name: str, unlisted: Counter[str], *options: str) -> Iterator[dict[str, Any]]:
        hashes = ("--hash", "--hash-type", hash_name) if hash_name else ()
        for line in self._lines("lsjson", *options, *hashes, "--no-mimetype", self._remote(folder), unlisted=unlisted):
            if line.startswith("{"):
                yield json.loads(line.rstrip().removesuffix(","))

    def _remote(self, folder: str) -> str:
        return f"{REMOTE}:{'/'.join(part for part in (self._path, folder) if part)}"

    def _lines(self, *words: str, unlisted: Counter[str] | None = None) -> Iterator[str]:
        """Run rclone and read its lines as they come; whoever reads no further ends it.

        Raises:
            RcloneFailed: It ended with an error, whatever it listed before, or logged one and nobody knows what is missing.
        """
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [*self._rclone.command, *words, *PATIENCE, *_REPEATED, "--use-json-log"],
                env=self._rclone.environment,
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
                raise RcloneFailed(code, last_words(end_of(log), self._rclone.clean))
            if unlisted is not None and (left_out := count_left_out(log, self._rclone.clean)):
                unlisted[MISNAMED] += left_out


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
