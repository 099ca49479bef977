"""DuckDB as Shoal uses it: its tables in a scratch folder that goes with it, Parquet read straight from the results bucket."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from shoal.contract.plain_keys import need_plain
from shoal.contract.rows import ROW_COLUMNS
from shoal.settings.dataset import Run
from shoal.stores.object_store import ObjectStore
from shoal.tables.failed_statement import explain_failure
from shoal.tables.limits import Limits, limits_of
from shoal.tables.scratch import scratch_folder, warn_of_room
from shoal.tables.stored_columns import StoredColumns

_REFUSED = (400, 401, 403)

HTTP_RETRIES = 5

GROUP_ROWS = 100_000
"""Rows of a row group: what a reader takes of a file at least, and what a writer holds."""
_PARQUET = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {:d}"

_LOCKS = (
    "allow_persistent_secrets = false",
    "allow_community_extensions = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "enable_external_access = false",
    "lock_configuration = true",
)
"""Said last, and in this order: https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview."""


_UNSIGNED = "allow_unsigned_extensions"


class StoredParquet(NamedTuple):
    """A Parquet object as it was written: its rows, and what its bytes hash to."""

    rows: int
    sha256: str


_SQL_FOLDER = Path(__file__).parent / "sql"

STREAMED_ROWS = 5000
"""Rows of a streamed result that are held at once."""


class Database:
    """One DuckDB session with a scratch folder.

    Args:
        results: Bucket whose Parquet objects the session reads; None for one that reads local files only.
        folder: Scratch folder, for tables, spilled data and files on their way to the bucket.
        limits: What it may take; a share of what the process may use where nothing is said.
    """

    def __init__(self, results: ObjectStore | None, folder: Path, limits: Limits | None = None) -> None:
        self.limits = limits or limits_of()
        self._results = results
        self.folder = folder
        # The bytes of DuckDB's extension came the way its library did: hashing them again for their signature would be a tenth
        # of a second of each session. Nothing unsigned is loaded once it is, see `_reach`.
        self.connection = duckdb.connect(config={_UNSIGNED: results is not None})
        self._told: dict[str, str] = {}
        self._columns = StoredColumns()
        self.run("SET TimeZone = 'UTC'")
        self.run("SET enable_progress_bar = false")  # DuckDB takes a task of Airflow's for a terminal
        # What is written does not depend on these: every stored query has one order to its end, every sum is of integers.
        self.run(f"SET threads = {self.limits.threads}")
        self.run(f"SET memory_limit = '{self.limits.memory_bytes}B'")
        self.set_option("temp_directory", str(folder / "spill"))
        self._keep_tables_on_disk()
        if results is not None:
            self._reach()
        self._lock()

    @property
    def results(self) -> ObjectStore:
        """The bucket whose Parquet objects the session reads."""
        if self._results is None:
            raise AssertionError("this session was opened without a bucket")
        return self._results

    def uri(self, key: str) -> str:
        """Write the key of a stored object as SQL reads it.

        Raises:
            ContractError: DuckDB would take it for a pattern, or a part of it for an address.
        """
        return self.results.uri(need_plain(key))

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Execute one statement.

        Raises:
            StoreError: The results bucket did not answer, or rows were moved meanwhile.
            ContractError: An object that it should hold is not there, or holds no Parquet.
            ConfigError: The disk is full, or the bucket refuses the login.
        """
        if self._told:
            self._tell()
        try:
            return self._execute(sql, parameters)
        except duckdb.Error as err:
            if (problem := explain_failure(err, self._results, self.folder, self.limits)) is None:
                raise
            raise problem from err

    def _execute(self, sql: str, parameters: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        """Execute a statement, once more where its key ended meanwhile and there is a new one: nothing was done."""
        try:
            return self.connection.execute(sql, list(parameters))
        except duckdb.HTTPException as err:
            if err.status_code not in _REFUSED or not self._tell():
                raise
            return self.connection.execute(sql, list(parameters))

    def run_file(self, name: str) -> None:
        """Execute `include/shoal/tables/sql/<name>.sql`."""
        self.run(read_sql(name))

    def set_variable(self, name: str, value: Any) -> None:
        """Give SQL files a value: they read it with `getvariable('<name>')`."""
        # An empty list has no type of its own.
        cast = "::VARCHAR[]" if isinstance(value, list) else ""
        self.run(f"SET VARIABLE {name} = ?{cast}", [value])

    def set_option(self, name: str, value: str) -> None:
        """Set a DuckDB option to a text value."""
        self.run(f"SET {name} = {_quoted(value)}")

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Read the one value a query gives."""
        row = self.run(sql, parameters).fetchone()
        return row[0] if row else None

    def relation(self, sql: str) -> duckdb.DuckDBPyRelation:
        """Give a query as DuckDB's own relation, which is asked when somebody reads it.

        Args:
            sql: It reads views that nobody replaces: what they are is looked up then.
        """
        self.run("SELECT 1")  # tells the keys of now
        return self.connection.sql(sql)

    def records(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Read a small result as one dictionary per row."""
        cursor = self.run(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a result of any size; nothing else may be asked of the session meanwhile."""
        cursor = self.run(sql)
        while rows := cursor.fetchmany(STREAMED_ROWS):
            yield from rows

    def view_parquet(self, name: str, keys: Sequence[str], columns: dict[str, str]) -> None:
        """Make Parquet objects of the results bucket one view, in place of an earlier one; an empty one where there are none.

        Raises:
            ContractError: One has columns of other types: DuckDB would convert what others wrote, or take its types for all.
        """
        if not keys:
            nothing = ", ".join(f"NULL::{kind} AS {column}" for column, kind in columns.items())
            self.run(f"CREATE OR REPLACE VIEW {name} AS SELECT {nothing} WHERE false")
            return
        self.set_variable(f"{name}_files", [self.uri(key) for key in keys])
        selected = ", ".join(self._columns.select(self, keys, columns))
        self.run(f"CREATE OR REPLACE VIEW {name} AS SELECT {selected} FROM read_parquet(getvariable('{name}_files'))")

    def view_rows(self, keys: Sequence[str]) -> None:
        """Make ledgers and parts readable as the view `rows`: one row per (key, object_version)."""
        self.view_parquet("stored_rows", keys, ROW_COLUMNS)
        self.run_file("rows")

    def foresee(self, what: str, images: int, image_bytes: int) -> None:
        """Say in the log where a step over so many images, of about so much memory and disk each, may find too little disk."""
        warn_of_room(self.folder, self.limits, images * image_bytes, f"{what} {images} images")

    def store_parquet(self, query: str, key: str, group_rows: int = GROUP_ROWS) -> StoredParquet:
        """Write a query's rows as one Parquet object, in row groups of so many.

        The same rows are the same bytes, whatever memory and threads there are, where the query ends with an order that leaves
        no two rows alike: only sorted rows come to the writer in full vectors, which is where it cuts its row groups.
        """
        path = self.folder / "upload.parquet"
        written = self.write_parquet(query, path, _PARQUET.format(group_rows))
        self.results.upload(path, key)
        path.unlink()
        return written

    def write_parquet(self, query: str, path: Path, options: str = _PARQUET.format(GROUP_ROWS)) -> StoredParquet:
        """Write a query's rows as one local Parquet file; of its bytes the same holds as of `store_parquet`."""
        rows = self.copy(query, path, options)
        with path.open("rb") as file:
            return StoredParquet(rows, hashlib.file_digest(file, "sha256").hexdigest())

    def copy(self, query: str, path: Path, options: str) -> int:
        """Write the rows of a query with a whole order to a local file; return how many."""
        return int(self.value(f"COPY ({query}) TO {_quoted(str(path))} ({options})"))

    def _keep_tables_on_disk(self) -> None:
        """Let tables be made in a file: packed, a third of what they take when they are spilled, and nothing to be spilled again.

        Nobody opens it twice, so there is no log to recover it by, and nothing is brought into order at its end.
        """
        self.run(f"ATTACH {_quoted(str(self.folder / 'tables.duckdb'))} AS tables (RECOVERY_MODE NO_WAL_WRITES)")
        self.run("USE tables")
        self.run("PRAGMA disable_checkpoint_on_shutdown")

    def _reach(self) -> None:
        # Loaded from where its package put it: DuckDB's own install would download it, or copy it into the home folder.
        package = resources.files("duckdb_extension_httpfs")
        self.run(f"LOAD '{package}/extensions/v{duckdb.__version__}/httpfs.duckdb_extension'")
        self.run(f"SET {_UNSIGNED} = false")  # DuckDB takes no way back
        self.run(f"SET http_retries = {HTTP_RETRIES}")
        self._tell()

    def _lock(self) -> None:
        """Let SQL reach the bucket and the scratch folder, nothing else, and change that no more.

        What tells how the bucket is reached may still be set: keys end, and are told anew.
        """
        places = [f"{self.folder}/", *([self.results.uri("")] if self._results is not None else [])]
        self.run(f"SET allowed_directories = [{', '.join(map(_quoted, places))}]")
        self.run(f"SET allowed_configs = [{', '.join(map(_quoted, self._told))}]")
        for setting in _LOCKS:
            self.run(f"SET {setting}")

    def _tell(self) -> bool:
        """Tell DuckDB how the bucket is reached now: keys that end are renewed. Return whether anything is new."""
        new = dict(self.results.duckdb_options().items() - self._told.items())
        for name, value in new.items():
            self.connection.execute(f"SET {name} = {_quoted(value)}")
        self._told |= new
        return bool(new)


@contextmanager
def open_database(
    results: ObjectStore | None, run: Run | None = None, *, beside: int = 0, images: int = 0
) -> Iterator[Database]:
    """Open a session whose scratch folder goes with it; without a bucket it reads local files only.

    Args:
        results: The results bucket.
        run: The dataset's `run`, which may say how much memory and how many threads; a share of the machine without one.
        beside: Sessions that the process has open meanwhile, see `limits_of`.
        images: Of the listing that is summarized, or whose answer is read, likewise.

    Raises:
        ConfigError: There is no folder for what it spills.
    """
    with scratch_folder() as folder:
        database = Database(results, folder, limits_of(run, beside, images))
        try:
            yield database
        finally:
            database.connection.close()


def read_sql(name: str) -> str:
    """Read one of the SQL files of this room."""
    return (_SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def _quoted(text: str) -> str:
    """Write a text as SQL does, where DuckDB takes no parameter."""
    return "'" + text.replace("'", "''") + "'"
