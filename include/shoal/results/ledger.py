"""Rows on their way from parts into a ledger: nothing is lost whatever moment this is killed at.

Rows are interchangeable, so there is no commit: the ledger is written and read back, then exactly its parts are
deleted. Killed in between, rows lie in both and every reader keeps one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shoal.contract.errors import ContractError
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.plain_keys import only_named
from shoal.contract.rows import ROW_COLUMNS, select_rows
from shoal.contract.stored_names import is_ledger, is_part, parse_ledger_run, parse_part
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database


@dataclass(frozen=True)
class RowSources:
    """Ledgers that hold the rows of one run's answer.

    Attributes:
        whole: Ledgers whose every row counts.
        late: Ledgers of later runs, which may have taken parts this plan had counted.
        late_origins: `<run_key>-<attempt>` of those parts: the rows of `late` that count.
    """

    whole: tuple[str, ...]
    late: tuple[str, ...] = ()
    late_origins: tuple[str, ...] = ()


def list_settled(results: ObjectStore, layout: VariantLayout) -> tuple[list[str], list[str]]:
    """List parts and ledgers, in this order: a part that a summary moves meanwhile is in both, never in neither."""
    return list_parts(results, layout), list_ledgers(results, layout)


def list_parts(results: ObjectStore, layout: VariantLayout) -> list[str]:
    """List the parts; what else lies there is not read."""
    return only_named(results.list_keys(layout.parts), layout.parts, partial(is_part, layout))


def list_ledgers(results: ObjectStore, layout: VariantLayout) -> list[str]:
    """List the ledgers; what else lies there is not read."""
    return only_named(results.list_keys(layout.ledgers), layout.ledgers, partial(is_ledger, layout))


def find_sources(results: ObjectStore, layout: VariantLayout, plan: StoredPlan) -> RowSources:
    """Find the ledgers a run's plan froze and its own, and nothing newer but what took a part the plan had counted.

    Parts are not among them: the run's summary has moved its own and the adopted ones into its ledger, and a part that
    comes later is the next run's.

    Args:
        results: The results bucket.
        layout: The variant.
        plan: The run's plan.
    """
    ledgers = list_ledgers(results, layout)
    counted = {*plan.ledgers, *(key for key in ledgers if parse_ledger_run(key) == plan.run_key)}
    adopted = sorted({_origin(key) for key in plan.parts})
    late = [key for key in ledgers if key not in counted] if adopted else []
    return RowSources(tuple(sorted(counted)), tuple(late), tuple(adopted))


def view_sources(database: Database, sources: RowSources) -> None:
    """Make the views `stored_rows` and `rows` over a run's sources."""
    database.view_parquet("whole_rows", sources.whole, ROW_COLUMNS)
    database.view_parquet("late_rows", sources.late, ROW_COLUMNS)
    database.set_variable("late_origins", list(sources.late_origins))
    database.run(
        "CREATE OR REPLACE VIEW stored_rows AS SELECT * FROM whole_rows UNION ALL BY NAME "
        "SELECT * FROM late_rows WHERE list_contains(getvariable('late_origins'), run_key || '-' || attempt)"
    )
    database.run_file("rows")


def settle(database: Database, layout: VariantLayout, plan: StoredPlan, attempt: str) -> str | None:
    """Move a run's own parts and those its plan adopted into one ledger; None when there are no parts."""
    results = database.results
    run_key = plan.run_key
    adopted = set(plan.parts)
    present = list_parts(results, layout)
    taken = [key for key in present if key in adopted or ((name := parse_part(key)) and name.run_key == run_key)]
    if not taken:
        return None
    if plan.format_version < FORMAT_VERSION:
        raise ContractError(
            f"Run {run_key} was planned in format {plan.format_version}, which is read and not continued - start a new run"
        )
    ledger = write_ledger(database, layout, run_key, taken, attempt)
    results.delete(taken)
    return ledger


def write_ledger(database: Database, layout: VariantLayout, run_key: str, parts: Sequence[str], attempt: str) -> str:
    """Write the rows of parts as one ledger and read it back.

    Args:
        database: A session on the results bucket.
        layout: The variant.
        run_key: The run that writes.
        parts: Its own parts and those its plan adopted.
        attempt: 8 characters that tell two attempts at one summary apart.

    Returns:
        The ledger's key.

    Raises:
        ContractError: The ledger does not hold what was written.
    """
    key = layout.ledger(run_key, attempt)
    database.view_rows(parts)
    database.set_variable("ledger", key.rpartition("/")[2].removesuffix(".parquet"))
    columns = select_rows({"ledger": "coalesce(ledger, getvariable('ledger'))"}, "stored_rows")
    written = database.store_parquet(
        f"SELECT {columns} FROM stored_rows ORDER BY key, object_version, run_key, attempt", key
    ).rows
    database.view_parquet("written_ledger", [key], ROW_COLUMNS)
    found = int(
        database.value(
            "SELECT count(*) FROM (SELECT key, object_version, status FROM stored_rows INTERSECT ALL "
            "SELECT key, object_version, status FROM written_ledger)"
        )
    )
    if found != written:
        raise ContractError(
            f"Ledger {key!r} holds {found} of {written} rows - its parts are kept, clear summarize to try again"
        )
    return key


def _origin(key: str) -> str:
    name = parse_part(key)
    return f"{name.run_key}-{name.attempt}" if name else ""
