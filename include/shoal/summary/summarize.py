"""The last task: rows into the ledger, both balances, numbers, files, `summary.json`, `current.json` - in this order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shoal.bucket.drift import compare_known
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION, RunLayout, VariantLayout, mint_attempt
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.units import utc_text
from shoal.exports.asides import describe_asides, describe_unread
from shoal.exports.export import Answer
from shoal.exports.write import Exported, describe_told, write_exports
from shoal.results.answer import move_current, read_current
from shoal.results.inputs import need_inputs
from shoal.results.ledger import find_sources, settle
from shoal.results.stored_plan import StoredPlan, read_plan
from shoal.results.stored_summary import StoredSummary, read_summary
from shoal.settings.dataset_stores import Stores
from shoal.summary.balance import Balance, read_balance
from shoal.summary.result import read_result, read_run_facts
from shoal.summary.stuck_images import describe_unreadable, find_unreadable
from shoal.summary.tables import build_tables
from shoal.tables.frozen_listing import FrozenAt, find_whole
from shoal.tables.session import Database, open_database


@dataclass(frozen=True)
class SummarizedRun:
    """What summarize did.

    Attributes:
        summary: summary.json as it was written.
        balance: The first balance.
        key: Key of summary.json.
        not_current_because: None when the run is the dataset's answer now.
    """

    summary: Mapping[str, Any]
    balance: Balance
    key: str
    not_current_because: str | None

    @property
    def stored(self) -> StoredSummary:
        """The summary as its readers take it."""
        return StoredSummary.parse(self.summary)

    @property
    def failure(self) -> str | None:
        """Why the task must fail although everything is written; None when the run did its part.

        Work was left and less than a tenth of the manifest was settled, or a shard stopped because too many images failed.
        """
        stopped = self.stored.stopped_shards
        if stopped:
            return (
                f"Shards {list(stopped)} stopped: more images failed than run.tolerated_failed_share allows - see failures.csv "
                "beside the summary"
            )
        left = self.balance.fates["unsettled"]
        if left and self.balance.settled * 10 < self.balance.chosen:
            return (
                f"{left} of {self.balance.chosen} images have no row - see the log of the infer tasks, then start the run "
                "again: what is settled is kept"
            )
        return None

    @property
    def left(self) -> int:
        """Images in scope without a row."""
        return self.balance.fates["pending"] + self.balance.fates["unsettled"]

    @property
    def continues(self) -> bool:
        """Whether another run should follow at once: work is left, and this one did at least a tenth of its own."""
        did_its_part = self.balance.chosen > 0 and self.balance.settled * 10 >= self.balance.chosen
        return self.left > 0 and self.failure is None and did_its_part

    def describe(self) -> list[str]:
        """Tell the summary in a few lines."""
        fates = ", ".join(f"{count} {fate}" for fate, count in self.balance.fates.items())
        stored = self.stored
        uses = ", ".join(f"{count} {use}" for use, count in stored.uses.items())
        answer = "this run is the dataset's answer" if self.not_current_because is None else self.not_current_because
        return [
            f"{self.balance.listed} listed = {fates}",
            f"{stored.examined} examined = {uses}",
            f"result sha256 {stored.result_sha256}",
            *describe_unread(stored.balance),
            *describe_asides(stored.result),
            answer,
            *(stored.clock.describe() if stored.clock else []),
            *describe_unreadable(stored.unreadable),
            *describe_told(stored.exports),
        ]


def summarize_run(stores: Stores, layout: VariantLayout, run_key: str) -> SummarizedRun:
    """Summarize a planned run from what its plan froze and the rows its shards wrote.

    Raises:
        ContractError: A balance does not close, or a stored object is not what it must be.
        StoreError: The results bucket does not answer.
    """
    run = layout.run(run_key)
    plan = read_plan(stores.results, run.plan)
    need_inputs(stores.results, plan, run)
    attempt = mint_attempt()
    with open_database(stores.results) as database:
        ledger = settle(database, layout, plan, attempt)
        build_tables(database, plan, run, find_sources(stores.results, layout, plan))
        balance = read_balance(database)
        balance.check(plan)
        result = read_result(database, plan, balance)
        facts = {
            **read_run_facts(database, plan, balance),
            "ledger": ledger,
            "unreadable": find_unreadable(database, layout, run_key, balance).to_json(),
            "removed_since_previous": _count_removed(database, stores, plan),
            "summarized_at": utc_text(datetime.now(UTC)),
        }
        answer = Answer(plan, balance.complete, result, facts)
        summary = _publish(stores, run, attempt, write_exports(database, answer, plan.settings.exports))
    stores.results.delete(stores.results.list_keys(run.tries))  # left by attempts that were killed from outside
    not_current = move_current(
        stores.results,
        stores.layout,
        plan,
        complete=balance.complete,
        result_sha256=summary["result_sha256"],
    )
    return SummarizedRun(summary, balance, run.summary, not_current)


def _publish(stores: Stores, run: RunLayout, attempt: str, exported: Exported) -> dict[str, Any]:
    """Upload the folder, then `summary.json`: readers see no summary or a whole one (G3)."""
    for file in exported.files:
        stores.results.upload(file.path, run.summary_file(attempt, file.path.name), file.content_type)
    answer = exported.answer
    summary = {
        "format_version": FORMAT_VERSION,
        "complete": answer.complete,
        "result": answer.stored_result,
        "result_sha256": canonical_sha256(answer.stored_result),
        "run": {**answer.run, **({"exports": exported.told} if exported.told else {})},
        "folder": run.summary_file(attempt, ""),
        "files": dict(sorted(answer.files.items())),
    }
    stores.results.write_json(run.summary, summary)
    return summary


def _count_removed(database: Database, stores: Stores, plan: StoredPlan) -> int | None:
    """Count images of the answer's listing that the bucket lacks; None without an answer or with a narrower scope."""
    current = read_current(stores.results, stores.layout)
    if current is None or not plan.scope.full:
        return None
    answers = FrozenAt.of_answer(current)
    if answers.listed_at > plan.listing.frozen_at.listed_at:
        return None
    if current["run_key"] == plan.run_key:
        # Summarized before: what it was compared with then is no longer the answer.
        run = stores.layout.variant(plan.variant.directory).run(plan.run_key)
        return read_summary(stores.results, run.summary).removed_since_previous
    files = find_whole(stores.results, answers.key)
    if not files:
        return None
    database.view_parquet("previous", files, LISTING_COLUMNS)
    return compare_known(database, "previous", plan.settings.source, plan.scope.prefix).gone
