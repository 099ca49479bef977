"""The files of an answer as summary.json lists them, whichever run wrote them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.stored_json import picked
from shoal.contract.stored_names import (
    FILE_NAME,
    RunPlace,
    export_of_month,
    is_explore,
    is_export_folder,
    is_month_of_export,
    is_summary_folder,
    parse_answer_file,
)

EXPLORE_FILE = "explore.json"
"""What people call the object that a person looks through first; it lies in a folder of its own, see `exports.explore`."""


@dataclass(frozen=True)
class SummaryFile:
    """One file of an answer.

    Attributes:
        table: The table, or the export, it holds a month of; of other files the first word of their name: `report`,
            `counts`, `explore`.
        month: `2026-06`, UTC; None where it is no month of a table.
        key: Its object in the results bucket.
        sha256: What its bytes hash to.
        bytes: Its size; None in summaries of earlier releases.
        rows: Its rows; None where it is no month of a table.
    """

    table: str
    month: str | None
    key: str
    sha256: str
    bytes: int | None = None
    rows: int | None = None

    @property
    def name(self) -> str:
        """What people call it: no two files of a summary have one name."""
        if is_explore(self.key):
            return EXPLORE_FILE
        own = self.month is None or self.is_export
        return self.key.rpartition("/")[2] if own else f"{self.table}-{self.month}.parquet"

    @property
    def is_export(self) -> bool:
        """Whether it is of a month of an export, which `table` names then."""
        return self.month is not None and is_month_of_export(self.key)

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return asdict(self)


def beside(folder: str, name: str, sha256: str, size_bytes: int | None = None) -> SummaryFile:
    """Describe a file that is no month of a table.

    Args:
        folder: Key prefix of where it lies.
        name: Its name there.
        sha256: Of its bytes.
        size_bytes: Their number; None where that is not known.
    """
    return SummaryFile(name.partition(".")[0], None, folder + name, sha256, size_bytes)


def parse_files(folder: str, stored: Any) -> tuple[SummaryFile, ...]:
    """Take the files from a summary; earlier releases wrote the sha256 of each by its name in one folder.

    Raises:
        TypeError: They are neither.
    """
    if isinstance(stored, Mapping):
        return tuple(beside(folder, name, _text(sha256)) for name, sha256 in stored.items())
    return picked(SummaryFile, stored)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"files has {value!r:.60}, not a sha256")
    return value


def of_its_place(
    place: RunPlace, run_key: str, folder: str, files: Iterable[SummaryFile]
) -> tuple[str, tuple[SummaryFile, ...]]:
    """Say where folder and files lie now: a dataset's folder may have been copied as a whole, to another name or prefix.

    Args:
        place: Where the summary lies.
        run_key: Of whom it tells.
        folder: That it names.
        files: Likewise.

    Raises:
        ValueError: One is none of the run or of its variant; the message is its name. Nobody else's is read.
    """
    here = _below(place, folder)
    found = tuple(replace(file, key=_below(place, file.key)) for file in files)
    strange = [
        *([] if run_key == place.run_key else [run_key]),
        *(
            []
            if is_summary_folder(place.layout.run(run_key), here) or is_export_folder(place.layout, here)
            else [folder]
        ),
        *(file.key for file in found if not _is_own(place, here, file)),
        *([] if len({file.name for file in found}) == len(found) else ["one file twice"]),
    ]
    if strange:
        raise ValueError(shown(strange[0], 200))
    return here, found


def _below(place: RunPlace, key: str) -> str:
    # The last such folder: a prefix may have a name like it.
    for kind in ("answer/", f"runs/{place.run_key}/"):
        _, of_variant, name = f"/{key}".rpartition(f"/{place.variant}/{kind}")
        if of_variant:
            return f"{place.layout.root}{kind}{name}"
    return key


def _is_own(place: RunPlace, folder: str, file: SummaryFile) -> bool:
    if is_explore(file.key):
        content = file.key.rpartition("/")[2].partition(".")[0]
        return file.month is None and file.key.startswith(place.layout.root) and file.sha256.startswith(content)
    return _is_month(place, file) if file.month else _is_beside(folder, file)


def _is_beside(folder: str, file: SummaryFile) -> bool:
    return file.key.startswith(folder) and re.fullmatch(FILE_NAME, file.key[len(folder) :]) is not None


def _is_month(place: RunPlace, file: SummaryFile) -> bool:
    name = parse_answer_file(place.layout, file.key)
    told = (file.table, file.month)
    if file.is_export:
        return export_of_month(place.layout, file.key) == file.table and f"-{file.month}." in file.name
    return name is not None and (name.table, name.month) == told and file.sha256.startswith(name.content)
