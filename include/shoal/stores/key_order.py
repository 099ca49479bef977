"""A listing that comes in any order, put into that of keys in memory that does not grow with it."""

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO

from shoal.contract.errors import ConfigError
from shoal.stores.listed import ListedObject

RUN_OBJECTS = 50_000
"""Held at once; what is more lies sorted on disk meanwhile."""


def in_key_order(found: Iterable[ListedObject], run_objects: int = RUN_OBJECTS) -> Iterator[ListedObject]:
    """Put what is listed into the order of keys.

    Args:
        found: In any order.
        run_objects: How many are held at once; see `RUN_OBJECTS`.

    Raises:
        ConfigError: No disk for what is more.
    """
    runs: list[IO[str]] = []
    held: list[ListedObject] = []
    try:
        for one in found:
            held.append(one)
            if len(held) == run_objects:
                runs.append(_put_away(sorted(held)))
                held.clear()
        held.sort()
        yield from heapq.merge(*map(_take, runs), held) if runs else held
    finally:
        for run in runs:
            run.close()


def _put_away(objects: Iterable[ListedObject]) -> IO[str]:
    run = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by whoever asked for it
    try:
        run.writelines(f"{json.dumps([*one[:3], one.last_modified.isoformat()])}\n" for one in objects)
        run.seek(0)
    except OSError as err:
        run.close()
        raise ConfigError(
            f"A listing of this length needs disk for its order ({err.strerror}) - free some disk or set TMPDIR to a larger one"
        ) from err
    return run


def _take(run: IO[str]) -> Iterator[ListedObject]:
    for line in run:
        key, version, size_bytes, modified = json.loads(line)
        yield ListedObject(key, version, size_bytes, datetime.fromisoformat(modified))
