"""Files that are whole whenever they have their name: an export that was interrupted goes on with the next one."""

import csv
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from shoal.tables.session import Database

PART = ".part"
"""Ends the name of a file that is being written."""


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file under another name, and give it its own once all of it is on disk; one that has it is left as it is.

    Args:
        path: The file.
        write: Writes what it is given the path of.
    """
    if not path.exists():
        part = path.with_name(f".{path.name}{PART}")
        write(part)
        give_name(part, path)
    return path


def copy_whole(database: Database, query: str, path: Path, options: str) -> None:
    """Write a query with a whole order to a file; SQL reaches the session's own folder only, so it is written there first.

    Where both folders lie on one disk nothing is written twice.
    """

    def write(part: Path) -> None:
        on_its_way = database.folder / f"{path.name}{PART}"
        try:
            database.copy(query, on_its_way, options)
            if not _moved(on_its_way, part):
                # Not copyfile: an error of its own names the file that is read.
                with on_its_way.open("rb") as read, part.open("wb") as written:
                    shutil.copyfileobj(read, written)
        finally:
            on_its_way.unlink(missing_ok=True)

    write_whole(path, write)


def _moved(file: Path, to: Path) -> bool:
    """Move a file within its disk; whether that could be."""
    try:
        file.rename(to)
    except OSError:
        return False
    return True


def give_name(part: Path, path: Path) -> None:
    """Give a file its name, once its bytes are on disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    _sync_folder(path.parent)


@contextmanager
def text_of(part: Path) -> Iterator[TextIO]:
    """Open a text file as exports write it: UTF-8, lines end as they are written.

    A byte of a key that is no UTF-8 is none of a file: listings show it otherwise, see docs/formats.md.
    """
    with part.open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        yield file


def write_row(file: TextIO, cells: Sequence[object]) -> None:
    """Write a line of CSV; Python's module quotes a carriage return only where its own lines end with one."""
    has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    if has_return:
        csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(cells)
    else:
        csv.writer(file, lineterminator="\n").writerow(cells)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
