"""What a listing of a store shows: objects, the levels of a bucket, and uploads that were never finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class ListedObject(NamedTuple):
    """One object as a listing shows it: a tuple, for there are millions, and it takes a third of the time to make.

    Attributes:
        key: Its key.
        object_version: Differs whenever the bytes do: an ETag, or what else the store has. Rows call it so too.
        size_bytes: Its size.
        last_modified: UTC.
        storage_class: The store's word for where the bytes lie; None where it says none.
    """

    key: str
    object_version: str
    size_bytes: int
    last_modified: datetime
    storage_class: str | None = None


@dataclass(frozen=True)
class FolderLevel:
    """One level of a bucket.

    Attributes:
        folders: Prefixes that end with a slash, one level below.
        objects: What lies beside them.
        is_whole: Whether that is all of the level, from a key on where one was named.
        has_folders_before: Whether folders before that key are among them.
    """

    folders: tuple[str, ...]
    objects: Sequence[ListedObject]
    is_whole: bool
    has_folders_before: bool = True


@dataclass(frozen=True)
class UnfinishedUpload:
    """An upload in parts that was begun and not finished; no reader sees any of it."""

    key: str
    upload_id: str
    started_at: datetime
