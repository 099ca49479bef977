"""What a stored JSON object and a manifest may be at most, and one kind of error for what is none of Shoal's.

Whoever may write to the bucket chooses its bytes, and Airflow's own processes read them. What is bounded is what a reader
would hold in memory: two characters, `[]`, become 60 bytes of Python's.
"""

import json
import re
from typing import Any

from shoal.contract.errors import ContractError, first_line

MIB = 1024**2

PLAN_BYTES = 16 * MIB
"""Three thousand shards with keys of 1,024 bytes at either end are 6 MB, and 12,000 adopted parts 2 MB."""
SUMMARY_BYTES = 32 * MIB
"""A line of 300 bytes for each of 300 cameras and 80 taxa is 7 MB."""
LISTING_BYTES = 8 * MIB
"""A line for each of a thousand patterns and for each file of a hundred years of months is below 1 MB."""
RECORD_BYTES = 4 * MIB
"""current.json and the like have a few lines; variant.json names the classes of a model, which are a few thousand at most."""
NOTE_BYTES = MIB // 4
"""What one attempt at one shard left: one line of an error, or one key."""
PROGRESS_BYTES = 4 * 1024
"""How far one attempt is: a dozen numbers and the name of a node. Ten thousand of them are read for one page."""
VALUES = 2_000_000
"""Values in one object, as its commas, colons and brackets count them: below 200 MB of Python's memory."""
BYTES_AN_IMAGE = 4 * 1024
"""Of a manifest: a key of 1,024 bytes, twice more in the file's statistics, and the version; one of usual keys has 4 to 60."""
MANIFEST_BYTES = 16 * 1024 * MIB
"""Whatever a plan says: a hundred million images whose keys are hashes are 8 GiB."""
IN_TASKS = 4
"""Tasks and commands take so many times the bytes and values of a plan or summary that the web interface takes, which serves
many at once: a large dataset's answer that no page shows is better than none."""
WHOLE_DIGITS = 20
"""With its sign: what a column of 64 bits can hold."""
DEPTH = 64
"""Levels in one object. A pod template in the settings of a plan has ten."""

_BY_NAME = {"plan.json": PLAN_BYTES, "summary.json": SUMMARY_BYTES}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def most_bytes(key: str, times: int = 1) -> int:
    """Tell how large the JSON object of this name may be, in bytes; a plan or summary so many times as large."""
    folder, _, name = f"/{key}".rpartition("/")
    if name in _BY_NAME:
        return times * _BY_NAME[name]
    if folder.endswith("/listings"):
        return LISTING_BYTES
    if folder.endswith("/progress"):
        return PROGRESS_BYTES
    is_note = folder.endswith("/attempts") or name.startswith(("crashed-", "trying-"))
    return NOTE_BYTES if is_note else RECORD_BYTES


def most_manifest_bytes(images: int) -> int:
    """Tell how large the manifest of so many images may be, in bytes."""
    return min(MIB + BYTES_AN_IMAGE * images, MANIFEST_BYTES)


def too_large(size_bytes: int | None, most: int) -> str:
    """Say that an object is larger than one of its kind may be; None where nobody knows how large."""
    unit, factor = ("KiB", 1024) if most < MIB // 8 else ("MiB", MIB)
    allowed = f"{round(most / factor, 2):g} {unit}"
    size = f"more than {allowed}" if size_bytes is None else f"{size_bytes / factor:,.1f} {unit}"
    return f"it has {size}, and {allowed} are the most of its kind"


def need_few_values(data: bytes, times: int = 1) -> None:
    """Check that JSON has no more values than its readers take; counted without reading it, those in texts too.

    Raises:
        ContractError: It has; the message is the reason alone.
    """
    if sum(map(data.count, (b",", b":", b"[", b"{"))) > times * VALUES:
        raise ContractError(f"it has more than {times * VALUES:,} values")


def need_readable(key: str, data: bytes) -> None:
    """Check that tasks will take the JSON object of this name.

    Raises:
        ContractError: It is larger; the message is the reason alone.
    """
    if len(data) > most_bytes(key, IN_TASKS):
        raise ContractError(too_large(len(data), most_bytes(key, IN_TASKS)))
    need_few_values(data, IN_TASKS)


def read_object(data: bytes, times: int = 1) -> dict[str, Any]:
    """Read a JSON object of Shoal's, of whatever format version.

    Raises:
        ContractError: It is none; the message is the reason alone, which the reader of the object completes.
    """
    need_few_values(data, times)
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite, parse_int=_whole
        )
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as err:
        raise ContractError(f"it has more than {DEPTH} levels") from err
    except ValueError as err:
        raise ContractError(first_line(err)[:200]) from err
    if not isinstance(value, dict):
        raise ContractError(f"it is a {type(value).__name__}, not an object")
    version = value.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ContractError("its format_version is no number from 1 on")
    _need_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has a name twice")
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is larger than any number")
    return number


def _whole(text: str) -> int:
    if len(text) > WHOLE_DIGITS:
        raise ValueError(f"{text[:20]}… is larger than any number of Shoal's")
    return int(text)


def _need_depth(value: Any) -> None:
    """Count levels without descending: other readers descend, and Python's own limit is theirs."""
    level, depth = [value], 1
    while level:
        if depth > DEPTH:
            raise ContractError(f"it has more than {DEPTH} levels")
        inside = (child for node in level for child in (node.values() if isinstance(node, dict) else node))
        level, depth = [child for child in inside if isinstance(child, (dict, list))], depth + 1
