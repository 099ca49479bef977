"""Columns of a stored Parquet object, held against those that it must have: DuckDB would convert what differs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import duckdb

from shoal.contract.errors import ContractError, shown
from shoal.contract.rows import FORMAT_1_NAMES

NEEDED = ("key", "object_version")
"""Columns of every Parquet object that is read back, in every format; others may be missing in earlier ones."""

_SAME_SCHEMA = """
    SELECT list(file_name) FROM (
        SELECT file_name, list([
            name, type, type_length, repetition_type, num_children::VARCHAR, converted_type, scale::VARCHAR, precision::VARCHAR,
            field_id::VARCHAR, logical_type, duckdb_type
        ] ORDER BY column_id) AS schema
        FROM parquet_schema(?)
        GROUP BY file_name
    ) GROUP BY schema
"""
"""Groups files by every word of their schemas: what has the same ones is read as the same columns."""


class Session(Protocol):
    """What is asked for columns. It is given each time: kept here, one that everybody else dropped would stay open."""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Execute one statement."""

    def uri(self, key: str) -> str:
        """Write the key of a stored object as SQL reads it."""


class StoredColumns:
    """The columns of stored Parquet objects and their types, learnt once by a session: they never change."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, str]] = {}
        self._types: dict[str, str] = {}

    def select(self, session: Session, keys: Sequence[str], columns: Mapping[str, str]) -> Iterator[str]:
        """Read format 1 as format 2: other names, and NULL for what it did not have; no folder mixes the two.

        Raises:
            ContractError: An object has columns of other types, or lacks one that every format has.
        """
        expected = {name: self._type_of(session, kind) for name, kind in columns.items()}
        self._learn(session, keys)
        names = [_stored_names(key, self._columns[key], expected) for key in keys]
        _need_same(keys, names)
        for name, kind in columns.items():
            stored = names[0].get(name)
            yield f"NULL::{kind} AS {name}" if stored is None else stored if stored == name else f"{stored} AS {name}"

    def _learn(self, session: Session, keys: Sequence[str]) -> None:
        """Of objects with one schema, as a file writes it, one is described: most of a folder are of one release."""
        new = {session.uri(key): key for key in keys if key not in self._columns}
        if not new:
            return
        for alike in session.run(_SAME_SCHEMA, [list(new)]).fetchall():
            of_one = [new[uri] for uri in alike[0]]
            described = session.run("DESCRIBE SELECT * FROM read_parquet(?)", [session.uri(of_one[0])]).fetchall()
            columns = {name: kind for name, kind, *_ in described}
            self._columns |= dict.fromkeys(of_one, columns)

    def _type_of(self, session: Session, kind: str) -> str:
        """Write a type as DuckDB calls it."""
        if kind not in self._types:
            row = session.run(f"SELECT typeof(NULL::{kind})").fetchone()
            self._types[kind] = str(row[0] if row else None)
        return self._types[kind]


def _stored_names(key: str, found: Mapping[str, str], expected: Mapping[str, str]) -> dict[str, str]:
    """Tell under which name an object has each of our columns; those that it lacks are left out.

    Args:
        key: The object.
        found: Its columns, and DuckDB's word for the type of each.
        expected: Ours.

    Raises:
        ContractError: One has another type, or one that every format has is missing.
    """
    names = {}
    for name, kind in expected.items():
        stored = name if name in found else FORMAT_1_NAMES.get(name, name)
        if stored in found:
            if found[stored] != kind:
                raise _refused(key, f"column {stored} is {shown(found[stored], 200)}, Shoal writes {kind}")
            names[name] = stored
        elif name in NEEDED:
            raise _refused(key, f"it has no column {name}")
    return names


def _need_same(keys: Sequence[str], names: Sequence[Mapping[str, str]]) -> None:
    """Check that objects which are read together have the same columns.

    Raises:
        ContractError: One of them has not.
    """
    for key, some in zip(keys, names, strict=True):
        if some != names[0]:
            odd = ", ".join(sorted({name for name, _ in some.items() ^ names[0].items()}))
            raise _refused(key, f"it and {shown(keys[0])} differ in their columns {odd}")


def _refused(key: str, why: str) -> ContractError:
    return ContractError(
        f"Object {shown(key)!r} is none of Shoal's and nothing is read beside it: {why} - see who may write to the results "
        "bucket, and delete it; where it was overwritten, restore it"
    )
