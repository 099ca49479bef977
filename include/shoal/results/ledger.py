"""Rows on their way from parts into a ledger: nothing is lost whatever moment this is killed at.

Rows are interchangeable, so there is no commit: the ledger is written and read back, then exactly its parts are
deleted. Killed in between, rows lie in both and every reader keeps one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shoal.contract.errors import ContractError
from shoal.contract.gone_objects import lost_ledger
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.plain_keys import only_named
from shoal.contract.rows import ROW_COLUMNS, select_rows
from shoal.contract.stored_names import is_ledger, is_part, parse_ledger_run, parse_part
from shoal.results.lineage import Lineage, ledger_name, read_lineages
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database


@dataclass(frozen=True)
class RowSources:
    """Ledgers that hold the rows of one run's answer.

    Attributes:
        whole: Ledgers whose every row counts.
        late: Ledgers with some rows that count: those of later runs, which may have taken parts this plan had counted, and
            compacted ones, which hold the rows of many.
        late_origins: Which rows of `late` count: `<run_key>-<attempt>` of those parts, and names of ledgers that are in compacted
            ones now.
        own: Those of `whole` that the run itself wrote, with nothing but its own rows and those it adopted.
    """

    whole: tuple[str, ...]
    late: tuple[str, ...] = ()
    late_origins: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


def list_settled(results: ObjectStore, layout: VariantLayout) -> tuple[list[str], list[str]]:
    """List parts and ledgers, in this order: a part that a summary moves meanwhile is in both, never in neither."""
    return list_parts(results, layout), list_ledgers(results, layout)


def list_parts(results: ObjectStore, layout: VariantLayout) -> list[str]:
    """List the parts; what else lies there is not read."""
    return only_named(results.list_keys(layout.parts), layout.parts, partial(is_part, layout))


def list_ledgers(results: ObjectStore, layout: VariantLayout) -> list[str]:
    """List the ledgers; what else lies there is not read."""
    return only_named(results.list_keys(layout.ledgers), layout.ledgers, partial(is_ledger, layout))


def find_sources(database: Database, layout: VariantLayout, plan: StoredPlan) -> RowSources:
    """Find the ledgers a run's plan froze and its own, and nothing newer but what took a part the plan had counted.

    A ledger that is there no more is looked for in the compacted ones. Parts are not among the sources: the run's summary has
    moved its own and the adopted ones into its ledger, and a part that comes later is the next run's.

    Args:
        database: A session on the results bucket.
        layout: The variant.
        plan: The run's plan.

    Raises:
        ContractError: A ledger of the plan is not there, and no other one holds its rows.
        StoreError: The results bucket does not answer, or a ledger went after it was listed.
    """
    there = list_ledgers(database.results, layout)
    named = set(plan.ledgers) & set(there)
    shelf = read_lineages(database, there if named < set(plan.ledgers) else [key for key in there if key not in named])
    others = {key: one for key, one in shelf.items() if key not in named}
    own = {key for key, one in others.items() if not one.is_compacted and parse_ledger_run(key) == plan.rows_run}
    wanted, lost = _find_compacted(plan, set(there), shelf)
    if lost:
        raise lost_ledger(min(lost), database.results.bucket)
    for key in named | own:
        wanted -= shelf[key].firsts if key in shelf else set()
    adopted = {_origin(key) for key in plan.parts}
    late = {key for key in others if key not in own} if adopted else _find_holders(wanted, others)
    return RowSources(
        whole=tuple(sorted(named | own)),
        late=tuple(sorted(late)),
        late_origins=tuple(sorted(adopted | wanted)),
        own=tuple(sorted(own)),
    )


def _find_compacted(plan: StoredPlan, there: set[str], shelf: Mapping[str, Lineage]) -> tuple[set[str], set[str]]:
    """Find which ledgers of a plan, and of its run, were compacted: names that rows have there; keys that nobody took."""
    compacted = [one for one in shelf.values() if one.is_compacted]
    firsts = {first for one in compacted for first in one.firsts}
    wanted = {first for first in firsts if parse_ledger_run(f"{first}.parquet") == plan.rows_run}
    lost = set()
    for key in set(plan.ledgers) - there:
        found = {first for one in compacted for first in one.firsts_of(ledger_name(key))}
        wanted |= found
        if not found:
            lost.add(key)
    return wanted, lost


def _find_holders(wanted: set[str], ledgers: Mapping[str, Lineage]) -> set[str]:
    """Choose ledgers that hold the rows of these names; of two that hold the same one."""
    left, chosen = set(wanted), set()
    for key, one in sorted(ledgers.items(), key=lambda entry: (-len(entry[1].firsts & wanted), entry[0])):
        if one.firsts & left:
            chosen.add(key)
            left -= one.firsts
    return chosen


def view_sources(database: Database, sources: RowSources) -> None:
    """Make the views `stored_rows` and `rows` over a run's sources."""
    database.view_parquet("whole_rows", sources.whole, ROW_COLUMNS)
    database.view_parquet("late_rows", sources.late, ROW_COLUMNS)
    database.set_variable("late_origins", list(sources.late_origins))
    database.run(
        "CREATE OR REPLACE VIEW stored_rows AS SELECT * FROM whole_rows UNION ALL BY NAME SELECT * FROM late_rows "
        "WHERE run_key || '-' || attempt IN (SELECT unnest(getvariable('late_origins'))) "
        "OR ledger IN (SELECT unnest(getvariable('late_origins')))"
    )
    database.run_file("rows")


def settle(database: Database, layout: VariantLayout, plan: StoredPlan, attempt: str) -> str | None:
    """Move a run's own parts and those its plan adopted into one ledger; None when there are no parts.

    All rows of a resummary lie in ledgers.
    """
    if plan.of_run is not None:
        return None
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
    database.set_variable("ledger", ledger_name(key))
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
