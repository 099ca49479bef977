"""The readers and validators of the field: an environment of their own, built once for all checkouts, its network cut."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cluster.cache import Kind, built, digest_of, is_built
from uv_environment import UV, find_uv, sync

FIELD = Path(__file__).parents[1] / "field"
TIMEOUT_S = 300
"""A reader that takes longer has failed."""

ENVIRONMENTS = Kind("field", newest=1, in_use_s=2 * 3600)  # half a gigabyte each


Break = tuple[str, Callable[[str], str], str]
"""A file of an export, how its text is changed, and what a reader must say of it."""


def open_with(reader: str, folder: Path) -> dict[str, Any]:
    """Let a reader of the field open an export.

    Args:
        reader: A function of tests/field/open_export.py.
        folder: What the export wrote.

    Returns:
        `errors`, what it found wrong, and what it read.
    """
    [read] = open_all(reader, [folder])
    return read


def open_all(reader: str, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Let it open several."""
    process = _readers()
    assert process.stdin is not None
    assert process.stdout is not None
    gives_up = threading.Timer(TIMEOUT_S, process.kill)
    gives_up.start()
    try:
        process.stdin.write(json.dumps([reader, *map(str, folders)]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    finally:
        gives_up.cancel()
    assert answer, f"{reader} ended: see what it wrote above"
    read: list[dict[str, Any]] | dict[str, str] = json.loads(answer)
    assert isinstance(read, list), f"{reader} raised {read}"
    return read


def open_broken(reader: str, folder: Path, scratch: Path, breaks: Mapping[str, Break]) -> dict[str, list[str]]:
    """Break an export in several ways; tell what its reader says of each."""
    for number, (name, change, _) in enumerate(breaks.values()):
        broken = scratch / str(number)
        shutil.copytree(folder, broken)
        text = (folder / name).read_text(encoding="utf-8")
        assert change(text) != text, "nothing was broken"
        (broken / name).write_text(change(text), encoding="utf-8")
    read = open_all(reader, [scratch / str(number) for number in range(len(breaks))])
    return {broken: one["errors"] for broken, one in zip(breaks, read, strict=True)}


@cache
def _readers() -> "subprocess.Popen[str]":
    """Start the readers once for all tests: most of their time goes into importing them."""
    command = [str(_python()), "-I", str(FIELD / "open_export.py")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, process)
    return process


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)


def _python() -> Path:
    digest = digest_of([(path.name, path) for path in sorted(FIELD.glob("*.[tl]o*"))], sys.version)
    uv = find_uv()
    if uv is None and not is_built(ENVIRONMENTS, "environment", digest):
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI has no uv at {UV}: `make .venv/.dev` puts it there")
        pytest.skip(f"what reads the exports is not installed, they are not opened: `make .venv/.dev` puts uv at {UV}")
    entry = built(ENVIRONMENTS, "environment", digest, lambda folder: sync(str(uv), FIELD, folder))
    return entry / "env/bin/python"
