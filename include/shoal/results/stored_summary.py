"""summary.json as every reader takes it: parsed once, with what earlier releases did not write yet filled in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shoal.contract.damaged_objects import DAMAGED_SUMMARY
from shoal.contract.errors import ContractError
from shoal.contract.rows import FATES
from shoal.contract.stored_json import checked, pick, picked, reading, take
from shoal.contract.stored_names import RunPlace
from shoal.results.plan_parts import StoredModel, StoredScope
from shoal.results.run_objects import RunObject
from shoal.results.summary_files import SummaryFile, of_its_place, parse_files
from shoal.settings.run_form import RunParams
from shoal.tables.clock_table import ClockTable


@dataclass(frozen=True)
class SummarizedShard:
    """What became of one shard's images."""

    shard: int
    images: int
    settled: int
    failed: int
    tried: int


@dataclass(frozen=True)
class Unreadable:
    """Images that get no row run after run: how many, and the first of them."""

    images: int = 0
    first_keys: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it as summary.json shows it."""
        return {"images": self.images, "first_keys": list(self.first_keys)}


@dataclass(frozen=True)
class StoredSummary:
    """A run's answer.

    Attributes:
        complete: Whether nothing was left.
        result: What the same images, model and settings always give, as it is stored: `result_sha256` is of it.
        result_sha256: Its hash.
        run: What depends on the way there, as it is stored.
        folder: Key prefix of the report and what lies beside it.
        files: All files of the answer, whichever run wrote them.
        by_month: Whether they include tables by month; earlier releases wrote none.
        dataset: Name of the dataset.
        scope: What the run looked at.
        model: The model version.
        examined: Images the model, or the decoder that refused them, has judged.
        uses: The second balance: examined images by use.
        run_key: The run.
        params_json: What the person who started it said, see `params`.
        balance: The first balance: `listed`, and listed images by fate.
        shards: What became of each shard.
        stopped_shards: Shards that stopped because too many images failed.
        clock: What the clock understood of the listing; None in summaries before that was kept.
        unreadable: Images that get no row run after run; none in summaries before they were looked for.
        exports: Of each export with something to tell: why it failed, or what it cannot hold.
        removed_since_previous: Images of the answer before that the bucket lacks; None where there was none.
        then: The second model in a row; None where there is none.
    """

    complete: bool
    result: Mapping[str, Any] = field(repr=False)
    result_sha256: str
    run: Mapping[str, Any] = field(repr=False)
    folder: str
    files: tuple[SummaryFile, ...]
    by_month: bool
    dataset: str
    scope: StoredScope
    model: StoredModel
    examined: int
    uses: Mapping[str, int]
    run_key: str
    params_json: Mapping[str, Any]
    balance: Mapping[str, int]
    shards: tuple[SummarizedShard, ...]
    stopped_shards: tuple[int, ...]
    clock: ClockTable | None
    unreadable: Unreadable
    exports: Mapping[str, Mapping[str, Any]]
    removed_since_previous: int | None
    then: StoredModel | None = None

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "StoredSummary":
        """Read a summary of this release or an earlier one; what a later one added is passed over.

        Raises:
            ContractError: A field is missing or is no such thing.
        """
        with reading("summary.json", DAMAGED_SUMMARY):
            result, run = stored["result"], stored["run"]
        with reading(f"summary.json of run {run.get('run_key')}", DAMAGED_SUMMARY):
            unreadable = run.get("unreadable") or {"images": 0, "first_keys": ()}
            return checked(
                cls(
                    complete=stored["complete"],
                    result=result,
                    result_sha256=stored["result_sha256"],
                    run=run,
                    folder=stored["folder"],
                    files=parse_files(take(stored, "folder", str), stored["files"]),
                    by_month=isinstance(stored["files"], list),
                    dataset=result["dataset"],
                    scope=pick(StoredScope, result["scope"]),
                    model=pick(StoredModel, result["model"]),
                    examined=result["examined"],
                    uses=result["balance"],
                    run_key=run["run_key"],
                    params_json=run["params"],
                    balance=_balance(run["balance"]),
                    shards=picked(SummarizedShard, run["shards"]),
                    stopped_shards=tuple(take(run, "stopped_shards", list)),
                    clock=ClockTable.parse(run["clock"]) if run.get("clock") else None,
                    unreadable=pick(Unreadable, unreadable),
                    exports=run.get("exports", {}),
                    removed_since_previous=run["removed_since_previous"],
                    then=pick(StoredModel, result["then"]) if result.get("then") else None,
                )
            )

    @property
    def models(self) -> str:
        """Name what looked at the images for people."""
        return str(self.model) if self.then is None else f"{self.model}, then {self.then}"

    @property
    def decisions(self) -> tuple[str, ...]:
        """Name what people had said of repeat detections by then; what is no such name is none.

        Raises:
            ContractError: It is not what its format promises.
        """
        with reading(f"summary.json of run {self.run_key}", DAMAGED_SUMMARY):
            return tuple(take(self.result.get("repeats", {"decisions": []}), "decisions", list))

    @property
    def named(self) -> dict[str, SummaryFile]:
        """The files by the names that people call them."""
        return {file.name: file for file in self.files}

    @property
    def tables(self) -> tuple[SummaryFile, ...]:
        """The months of tables among the files."""
        return tuple(file for file in self.files if file.month is not None and not file.is_export)

    @property
    def export_months(self) -> tuple[SummaryFile, ...]:
        """The months of exports among the files."""
        return tuple(file for file in self.files if file.is_export)

    @property
    def params(self) -> RunParams:
        """What the person who started the run said.

        Raises:
            ConfigError: It is not valid.
        """
        return RunParams.parse(dict(self.params_json))


def _balance(stored: Mapping[str, int]) -> dict[str, int]:
    """Fill in the fates that format 1 did not know."""
    return {"listed": stored["listed"], **dict.fromkeys(FATES, 0), **stored}


def _of_its_place(summary: StoredSummary, place: RunPlace, key: str) -> StoredSummary:
    """Check that its files are of its run or of what its variant's runs share.

    Raises:
        ContractError: Somebody else wrote it.
    """
    try:
        folder, files = of_its_place(place, summary.run_key, summary.folder, summary.files)
    except ValueError as err:
        raise ContractError(f"{key} names {str(err)!r}, which is not of its run - {DAMAGED_SUMMARY}") from err
    return replace(summary, folder=folder, files=files)


_SUMMARY = RunObject("summary", StoredSummary.parse, lambda summary: summary.folder, _of_its_place)

read_summary, find_summary = _SUMMARY.read, _SUMMARY.find
"""Read a summary.json by its key: one that must be there, or None where there is none."""
