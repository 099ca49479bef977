"""The first balance: every listed image in exactly one fate, and the plan agrees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shoal.contract.errors import ContractError
from shoal.contract.rows import FATES
from shoal.results.stored_plan import StoredPlan
from shoal.tables.session import Database


@dataclass(frozen=True)
class Balance:
    """Every listed image in exactly one fate (G1).

    Attributes:
        listed: Images in scope.
        fates: How many have which.
        gained: Images of which more is known by this run: it settled them, or was the first to find them denied, changed or
            gone. Counted only where a later run could do more.
    """

    listed: int
    fates: Mapping[str, int]
    gained: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing was left."""
        return self.fates["unsettled"] == 0 and self.fates["pending"] == 0

    @property
    def chosen(self) -> int:
        """Images of the manifest."""
        return self.listed - self.fates["reused"] - self.fates["archived"] - self.fates["pending"]

    @property
    def settled(self) -> int:
        """Images of the manifest that got a row."""
        return self.chosen - self.fates["unsettled"]

    @property
    def examined(self) -> int:
        """Images the model, or the decoder that refused them, has judged."""
        return self.fates["reused"] + self.fates["processed"] + self.fates["failed"]

    def why_no_answer(self) -> str:
        """Say where a listing and what was read do not belong together, so that its numbers are none; empty where they do."""
        changed = self.fates["changed"]
        if changed <= self.examined:
            return ""
        return (
            f"{changed} of {self.listed} listed images changed before they were read, more than the {self.examined} that were "
            "examined: the answer stays, the next run lists them anew - where they lie in a folder and nobody wrote to them, "
            "workers and Airflow's tasks are told other times of files: reach the share by one protocol"
        )

    def check(self, plan: StoredPlan) -> None:
        """Check that the balance closes, against the plan too.

        Raises:
            ContractError: It does not; nothing is to be believed.
        """
        counts = plan.counts
        expected = {
            "listed": counts.listed,
            "reused": counts.reused,
            "archived": counts.archived,
            "pending": counts.pending,
        }
        # The worker of an adopted part may have settled some pending image since, or one that was archived then.
        late = self.fates["reused"] - counts.reused
        left, planned = self.fates["pending"] + self.fates["archived"], counts.pending + counts.archived
        as_planned = self.listed == counts.listed and late >= 0 and left + late == planned
        as_planned = (
            as_planned and self.fates["archived"] <= counts.archived and self.fates["pending"] <= counts.pending
        )
        if sum(self.fates.values()) != self.listed or not as_planned:
            raise ContractError(
                f"Balance of run {plan.run_key} does not close: listed {self.listed}, {dict(self.fates)}, planned {expected}"
                " - rows or manifest are incomplete, start a new run"
            )

    def to_json(self) -> dict[str, int]:
        """Write the balance."""
        return {"listed": self.listed, **self.fates}


def read_balance(database: Database) -> Balance:
    """Count the fates."""
    counts = {
        record["fate"]: record["images"]
        for record in database.records("SELECT fate, count(*)::BIGINT AS images FROM accounted GROUP BY fate")
    }
    if not counts.keys() <= set(FATES):
        raise ContractError(
            f"Rows with status {sorted(counts.keys() - set(FATES))} - written by a later release, upgrade Shoal"
        )
    balance = Balance(
        int(database.value("SELECT count(*) FROM listing")), {fate: counts.get(fate, 0) for fate in FATES}
    )
    return balance if balance.complete else replace(balance, gained=_count_gained(database))


def _count_gained(database: Database) -> int:
    """Count what a run added; an image can add something only a few times, so that a chain of runs which all do has an end."""
    settled = "FROM stored_rows WHERE run_key = getvariable('run_key') AND status IN ('processed', 'failed')"
    # Of an image that was found denied before, the row that counts is the earlier one.
    tried = "FROM accounted WHERE run_key = getvariable('run_key') AND fate IN ('changed', 'gone', 'denied')"
    return int(database.value(f"SELECT (SELECT count(*) {settled}) + (SELECT count(*) {tried})"))
