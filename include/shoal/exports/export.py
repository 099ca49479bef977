"""What an export is, and which there are: files made of one summary's tables, the same bytes for the same answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, runtime_checkable

from shoal.answers.where import Where as Where  # noqa: PLC0414 - wheels import it from here
from shoal.compare.comparison import Comparison
from shoal.contract.errors import ConfigError, shown
from shoal.contract.plugged_in import load
from shoal.evidence.answer_evidence import AnswerEvidence
from shoal.exports.days import missing_days
from shoal.pictures.drawing import Drawing, Drawn
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import EXPORTS_OF_WHEELS, Dataset
from shoal.tables.session import Database

EXPORTS = {
    "counts": "shoal.exports.counts:COUNTS",
    "gaps": "shoal.exports.gaps:GAPS",
    "failures": "shoal.exports.failures:FAILURES",
    "evidence": "shoal.exports.evidence:EVIDENCE",
    "report": "shoal.exports.report.page:REPORT",
}
"""What every run writes, in this order; what a dataset file asks for under `exports` comes after it."""

BY_MONTH = {
    "coco": "shoal.exports.coco:COCO",
    "long": "shoal.exports.long:LONG",
    "megadetector": "shoal.exports.megadetector:MEGADETECTOR",
}
"""Made of the tables that a run stored, by `python -m shoal export`; each month of them stands alone."""

PACKAGES: dict[str, str] = {
    "camtrap-dp": "shoal.exports.camtrap_dp.package:CAMTRAP_DP",
    "camtrapr": "shoal.exports.camtrapr:CAMTRAPR",
    "darwin-core": "shoal.exports.darwin_core.archive:DARWIN_CORE",
    "ifdo": "shoal.exports.ifdo:IFDO",
    "xlsx": "shoal.exports.xlsx:WORKBOOK",
    "yolo": "shoal.exports.yolo:YOLO",
}
"""Likewise, and of the whole answer only."""


Draw = Callable[[Sequence[Drawing]], Iterable[Drawn]]
"""Draws pictures in the order asked; one that cannot be drawn says why."""


@dataclass(frozen=True)
class Compared:
    """What became of the comparison that a plan asks for.

    Attributes:
        model: Name and version of the model that it is compared with; empty where that cannot be read any more.
        found: The comparison; None where there is none.
        why_not: Why not, without a word of the run itself: runs with one answer have one report.
        only_now: Whether that is of this machine or moment: no other night may name the report again.
    """

    model: str = ""
    found: Comparison | None = None
    why_not: str = ""
    only_now: bool = False


@dataclass(frozen=True)
class Answer:
    """What a run found, as far as it is known when its files are written.

    Attributes:
        plan: The run's plan.
        complete: Whether nothing was left.
        result: The summary's result.
        run: The summary's run.
        files: sha256 of each file written so far, by name.
        dataset: The dataset file as it is now, for what decides no number, such as a licence; None where nobody asks.
        explore: What a person looks through first, see `exports.explore`.
        draw: Draws pictures; None where nobody can, as when an answer is only written again.
        compared: The run beside one of another variant; None where its plan names none.
        evidence: What stands beside its numbers; None of a run that may not become the answer.
    """

    plan: StoredPlan
    complete: bool
    result: Mapping[str, Any]
    run: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset | None = None
    explore: Mapping[str, Any] = field(default_factory=dict, repr=False)
    draw: Draw | None = field(default=None, repr=False, compare=False)
    compared: Compared | None = field(default=None, repr=False)
    evidence: AnswerEvidence | None = field(default=None, repr=False)

    @property
    def described(self) -> Dataset:
        """The dataset file as it is now, else as it was when the run was planned."""
        return self.dataset or self.plan.settings


@dataclass(frozen=True)
class Written:
    """What an export made.

    Attributes:
        files: In the folder it was given.
        not_held: How many of what its format cannot hold, by what they are.
        rows: How many lines, images or boxes each file holds, by its name, where the export says so.
    """

    files: tuple[Path, ...]
    not_held: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


class Export(Protocol):
    """One kind of file, or several that belong together. Provisional: `write` will also get pictures."""

    @property
    def name(self) -> str:
        """As a dataset file asks for it."""

    @property
    def content_type(self) -> str:
        """Media type of its files, for the object store."""

    @property
    def needs_complete(self) -> bool:
        """Whether it would mislead where images are left: a run that is not complete then goes without it."""

    @property
    def repeatable(self) -> bool:
        """Whether the same rows always give the same content: verify then writes it again and compares."""

    def missing(self, dataset: Dataset) -> list[str]:
        """Name what the dataset file must say first: the lines to add, none where nothing is missing.

        Of those with `of_days = True` not that there must be days: whoever asks looks at the run that is exported.
        """

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Write the files into a folder of its own, streamed from the tables, in the order of their keys.

        Args:
            database: Holds the tables of the summary; for `BY_MONTH` and `PACKAGES` the views of `answers.views`, of what `where`
                asks for already.
            answer: What the run found.
            to: A folder of its own. Of `BY_MONTH` and `PACKAGES` a file that lies there is whole, see `whole_file`.
            where: What is asked for.
        """


@runtime_checkable
class ListsFiles(Protocol):
    """An export with more files than export.json should name: one of those that it does name lists them."""

    @property
    def list_name(self) -> str:
        """Name of that file."""

    def listed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Read it: the name and sha256 of each file."""


class MonthlyExport(Export, Protocol):
    """An export of `BY_MONTH`."""

    def not_held(self, database: Database, answer: Answer) -> Mapping[str, int]:
        """Count what it cannot hold of an answer, by what it is; see `Written.not_held`."""


def find_export(name: str) -> Export:
    """Load one export.

    Raises:
        ConfigError: There is none of this name, or it cannot be imported.
    """
    export: Export = load(name, EXPORTS, EXPORTS_OF_WHEELS)
    if export.name != name:
        raise ConfigError(f"{EXPORTS_OF_WHEELS}: {name!r} calls itself {export.name!r} - its wheel must use one name")
    return export


def find_afterwards(name: str, options: Mapping[str, str]) -> Export:
    """Load an export that is made of stored tables.

    Args:
        name: Of the export.
        options: What a person said about it, by field.

    Raises:
        ConfigError: There is none of this name, or it takes no such option.
    """
    known = {**BY_MONTH, **PACKAGES}
    if name not in known:
        raise ConfigError(f"No export {shown(name, 100)!r} - there are {', '.join(sorted(known))}")
    export: Export = resolve_name(known[name])
    fields = {one.name for one in dataclass_fields(export)}  # type: ignore[arg-type]  # all of ours are
    for option in options:
        if option not in fields:
            raise ConfigError(f"Export {name} has no --{option.replace('_', '-')} - leave it out")
    return replace(export, **options)  # type: ignore[type-var]


def is_of_days(export: Export) -> bool:
    """Whether an export is made of bins of days; of wheels none says so."""
    return bool(getattr(export, "of_days", False))


def holds_estimates(export: Export) -> bool:
    """Whether an export has what labels make of the counts: no other fails where those cannot be read."""
    return bool(getattr(export, "holds_estimates", False))


def of_boxes_alone(dataset: Dataset) -> list[str]:
    """Name the exports of a dataset file that a classifier's answer is refused by; of wheels none says so."""
    asked = [name for name in dict.fromkeys(dataset.exports) if name in BY_MONTH]
    return [name for name in asked if _needs_boxes(name)]


def exports_of(*, whole_images: bool) -> list[str]:
    """Name the exports of stored answers that can be made of one; of a classifier's those that hold no boxes alone."""
    return [name for name in sorted({*BY_MONTH, *PACKAGES}) if not (whole_images and _needs_boxes(name))]


def _needs_boxes(name: str) -> bool:
    return bool(getattr(find_afterwards(name, {}), "needs_boxes", False))


def need_exports(dataset: Dataset) -> None:
    """Load what a dataset file asks for and see that it says what they need, before anything is inferred.

    Raises:
        ConfigError: One is not installed, or lines are missing.
    """
    for name in dataset.exports:
        export = find_afterwards(name, {}) if name in BY_MONTH else find_export(name)
        if lines := [*export.missing(dataset), *(missing_days(dataset) if is_of_days(export) else ())]:
            raise ConfigError(
                f"Dataset {dataset.name}: the dataset file lacks what export {name} needs - add: {'; '.join(lines)}"
            )
