"""Rows and where they go: one immutable Parquet object every few minutes."""

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from shoal.contract.errors import ContractError, StoreError
from shoal.contract.json_bounds import BYTES_AN_IMAGE
from shoal.contract.rows import MANIFEST_COLUMNS, ROW_COLUMNS, Reason, Status, ddl
from shoal.contract.units import counted
from shoal.stores.object_store import ObjectStore

LONGEST_LINE_BYTES = 128 << 20
"""Of a row on its way to Parquet: all masks of an image can be 64 MiB, a thousand boxes of 500 key points 30."""

HELD_BYTES = 32 << 20
"""What one part holds of it, about, in memory: with key points or masks a row is a hundred times one of a few boxes."""

MOST_UNWRITTEN_BYTES = 4 * HELD_BYTES
"""What all rows hold, about, that are in no part yet: while the results store is away the model waits."""

_COUNT = """SELECT count(*), coalesce(sum(strlen(key) + strlen(object_version)), 0)::BIGINT
FROM read_parquet('{path}') WHERE shard = {shard:d}"""


@dataclass(frozen=True)
class ListedImage:
    """One image of the manifest, as it was listed."""

    key: str
    object_version: str
    size_bytes: int


@dataclass(frozen=True)
class Stamp:
    """Who wrote a row: the same for all rows of one attempt."""

    worker_version: str
    run_key: str
    attempt: str


@dataclass(frozen=True)
class Row:
    """What became of one image; the columns of `shoal.contract.rows.ROW_COLUMNS`, which says what they mean."""

    key: str
    object_version: str
    size_bytes: int
    status: Status
    worker_version: str
    run_key: str
    attempt: str
    content_sha256: str | None = None
    reason: Reason | None = None
    detail: str | None = None
    damaged: str | None = None
    width: int | None = None
    height: int | None = None
    exif: dict[str, Any] | None = None
    detections: list[dict[str, Any]] | None = None
    masks: list[str | None] | None = None
    keypoints: list[list[float | None]] | None = None
    angles: list[float] | None = None
    reclassified: list[dict[str, Any]] | None = None
    class_scores: list[float | None] | None = None
    files: list[str] | None = None
    max_det_reached: bool | None = None
    luma_mean: float | None = None
    luma_std: float | None = None
    luma_grid: list[int] | None = None
    sharpness: float | None = None
    dhash: int | None = None
    seconds: float | None = None
    version_checked: bool = False
    copied_from_version: str | None = None
    ledger: str | None = None


def new_row(image: ListedImage, stamp: Stamp, status: Status, **columns: Any) -> Row:
    """Build the row of one image; what is not given is unknown (NULL)."""
    return Row(**vars(image), **vars(stamp), status=status, **columns)


def write_parquet(rows: Iterable[Row], path: Path) -> None:
    """Write rows as Parquet with exactly the contract's columns and types, sorted by key.

    They go through JSON lines: DuckDB reads those a hundred times faster than inserted Python objects.
    """
    lines = path.with_suffix(".ndjson")
    with lines.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(vars(row), allow_nan=False) + "\n" for row in rows)
    with open_duckdb() as con:
        con.execute(f"CREATE TABLE rows ({ddl(ROW_COLUMNS)})")
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in ROW_COLUMNS.items())
        con.execute(
            f"INSERT INTO rows BY NAME FROM read_json('{quoted(lines)}', format = 'newline_delimited', "
            f"columns = {{{columns}}}, maximum_object_size = {LONGEST_LINE_BYTES:d})"
        )
        con.execute(f"COPY (FROM rows ORDER BY key) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
    lines.unlink()


def read_manifest(path: Path, shard: int, images: int, *, some: bool = False) -> list[ListedImage]:
    """Read the images of one shard, in key order.

    Args:
        path: The manifest.
        shard: Number of the shard.
        images: How many the plan gives it: no more are held in memory, nor texts longer than keys are.
        some: Whether it may hold fewer: what an earlier attempt left.

    Raises:
        ContractError: The file is no manifest, or not this plan's.
    """
    columns = ", ".join(name for name in MANIFEST_COLUMNS if name not in ("last_modified", "storage_class", "shard"))
    query = f"SELECT {columns} FROM read_parquet('{quoted(path)}') WHERE shard = {shard:d} ORDER BY key"
    try:
        with open_duckdb() as con:
            told = con.execute(_COUNT.format(path=quoted(path), shard=shard)).fetchone()
            _need_planned(told or (0, 0), shard, images, some=some)
            found = con.execute(query).fetchall()
    except duckdb.Error as err:
        raise ContractError(f"Manifest cannot be read: {str(err).splitlines()[0]} - plan the run again") from err
    return [ListedImage(key, object_version, size_bytes) for key, object_version, size_bytes in found]


def _need_planned(told: Sequence[int], shard: int, images: int, *, some: bool) -> None:
    there, size_bytes = told
    if there > images or (there < images and not some):
        raise ContractError(
            f"The manifest has {counted(there, 'image')} of shard {shard}, plan.json gives it {images} - plan the run again"
        )
    if size_bytes > BYTES_AN_IMAGE * images:
        raise ContractError(
            f"The manifest has {size_bytes} bytes of keys and versions for {counted(images, 'image')} of shard {shard}, "
            f"{BYTES_AN_IMAGE} are the most of one - plan the run again"
        )


class PartWriter:
    """Collects rows and writes them as parts; a failed part's rows stay and go into the next one."""

    def __init__(self, results: ObjectStore, part_key: Callable[[int], str]) -> None:
        """Nothing is written yet.

        Args:
            results: The results bucket.
            part_key: Names the part with a sequence number.
        """
        self._results = results
        self._part_key = part_key
        self._sequence = 0
        self._rows: list[Row] = []
        self._held_bytes = 0
        self.unwritten_bytes = 0
        """What the rows hold that are in no part yet."""

    @property
    def is_full(self) -> bool:
        """Whether rows that no write was tried with yet hold much memory."""
        return self._held_bytes >= HELD_BYTES

    @property
    def unwritten(self) -> int:
        """Rows that are in no part yet."""
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Take a row into the next part."""
        self._rows.append(row)
        self._held_bytes += held_bytes(row)
        self.unwritten_bytes += held_bytes(row)

    def write(self) -> None:
        """Write all rows that are in no part, as one, or as several where they hold much; nothing when there are none.

        Raises:
            ConfigError: Wrong bucket or credentials.
            StoreError: The store did not take it; the rows are kept.
        """
        self._held_bytes = 0
        while self._rows:
            count = _count_for_part(self._rows)
            self._write(self._rows[:count])
            self.unwritten_bytes -= sum(map(held_bytes, self._rows[:count]))
            del self._rows[:count]

    def _write(self, rows: Sequence[Row]) -> None:
        key = self._part_key(self._sequence)
        self._sequence += 1  # also when it fails: the store may have taken it, and parts never change
        try:
            with tempfile.TemporaryDirectory(prefix="shoal-part-") as folder:
                path = Path(folder, "part.parquet")
                write_parquet(rows, path)
                self._results.upload(path, key)
        except (OSError, duckdb.IOException) as err:  # the pod's own disk
            raise StoreError(f"Part {key} cannot be written to {tempfile.gettempdir()}: {err}") from err


def _count_for_part(rows: Sequence[Row]) -> int:
    """Count the rows of the next part: DuckDB has half a gigabyte for them, and a store that was away leaves many."""
    held = 0
    for count, row in enumerate(rows, 1):
        held += held_bytes(row)
        if held >= HELD_BYTES:
            return count
    return len(rows)


def held_bytes(row: Row) -> int:
    """Estimate the memory of what models found: a number with its place in a list takes 32 bytes, a box 6 of them."""
    numbers = 12 * len(row.detections or ()) + len(row.class_scores or ()) + sum(map(len, row.keypoints or ()))
    return 32 * numbers + sum(len(mask or "") for mask in row.masks or ())


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """Open DuckDB for small work: one thread, nothing fetched from anywhere.

    What it is asked stands whole in the query: given a parameter, it imports pandas where that is installed, and takes half a
    second for it.
    """
    return duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False, "memory_limit": "512MB"})


def quoted(path: Path) -> str:
    """Write a path between quotes of SQL's."""
    return str(path).replace("'", "''")
