"""A night in which nothing happened has the answer of the night before: nothing is computed, its files are named again.

What an answer depends on is written down once, in `AnswerInputs`. It asks for too much rather than for too little: a setting that
changes no number costs one night's computing, one that was forgotten would be a wrong number.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import Distribution, entry_points
from typing import Any

import duckdb

from shoal.bucket.sieve import ListingCounts
from shoal.contract.errors import ConfigError, ContractError
from shoal.contract.hashing import canonical_sha256
from shoal.contract.rows import FATES
from shoal.contract.units import utc_text
from shoal.evidence.answer_evidence import numpy_release
from shoal.evidence.said import Said
from shoal.exports.export import find_export
from shoal.exports.loaded_code import LOADED_CODE, is_code_as_loaded, release
from shoal.exports.report.told import shown_of_run
from shoal.exports.write import of_wheels
from shoal.results.answer import read_current
from shoal.results.compared_with import find_compared
from shoal.results.ledger import RowSources
from shoal.results.lineage import read_lineages
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, Unreadable, find_summary
from shoal.settings.dataset import EXPORTS_OF_WHEELS
from shoal.settings.dataset_stores import Stores
from shoal.stores.object_store import ObjectStore
from shoal.stores.shared_files import SharedFiles
from shoal.summary.balance import Balance
from shoal.summary.publish import Found
from shoal.summary.result import tell_planned
from shoal.tables.frozen_listing import FrozenAt, read_files
from shoal.tables.session import Database


@dataclass(frozen=True)
class AnswerInputs:
    """All that a complete run's result and files depend on; what else a summary tells stands in its `run`.

    Attributes:
        release: Of Shoal, the sha256 of its code, for who runs it between releases, and the release of DuckDB, which makes the
            numbers, writes the files and brings the time zones.
        variant_sha256: Identity of the variant: the model, and what decides its boxes.
        model: The model version, as results name it.
        names: The model's class names.
        settings: The whole dataset file: also what decides no number, so that no setting can be forgotten here.
        params: What the person who started the run said.
        may_become_current: The report says it where a run may not.
        scope: What was looked at.
        left_out: What the bucket holds beside the images in scope.
        listing: sha256 of each file that holds the images of the listing, in order.
        ledgers: Names that the ledgers had in which the rows were written first, whatever ledger holds them now: once written,
            rows stay as they are.
        late_origins: Of which attempts the rows count that later runs took.
        exports: Of each export that the dataset file asks for the wheel: its version and what was installed of it.
        compared: The run that the report compares with, what it found and the files of its tables; None where there is none,
            in words why not where it cannot be read.
        then: The second model in a row; None where there is none.
        repeats: Names of what people said of repeat detections; None where nobody said anything.
        labels: Names of samples, labels and training sets; None where nobody has labelled anything.
        numpy: Its release, which makes what stands beside the numbers; None where it is not installed.
    """

    release: tuple[str, ...]
    variant_sha256: str
    model: Mapping[str, Any]
    names: tuple[str, ...]
    settings: Mapping[str, Any]
    params: Mapping[str, Any]
    may_become_current: bool
    scope: Mapping[str, Any]
    left_out: Mapping[str, Any]
    listing: tuple[str, ...]
    ledgers: tuple[str, ...]
    late_origins: tuple[str, ...]
    exports: Mapping[str, str]
    compared: str | None = None
    then: Mapping[str, Any] | None = None
    repeats: str | None = None
    labels: str | None = None
    numpy: str | None = None

    @property
    def sha256(self) -> str:
        """Two runs with the same one have the same answer."""
        return canonical_sha256(asdict(self))


def read_inputs(
    database: Database,
    plan: StoredPlan,
    sources: RowSources,
    said: Said = Said(),  # noqa: B008 - frozen
) -> AnswerInputs | None:
    """Read what a run's answer depends on; None where that cannot be told: a listing of an earlier release has no sha256.

    Args:
        database: A session on the results bucket.
        plan: The run's plan.
        sources: Where its rows lie.
        said: What people have said by now.
    """
    listing = [file.sha256 for file in read_files(database.results, plan.listing.key)]
    exports = {name: _wheel_of(name) for name in of_wheels(plan.settings.exports)}
    hashes = tuple(sha256 for sha256 in listing if sha256 is not None)
    if not hashes or len(hashes) < len(listing) or None in exports.values() or not is_code_as_loaded():
        return None
    return AnswerInputs(
        release=(release(), LOADED_CODE, duckdb.__version__),
        variant_sha256=plan.variant.sha256,
        model=asdict(plan.model),
        then=None if plan.then is None else asdict(plan.then.model),
        names=plan.names,
        settings=plan.settings_json,
        params=plan.params_json,
        may_become_current=plan.may_become_current,
        scope=asdict(plan.scope),
        left_out=ListingCounts.of(asdict(plan.listing)).lasting.left_out(),
        listing=hashes,
        ledgers=_first_names(database, sources),
        late_origins=sources.late_origins,
        exports={name: told for name, told in exports.items() if told is not None},
        compared=_compared(database.results, plan),
        repeats=said.inputs.get("repeats_sha256"),
        labels=said.inputs.get("labels_sha256"),
        numpy=numpy_release(),
    )


def _compared(results: ObjectStore, plan: StoredPlan) -> str | None:
    if plan.compared_with is None:
        return None
    found = find_compared(results, plan)
    if isinstance(found, str):
        return found
    return canonical_sha256([found.run_key, found.result_sha256, [file.sha256 for file in found.tables]])


def _first_names(database: Database, sources: RowSources) -> tuple[str, ...]:
    """Name the ledgers that rows were written in first: the same before, while and after they are written together.

    Of ledgers with some rows that count, `late_origins` says which.
    """
    lineages = read_lineages(database, sources.whole)
    return tuple(sorted({first for one in lineages.values() for first in one.firsts}))


def _wheel_of(export: str) -> str | None:
    """Tell the wheel that brings an export; None where it is not there, or may write other bytes each time."""
    points = [point for point in entry_points(group=EXPORTS_OF_WHEELS) if point.name == export]
    if len(points) != 1 or (wheel := points[0].dist) is None:
        return None
    try:
        return _installed(wheel) if find_export(export).repeatable else None
    except (ConfigError, AttributeError, ValueError):  # of direct_url.json, too
        return None


def _installed(wheel: Distribution) -> str | None:
    """Tell what was installed: RECORD has the sha256 of each file; None of an editable install, whose files change under it."""
    record, origin = wheel.read_text("RECORD"), json.loads(wheel.read_text("direct_url.json") or "{}")
    if not record or origin.get("dir_info", {}).get("editable"):
        return None
    return f"{wheel.name} {wheel.version} {hashlib.sha256(record.encode()).hexdigest()}"


@dataclass(frozen=True)
class KnownAnswer:
    """The dataset's answer before a run.

    Attributes:
        run_key: Its run.
        frozen_at: Its listing.
        summary: Its summary; None where that is not there or cannot be read.
    """

    run_key: str
    frozen_at: FrozenAt
    summary: StoredSummary | None

    @property
    def keys(self) -> frozenset[str]:
        """Keys of its files: gc leaves them alone as long as it is the answer, and for a while after."""
        return frozenset(file.key for file in self.summary.files) if self.summary else frozenset()


def read_known(stores: Stores) -> KnownAnswer | None:
    """Read the dataset's answer; None where there is none.

    Raises:
        ContractError: current.json is not what its format promises.
    """
    current = read_current(stores.results, stores.layout)
    if current is None:
        return None
    run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
    try:
        summary = find_summary(stores.results, run.summary)
    except ContractError:
        summary = None  # whoever is asked to show it says why
    return KnownAnswer(current["run_key"], FrozenAt.of_answer(current), summary)


def find_same_answer(
    plan: StoredPlan, inputs: AnswerInputs | None, known: KnownAnswer | None, shared: SharedFiles
) -> Found | None:
    """Take the dataset's answer for that of a run which depends on the same things; None where it must be computed.

    That of a run which had nothing to infer, adopted no rows and left nothing. Its first balance then is its plan's: every
    image is reused or lies in an archive. What the report tells of the run must be what it told, every file be there, and no
    export have failed.

    Args:
        plan: The run's plan.
        inputs: What its answer depends on; None where that is not known.
        known: The dataset's answer.
        shared: What the variant's runs share.
    """
    if inputs is None or known is None or known.summary is None or known.run_key == plan.run_key:
        return None
    summary, balance = known.summary, _balance(plan)
    if summary.run.get("inputs_sha256") != inputs.sha256:
        return None
    try:
        run = _tell_run(plan, summary, inputs)
        shown = shown_of_run(summary.run)
    except (KeyError, TypeError, AttributeError):  # somebody changed it
        return None
    same = (
        not plan.shards and not plan.parts and balance.complete,
        known.frozen_at.listed_at <= plan.listing.frozen_at.listed_at,
        summary.complete and summary.by_month and canonical_sha256(summary.result) == summary.result_sha256,
        summary.examined == balance.examined,
        shown == shown_of_run(run),
        # What is missing beside the numbers is no export: whether another night looks for it stands in inputs_sha256.
        not any("failed" in told for name, told in summary.exports.items() if name != "evidence"),
        all(shared.has(file.key, file.bytes) for file in summary.files),
    )
    return Found(balance, summary.result, run, summary.folder, summary.files) if all(same) else None


def _balance(plan: StoredPlan) -> Balance:
    counts = plan.counts
    told = {"reused": counts.reused, "archived": counts.archived, "pending": counts.pending, "unsettled": counts.chosen}
    return Balance(counts.listed, {**dict.fromkeys(FATES, 0), **told})


def _tell_run(plan: StoredPlan, known: StoredSummary, inputs: AnswerInputs) -> dict[str, Any]:
    """Tell of a run without rows of its own what `read_run_facts` would; what follows from listing and rows is as it was."""
    return {
        **tell_planned(plan, _balance(plan)),
        "clock": known.run["clock"],
        "shards": [],
        "stopped_shards": [],
        "etag_unchecked_images": known.run["etag_unchecked_images"],
        "inference_seconds": 0.0,
        "worker_versions": [],
        "examined_with": known.run["examined_with"],
        "inputs_sha256": inputs.sha256,
        "lines": known.run["lines"],
        "ledger": None,
        "unreadable": Unreadable().to_json(),
        "removed_since_previous": 0,
        "new_troubles": [],
        "told_troubles": known.run.get("told_troubles"),
        **({"why_not_beside": known.run["why_not_beside"]} if "why_not_beside" in known.run else {}),
        "summarized_at": utc_text(datetime.now(UTC)),
        **({"exports": known.exports} if known.exports else {}),
    }
