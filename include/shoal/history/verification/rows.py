"""Whether listed images, rows and the plan agree, as they lie in a session's tables."""

from collections.abc import Iterator

from shoal.contract.errors import ContractError
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.stored_names import parse_part
from shoal.results.ledger import RowSources
from shoal.results.lineage import ledger_name
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.summary.balance import Balance
from shoal.tables.session import Database


def check_balance(database: Database, plan: StoredPlan, summary: StoredSummary, balance: Balance) -> Iterator[str]:
    """G1: each listed key in exactly one fate, and the manifest is what the plan says."""
    try:
        balance.check(plan)
    except ContractError as err:
        yield f"G1: {err}"
    if balance.to_json() != summary.balance:
        yield f"G1: recomputed balance {balance.to_json()} differs from the summary's {dict(summary.balance)}"
    if summary.complete != balance.complete:
        yield f"G1: summary says complete {summary.complete}, recomputed {balance.complete}"
    for table, columns in (("listing", "key"), ("accounted", "key"), ("manifest", "key")):
        twice = database.value(f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {columns} HAVING count(*) > 1)")
        if twice:
            yield f"G1: {twice} keys appear more than once in {table}"
    foreign = database.value("SELECT count(*) FROM manifest ANTI JOIN listing USING (key, object_version)")
    if foreign:
        yield f"G1: {foreign} images of the manifest are not in the listing"
    planned = {shard.shard: shard.images for shard in plan.shards}
    found = dict(database.run("SELECT shard, count(*)::BIGINT FROM manifest GROUP BY shard").fetchall())
    if found != planned:
        yield f"G1: shards of the manifest {found} differ from the plan's {planned}"


def check_writers(database: Database, plan: StoredPlan, sources: RowSources) -> Iterator[str]:
    """G5: every row of this run's own objects comes from this run or from a part its plan adopted."""
    adopted = {(name.run_key, name.attempt) for name in map(parse_part, plan.parts) if name}
    own = {ledger_name(key) for key in sources.own}
    writers: dict[str, set[tuple[str, str]]] = {}
    for key in sources.own:
        database.view_parquet("own_rows", [key], ROW_COLUMNS)
        writers[key] = {*database.run("SELECT DISTINCT run_key, attempt FROM own_rows").fetchall()}
    # Compacted since, rows still tell which ledger they were first written to.
    for name, run_key, attempt in database.run(
        "SELECT DISTINCT ledger, run_key, attempt FROM stored_rows WHERE starts_with(ledger, getvariable('run_key') || '-')"
    ).fetchall():
        if name not in own:
            writers.setdefault(name, set()).add((run_key, attempt))
    for key, some in sorted(writers.items()):
        strangers = [
            f"{run_key}-{attempt}"
            for run_key, attempt in sorted(some)
            if run_key != plan.rows_run and (run_key, attempt) not in adopted
        ]
        if strangers:
            yield f"G5: {key} holds rows written by {', '.join(strangers)}"


def check_rows(database: Database) -> Iterator[str]:
    """G8: counted rows belong to the listed object; G4: rows of one image agree."""
    resized = database.value(
        "SELECT count(*) FROM listing JOIN rows USING (key, object_version) WHERE listing.size_bytes <> rows.size_bytes"
    )
    if resized:
        yield f"G8: {resized} rows have another size than the listed object"
    torn = database.value(
        "SELECT count(*) FROM (SELECT 1 FROM stored_rows WHERE status = 'processed' GROUP BY key, object_version "
        "HAVING count(DISTINCT (content_sha256, width, height, detections)) > 1)"
    )
    if torn:
        yield f"G4: {torn} images have rows that differ from each other"
