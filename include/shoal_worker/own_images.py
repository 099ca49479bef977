"""Of a manifest what one shard needs: the footer, and the row groups that may hold its images.

They are laid into a file as long as the manifest, each at its own place, and between them nothing: what reads Parquet skips
those row groups by what the footer says of them, as it does in the whole file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import duckdb

from shoal.contract.errors import ContractError, StoreError
from shoal.contract.json_bounds import MIB, too_large
from shoal.stores.object_store import ObjectStore
from shoal.stores.pieces import Piece
from shoal_worker.planned import download_planned
from shoal_worker.rows.parts import open_duckdb, quoted

TAIL_BYTES = 128 * 1024
"""What is asked for first: a manifest of a few thousand images as a whole, of a million the footer."""

MOST_FOOTER_BYTES = 64 * MIB
"""A footer tells a kilobyte of each row group, six where keys are as long as they may be: this is of ten thousand."""

PIECE_BYTES = 8 * MIB
"""What of a row group is in memory."""

MOST_RANGES = 16
"""A shard is one range of keys, and so are its row groups: of a manifest where they are not all is read."""

_END = b"PAR1"
_END_BYTES = 8
"""What a Parquet file ends with: the length of its footer in four bytes, and four letters."""

_RANGES = """
WITH chunks AS (
    SELECT row_group_id, path_in_schema, total_compressed_size AS size_bytes, stats_min, stats_max,
        least(data_page_offset, nullif(dictionary_page_offset, 0)) AS first, bloom_filter_offset, bloom_filter_length
    FROM parquet_metadata('{path}')
),
own AS (
    SELECT row_group_id FROM chunks WHERE path_in_schema = 'shard'
    AND coalesce({shard:d} BETWEEN try_cast(stats_min AS INTEGER) AND try_cast(stats_max AS INTEGER), true)
)
SELECT min(first)::BIGINT, max(first + size_bytes)::BIGINT FROM chunks SEMI JOIN own USING (row_group_id) GROUP BY row_group_id
UNION ALL
SELECT bloom_filter_offset, bloom_filter_offset + coalesce(bloom_filter_length, 0)
FROM chunks SEMI JOIN own USING (row_group_id) WHERE bloom_filter_offset IS NOT NULL
ORDER BY 1
"""


def download_own(store: ObjectStore, key: str, path: Path, shard: int, most: int) -> None:
    """Read of a manifest what one shard needs into a file; all of it where the store gives whole objects only.

    Args:
        store: The results bucket.
        key: Key of the manifest.
        path: The file.
        shard: Number of the shard.
        most: Bytes that the manifest may have.

    Raises:
        ContractError: It is larger, not there, or was written over meanwhile.
        ConfigError: It may not be read.
        StoreError: The store did not answer as it should, or the disk has no room.
    """
    tail = store.find_piece(key, None, TAIL_BYTES)
    if tail is not None and tail.span.object_bytes > most:
        reason = f"Object {key!r} of bucket {store.bucket!r} is not read: {too_large(tail.span.object_bytes, most)}"
        raise ContractError(f"{reason}, for as many images as plan.json names - plan the run again")
    try:
        if tail is None or not _Laying(store, key, path, tail).lay_own(shard):
            download_planned(store, key, path, most)
    except OSError as err:
        raise StoreError(
            f"{path} cannot be written: {err.strerror} - free some disk or set TMPDIR to a larger one"
        ) from err


class _Laying:
    """A file as long as a manifest, into which pieces of it are laid.

    Args:
        store: The results bucket.
        key: Key of the manifest.
        path: The file.
        tail: The manifest's end; all further pieces are of the same object.
    """

    def __init__(self, store: ObjectStore, key: str, path: Path, tail: Piece) -> None:
        self._store, self._key, self._path, self._tail = store, key, path, tail
        self._from = tail.span.first

    def lay_own(self, shard: int) -> bool:
        """Lay footer and row groups of a shard; return whether that is all its reader needs."""
        size_bytes = self._tail.span.object_bytes
        with self._path.open("wb") as file:
            file.truncate(size_bytes)
            _lay(file, self._tail)
            footer_bytes = _footer_bytes(self._tail.data)
            if self._from == 0:
                return True
            if footer_bytes is None or footer_bytes > min(size_bytes, MOST_FOOTER_BYTES):
                return False
            self._lay_from(file, min(self._from, size_bytes - footer_bytes))
            ranges = _find_ranges(self._path, shard, size_bytes)
            for first, end in ranges or ():
                for piece in self._read(first, min(end, self._from)):
                    _lay(file, piece)
        return ranges is not None

    def _lay_from(self, file: BinaryIO, first: int) -> None:
        """Lay all that lies between an offset and what lies there already."""
        for piece in self._read(first, self._from):
            _lay(file, piece)
        self._from = first
        file.flush()

    def _read(self, first: int, end: int) -> Iterator[Piece]:
        """Read a range of the manifest.

        Raises:
            ContractError: There is another one by now.
            StoreError: The store gives no part of it any more.
        """
        while first < end:
            piece = self._store.find_piece(self._key, first, min(PIECE_BYTES, end - first))
            if piece is None:
                where = f"{self._store.address} gave a part of {self._key!r} first, and none then"
                raise StoreError(f"{where} - see the store's log")
            told, known = piece.span, self._tail.span
            if (told.version, told.object_bytes) != (known.version, known.object_bytes):
                raise ContractError(f"Manifest {self._key!r} was written over while it was read - plan the run again")
            yield piece
            first = told.end


def _footer_bytes(tail: bytes) -> int | None:
    """Read how long a Parquet file's footer is, its end included; None where that is no such file."""
    if tail[-len(_END) :] != _END:
        return None
    return int.from_bytes(tail[-_END_BYTES : -len(_END)], "little") + _END_BYTES


def _find_ranges(path: Path, shard: int, size_bytes: int) -> list[tuple[int, int]] | None:
    """Read off the footer where the shard's row groups lie; None where that is no few places in the file."""
    try:
        with open_duckdb() as con:
            found = con.execute(_RANGES.format(path=quoted(path), shard=shard)).fetchall()
    except duckdb.Error:
        return None  # whoever reads it tells what it is
    joined: list[tuple[int, int]] = []
    for first, end in found:
        if first is None or end is None or not 0 <= first <= end <= size_bytes:
            return None
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((first, end))
    return joined if len(joined) <= MOST_RANGES else None


def _lay(file: BinaryIO, piece: Piece) -> None:
    file.seek(piece.span.first)
    file.write(piece.data)
