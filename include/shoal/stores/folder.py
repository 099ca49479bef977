"""A folder that holds a copy of a bucket: read only, for whoever has the results on a disk of their own."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from os import SEEK_END
from pathlib import Path
from typing import Any, NoReturn

from shoal.contract.errors import ConfigError, ContractError, StoreError, TooLargeError, shown
from shoal.contract.gone_objects import gone
from shoal.stores.files_here import FilesHere
from shoal.stores.json_objects import JsonObjects
from shoal.stores.listed import ListedObject
from shoal.stores.pieces import Piece, Span

_PATTERN = frozenset("*?[")
"""What DuckDB takes for a pattern in the name of a file."""


class FolderStore(FilesHere, JsonObjects):
    """An `ObjectStore` whose keys are the paths below a folder; whatever would write is refused.

    Args:
        folder: The copy of a bucket.

    Raises:
        ConfigError: It is no folder, or its name is a pattern.
    """

    address = None
    ground: tuple[str, ...] = ()
    hurried = False
    most_reads = 8

    def __init__(self, folder: Path) -> None:
        self._root = folder.expanduser().absolute()
        self.bucket = str(self._root)
        if not self._root.is_dir():
            raise ConfigError(f"No folder {shown(self.bucket)} - name one that holds a copy of the results bucket")
        if not _PATTERN.isdisjoint(self.bucket):
            raise ConfigError(
                f"Folder {shown(self.bucket)} has one of {' '.join(sorted(_PATTERN))} in its name - rename it"
            )

    def _path(self, key: str) -> Path:
        if not {"", ".", ".."}.isdisjoint(key.rstrip("/").split("/")) or "\0" in key:
            raise ContractError(f"Object {shown(key, 200)!r} is no file of {self.bucket} - see who wrote what names it")
        return self._root / key

    def has(self, key: str) -> bool:
        """Tell whether there is such a file."""
        return self._path(key).is_file()

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """See `ImageStore.find_bytes`."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                data = file.read() if most is None else file.read(most + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as err:
            raise StoreError(
                f"File {path} cannot be read ({err.strerror or err}) - see its rights and its disk"
            ) from err
        if most is not None and len(data) > most:
            raise ContractError(f"File {path} is not read: it has more than {most} bytes - restore it")
        return data

    def download(self, key: str, path: Path, most: int | None = None) -> None:
        """See `ImageStore.download`."""
        source = self._path(key)
        if not source.is_file():
            raise gone(key, self.bucket)
        if most is not None and source.stat().st_size > most:
            raise TooLargeError(f"File {source} is not read: it has more than {most} bytes")
        path.write_bytes(source.read_bytes())

    def find_piece(self, key: str, first: int | None, size_bytes: int) -> Piece | None:
        """See `ImageStore.find_piece`."""
        source = self._path(key)
        if not source.is_file():
            raise gone(key, self.bucket)
        with source.open("rb") as file:
            whole = file.seek(0, SEEK_END)
            begin = max(0, whole - size_bytes) if first is None else first
            file.seek(begin)
            data = file.read(size_bytes)
        return Piece(Span(begin, begin + len(data), whole, str(source.stat().st_mtime_ns)), data)

    def list_objects(
        self,
        prefix: str = "",
        *,
        whole: bool = False,  # noqa: ARG002 - the door's
        unlisted: Counter[str] | None = None,  # noqa: ARG002
    ) -> Iterator[ListedObject]:
        """See `ImageStore.list_objects`; the version is the time of the last change."""
        folder = prefix.rpartition("/")[0]
        top = self._path(folder) if folder else self._root
        for path in sorted(top.rglob("*")) if top.is_dir() else ():
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and path.is_file():
                found = path.stat()
                moment = datetime.fromtimestamp(found.st_mtime, UTC)
                yield ListedObject(key, f"time:{moment:%Y-%m-%dT%H:%M:%SZ}", found.st_size, moment)

    def list_keys(self, prefix: str) -> list[str]:
        """See `ImageStore.list_keys`."""
        return sorted(found.key for found in self.list_objects(prefix))

    def list_folders(self, prefix: str) -> list[str]:
        """See `ImageStore.list_folders`."""
        top = self._path(prefix.rstrip("/")) if prefix else self._root
        return sorted(entry.name for entry in top.iterdir() if entry.is_dir()) if top.is_dir() else []

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(f"Folder {self.bucket} is a copy of a bucket, and is only read - name the bucket")

    @property
    def access(self) -> NoReturn:
        """Say that nobody else can be told how to reach it."""
        self._refuse()

    located = access

    read = look_into = listen = stream = find_version = replace_bytes = write_bytes = upload = delete = _refuse
    write_json = replace_json = list_unfinished_uploads = abort_upload = _refuse
