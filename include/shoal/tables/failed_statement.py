"""What a statement that DuckDB could not execute says of the results bucket, of this machine's room, or of a stored file."""

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb

from shoal.contract.errors import ContractError, ShoalError, first_line
from shoal.contract.gone_objects import gone
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import Limits
from shoal.tables.scratch import lacks_memory, out_of_room

_NOT_FOUND = 404
_ASKED = re.compile(r"'((?:s3|https?)://.+?)'(?= in region |\n|$)")
"""The address that DuckDB was asked for, or what it stands for; quotes within it are not doubled."""

_OVER_HTTP = re.compile(r"HTTP (?:GET|HEAD|PUT|POST)|Could not establish connection|SSL", re.IGNORECASE)
"""What DuckDB calls an error of reading or writing when nobody answered."""


def explain_failure(err: duckdb.Error, results: ObjectStore | None, folder: Path, limits: Limits) -> ShoalError | None:
    """Name a failure; None where the statement itself is wrong.

    Args:
        err: DuckDB's.
        results: Bucket whose objects the session reads; None where it reads local files only.
        folder: The session's scratch folder.
        limits: What it may take.
    """
    if isinstance(err, duckdb.HTTPException) and results is not None:
        return _explain_answer(results, err, err.status_code or 0, err.headers or {}, err.body or "")
    if isinstance(err, duckdb.InvalidInputException) and ".parquet'" in str(err):
        return ContractError(
            f"A stored file is no Parquet file: {first_line(err)} - restore it, or start a new run if it is of this one"
        )
    if isinstance(
        err, duckdb.TransactionException
    ):  # what a session's own file does not hold is found at a statement's end
        full = lacks_memory(err) or "Could not write" in str(err) or "No space left" in str(err)
        return out_of_room(err, folder, limits) if full else None
    if isinstance(err, duckdb.IOException | duckdb.OutOfMemoryException):
        if results is not None and _OVER_HTTP.search(str(err)):
            return _explain_answer(results, err, 0, {}, first_line(err))
        return out_of_room(err, folder, limits)
    return None


def _explain_answer(
    results: ObjectStore, err: duckdb.Error, status: int, headers: Mapping[str, str], body: str
) -> ShoalError:
    """Name an object that is gone; what else the store answered is told as the client tells it."""
    found = _ASKED.search(str(err))
    asked = found[1] if found else ""
    key = asked.removeprefix(results.uri(""))
    if status == _NOT_FOUND and key != asked and not results.has(key):
        return gone(key, results.bucket)
    return results.explain_answer(asked, status, headers, body)
