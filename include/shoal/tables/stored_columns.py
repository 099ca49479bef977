"""Columns of a stored Parquet object, held against those that it must have: DuckDB would convert what differs."""

from collections.abc import Mapping, Sequence

from shoal.contract.errors import ContractError, shown
from shoal.contract.rows import FORMAT_1_NAMES

NEEDED = ("key", "object_version")
"""Columns of every Parquet object that is read back, in every format; others may be missing in earlier ones."""

SAME_SCHEMA = """
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


def stored_names(key: str, found: Mapping[str, str], expected: Mapping[str, str]) -> dict[str, str]:
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


def need_same(keys: Sequence[str], names: Sequence[Mapping[str, str]]) -> None:
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
