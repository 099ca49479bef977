"""Write the exports of a run, each into a folder of its own; a stranger's one can fail alone."""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shoal.answers.where import Where
from shoal.contract.errors import ContractError, StoreError, one_line
from shoal.contract.stored_names import FILE_NAME
from shoal.exports.export import BY_MONTH, EXPORTS, Answer, Export, find_export
from shoal.results.summary_files import EXPLORE_FILE
from shoal.tables.session import Database

log = logging.getLogger(__name__)

_CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(; charset=[a-z0-9-]+)?")


@dataclass(frozen=True)
class ExportedFile:
    """One file of a summary, on disk and ready to upload."""

    path: Path
    content_type: str
    sha256: str


@dataclass(frozen=True)
class Exported:
    """What the exports of a run made.

    Attributes:
        files: In the order they were written.
        answer: What the run found, with the sha256 of these files.
        told: Of each export with something to tell: why it failed, or how many of what it could not hold.
    """

    files: tuple[ExportedFile, ...]
    answer: Answer
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def plus(self, files: Sequence[ExportedFile], name: str, told: Mapping[str, Any]) -> "Exported":
        """Take the files of one more export."""
        known = {**self.answer.files, **{file.path.name: file.sha256 for file in files}}
        more = {name: told} if told else {}
        return Exported((*self.files, *files), replace(self.answer, files=known), {**self.told, **more})


def write_exports(database: Database, answer: Answer, asked: Sequence[str]) -> Exported:
    """Write what every run writes, then what the dataset file asks for.

    An export of another wheel that is not there any more, or raises, costs its own files only: it is named in the log and
    in the summary's run.

    Args:
        database: Holds the tables of the summary.
        answer: What the run found.
        asked: The dataset file's `exports`.
    """
    exported = Exported((), answer)
    for name in EXPORTS:
        exported = _write_next(database, exported, name)
    for name in of_wheels(asked):
        exported = _try_next(database, exported, name)
    return exported


def of_wheels(asked: Sequence[str]) -> list[str]:
    """Name the exports of a dataset file that other wheels bring, each once; months of ours are made of stored tables."""
    return [name for name in dict.fromkeys(asked) if name not in BY_MONTH]


def describe_told(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say in words what the exports of a summary have to tell; nothing where all of them hold everything."""
    lines = []
    for name, said in told.items():
        if "failed" in said:
            lines.append(f"export {name} failed, its files are missing: {said['failed']}")
        if "refused" in said:
            lines.append(
                f"export {name} is not written: {said['refused']}; or take it out of exports in the dataset file"
            )
        lines += [f"export {name} cannot hold {count} {what}" for what, count in said.get("not_held", {}).items()]
    return lines


def write_one(database: Database, answer: Answer, export: Export) -> tuple[list[ExportedFile], Mapping[str, int]]:
    """Write one export; say what it could not hold.

    Raises:
        ContractError: A file has a strange name, leaves the folder, or is another export's.
    """
    if export.needs_complete and not answer.complete:
        return [], {}
    folder = database.folder / "exports" / export.name
    folder.mkdir(parents=True)
    written = export.write(database, answer, folder, Where())
    for path in written.files:
        _check_file(export, path, folder, answer)
    if len({path.name for path in written.files}) < len(written.files):
        raise ContractError(f"Export {export.name} names a file twice - each file once")
    not_held = {str(what): int(count) for what, count in written.not_held.items() if count}
    return [_measure(path, export.content_type) for path in written.files], not_held


def failure_of(err: BaseException) -> str:
    """Say in one line why an export that was asked for could not be written; it may have raised anything.

    Raises:
        StoreError: Our own bucket or disk did not answer: no fault of the export, and another attempt may do.
    """
    if isinstance(err, StoreError):
        raise err
    return one_line(f"{type(err).__name__}: {err}")


def _write_next(database: Database, exported: Exported, name: str) -> Exported:
    files, not_held = write_one(database, exported.answer, find_export(name))
    return exported.plus(files, name, _not_held(not_held))


def _try_next(database: Database, exported: Exported, name: str) -> Exported:
    # A copy of what the run found: summary.json is written after it.
    try:
        files, not_held = write_one(database, deepcopy(exported.answer), find_export(name))
    except (Exception, SystemExit) as err:
        reason = failure_of(err)
        log.warning("Export %s failed, the run's answer stands without it", name, exc_info=True)
        return exported.plus((), name, {"failed": reason})
    return exported.plus(files, name, _not_held(not_held))


def _not_held(counted: Mapping[str, int]) -> Mapping[str, Any]:
    return {"not_held": counted} if counted else {}


def _check_file(export: Export, path: Path, folder: Path, answer: Answer) -> None:
    if path.parent != folder or not re.fullmatch(FILE_NAME, path.name) or path.is_symlink() or not path.is_file():
        raise ContractError(
            f"Export {export.name} wrote {str(path)!r} - write plain files, named by letters, digits, . _ -, into its folder"
        )
    if path.name in answer.files or path.name == EXPLORE_FILE:
        raise ContractError(
            f"Export {export.name} wrote {path.name}, which is another export's file - choose another name"
        )
    if not _CONTENT_TYPE.fullmatch(export.content_type):
        raise ContractError(f"Export {export.name} has the content type {export.content_type!r} - such as text/csv")


def _measure(path: Path, content_type: str) -> ExportedFile:
    with path.open("rb") as file:
        return ExportedFile(path, content_type, hashlib.file_digest(file, "sha256").hexdigest())
