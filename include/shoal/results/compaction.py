"""Many ledgers into few, so that a plan opens a few dozen objects after years of nights.

Ledgers of like size are written together as one, which says what it took (`lineage`). What it took is deleted a day later, once
the new one was read again and holds every row: whoever listed the old ones may still be reading them. Until then rows lie in
both, and readers keep one of each. Killed at any moment nothing is lost; two at once write the same rows twice, and the next
compaction takes one of each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from shoal.contract.errors import ContractError, ShoalError, first_line, shown
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import mint_attempt
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.sharing import WRITTEN_WITHIN
from shoal.contract.stored_names import is_ledger
from shoal.results.lineage import METADATA_KEY, MOST_NAMES, Lineage, join, ledger_name, read_lineages
from shoal.settings.dataset import Run
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database, open_database

FAILURES = (ShoalError, duckdb.Error, OSError)
"""What may keep ledgers from being written together, a full disk among it; none of it is worth an answer that stands."""

CROWD = 8
"""So many ledgers of like size are written as one: each row is written again once for each size, four times in all its life."""

SMALL_BYTES = 4 * 1024**2
"""Up to here all are of one size: 30,000 images. Each next size is CROWD times as large."""

LARGEST_BYTES = 1024**3
"""What one compaction writes at most, seven million images; a ledger of half of it stays as it is."""

PIECE_ROWS = 200_000
"""Rows sorted at once."""

SAMPLED_KEYS = 10_000
"""Keys that tell where pieces begin, all of about the same size."""


@dataclass(frozen=True)
class Compacted:
    """What one compaction did.

    Attributes:
        ledger: Key of the ledger that it wrote; None where there was nothing to write together.
        took: Keys of those whose rows are in it now.
        deleted: Keys of those that an earlier one took.
        left: What stays as it is though it is in the way, a sentence each.
    """

    ledger: str | None = None
    took: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """Tell it in a few lines; none where nothing was done."""
        wrote = [f"{len(self.took)} ledgers are one now: {self.ledger}"] if self.ledger else []
        gone = [f"{len(self.deleted)} ledgers deleted, an earlier compaction holds their rows"] if self.deleted else []
        return [*wrote, *gone, *self.left]


def compact(results: ObjectStore, layout: VariantLayout, run_key: str, run: Run | None = None) -> Compacted:
    """Delete ledgers that an earlier compaction took, and write those of a crowded size as one; mostly nothing is to be done.

    Args:
        results: The results bucket.
        layout: The variant.
        run_key: The run in whose name a new ledger is written.
        run: The dataset's `run`, which may say how much memory and how many threads.

    Raises:
        StoreError: The results bucket does not answer.
    """
    listed = [found for found in results.list_objects(layout.ledgers) if is_ledger(layout, found.key)]
    if not _choose(listed):
        return Compacted()
    own: list[str] = []
    try:
        return _compact(results, layout, run_key, listed, run, own)
    except FAILURES as err:
        there = {*results.list_keys(layout.ledgers)}
        deleted = tuple(key for key in own if key not in there)
        if isinstance(err, ShoalError) and {found.key for found in listed} - there - {*deleted}:
            return Compacted(None, (), deleted, ("Another run writes the same ledgers together: they are left to it",))
        return Compacted(None, (), deleted, (tell_failure(err),))


def tell_failure(err: BaseException) -> str:
    """Say that ledgers stay as they are, and why."""
    return f"The ledgers were not written together, the next run tries again: {first_line(err)}"


def _compact(  # noqa: PLR0917 - of them `own` is filled: what is deleted is told of, whatever fails later
    results: ObjectStore,
    layout: VariantLayout,
    run_key: str,
    listed: Sequence[ListedObject],
    run: Run | None,
    own: list[str],
) -> Compacted:
    with open_database(results, run) as database:
        shelf = read_lineages(database, [found.key for found in listed])
        held = _find_held(shelf)
        deleted, differ = _find_deletable(database, listed, held)
        own += deleted
        results.delete(deleted)
        took, odd = _choose_even(database, [found for found in listed if found.key not in held], shelf)
        ledger = _write(database, layout, run_key, [(key, shelf[key]) for key in took]) if took else None
    return Compacted(ledger, tuple(took), tuple(deleted), (*differ, *odd))


def _choose(ledgers: Iterable[ListedObject]) -> list[ListedObject]:
    """Choose those of the smallest crowded size, with all that are smaller; as many as are not too much together."""
    small = sorted(
        (one for one in ledgers if one.size_bytes < LARGEST_BYTES / 2), key=lambda one: (one.size_bytes, one.key)
    )
    chosen: list[ListedObject] = []
    for _, group in groupby(small, key=lambda one: _size_class(one.size_bytes)):
        alike = list(group)
        chosen += alike
        if len(alike) >= CROWD:
            break
    else:
        return []
    while sum(one.size_bytes for one in chosen) > LARGEST_BYTES:
        chosen.pop()
    return chosen if len(chosen) > 1 else []


def _size_class(size_bytes: int) -> int:
    size, limit = 0, SMALL_BYTES
    while size_bytes >= limit:
        size, limit = size + 1, limit * CROWD
    return size


def _find_held(shelf: Mapping[str, Lineage]) -> dict[str, str]:
    """Tell of each ledger that another one took which one holds its rows now: one that nobody took."""
    compacted = {key: one for key, one in shelf.items() if one.is_compacted}
    taken = {
        key: [other for other, holder in compacted.items() if other != key and holder.firsts_of(one.name)]
        for key, one in shelf.items()
    }
    return {
        key: holders[0]
        for key, some in taken.items()
        if (holders := sorted(other for other in some if not taken[other]))
    }


def _find_deletable(
    database: Database, listed: Sequence[ListedObject], held: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Find what others hold for a day, and read both; return what can be deleted, and what cannot be, a sentence each."""
    now = database.results.read_clock()
    settled = {found.key for found in listed if now - found.last_modified > WRITTEN_WITHIN}
    deletable: list[str] = []
    differ: list[str] = []
    for holder in sorted({*held.values()} & settled):
        there = _fingerprints(database, [holder])
        for key in sorted(key for key, of in held.items() if of == holder):
            same = all(there.get(name) == found for name, found in _fingerprints(database, [key]).items())
            (deletable if same else differ).append(key)
    return deletable, [
        f"Ledger {shown(key)} is kept: {shown(held[key])} took it and does not hold its rows as they are - see who may write to "
        "the results bucket"
        for key in differ
    ]


def _fingerprints(database: Database, keys: Sequence[str]) -> dict[str | None, tuple[int, int]]:
    """Count and hash the rows that came from each ledger, whatever their order."""
    database.view_parquet("fingerprinted", keys, ROW_COLUMNS)
    rows = database.run(
        f"SELECT ledger, count(*), sum(hash({', '.join(ROW_COLUMNS)})::HUGEINT)::VARCHAR FROM fingerprinted GROUP BY ledger"
    ).fetchall()
    return {ledger: (count, int(total)) for ledger, count, total in rows}


def _choose_even(
    database: Database, ledgers: Sequence[ListedObject], shelf: Mapping[str, Lineage]
) -> tuple[list[str], list[str]]:
    """Choose without those that would not come through as they are; return the chosen keys, and why others are left."""
    left: dict[str, str] = {}
    while chosen := _choose(found for found in ledgers if found.key not in left):
        reasons = {found.key: _why_odd(database, found.key, shelf[found.key]) for found in chosen}
        odd = {key: why for key, why in reasons.items() if why}
        if not odd:
            break
        left |= odd
    # The largest first: of what two hold, its rows are taken as they lie.
    return [found.key for found in reversed(chosen)], [
        f"Ledger {shown(key)} is left as it is: {why}" for key, why in left.items()
    ]


def _why_odd(database: Database, key: str, lineage: Lineage) -> str | None:
    described = database.run("DESCRIBE SELECT * FROM read_parquet(?)", [database.uri(key)]).fetchall()
    found = {name for name, *_ in described}
    if lacking := ROW_COLUMNS.keys() - found:
        return f"it is of an earlier release, without column {', '.join(sorted(lacking))}"
    if more := found - ROW_COLUMNS.keys():
        return (
            f"another release wrote it, with columns that this one does not know: {shown(', '.join(sorted(more)), 200)}"
        )
    if len(lineage.firsts) > MOST_NAMES:
        return f"it stands for more than {MOST_NAMES} ledgers"
    database.view_parquet("judged_ledger", [key], ROW_COLUMNS)
    names = {str(name) for (name,) in database.run("SELECT DISTINCT ledger FROM judged_ledger").fetchall()}
    if strange := sorted(names - lineage.firsts):
        return f"it has rows of ledger {shown(strange[0])}, which it does not name"
    return None


def _write(database: Database, layout: VariantLayout, run_key: str, taken: Sequence[tuple[str, Lineage]]) -> str:
    """Write the rows of ledgers as one, sorted by key, and read it back.

    Raises:
        ContractError: It does not hold what was written.
    """
    key = layout.ledger(run_key, mint_attempt())
    lineage = join(ledger_name(key), [one for _, one in taken])
    database.run(f"CREATE OR REPLACE VIEW taken_rows AS {' UNION ALL '.join(_take_each_once(database, taken))}")
    rows = int(database.value("SELECT count(*) FROM taken_rows"))
    path = database.folder / "compacted.parquet"
    _write_sorted(database, rows, path, f"KV_METADATA {{{METADATA_KEY}: '{lineage.to_json()}'}}")
    database.results.upload(path, key)
    path.unlink()
    database.view_parquet("written_ledger", [key], ROW_COLUMNS)
    found = int(database.value("SELECT count(*) FROM written_ledger"))
    if found != rows or read_lineages(database, [key])[key] != lineage:
        raise ContractError(f"Ledger {key!r} holds {found} of {rows} rows - those that it took are kept")
    return key


def _write_sorted(database: Database, rows: int, path: Path, metadata: str) -> None:
    """Write `taken_rows` by key, piece by piece: a sort of all of these wide rows at once would take memory without a bound."""
    sampled = database.run(
        f"SELECT key FROM taken_rows WHERE key IS NOT NULL USING SAMPLE reservoir({SAMPLED_KEYS} ROWS) REPEATABLE (1)"
    ).fetchall()
    pieces = -(-rows // PIECE_ROWS) or 1
    keys = sorted(key for (key,) in sampled)
    bounds = sorted({keys[len(keys) * number // pieces] for number in range(1, pieces)}) if keys else []
    written = []
    for number, (low, high) in enumerate(zip([None, *bounds], [*bounds, None], strict=True)):
        database.set_variable("piece_low", low)
        database.set_variable("piece_high", high)
        within = [
            *(["key >= getvariable('piece_low')"] if low is not None else []),
            *(["(key < getvariable('piece_high') OR key IS NULL)"] if high is not None else []),
        ]
        written.append(path.with_name(f"piece-{number}.parquet"))
        database.copy(
            f"SELECT * FROM taken_rows WHERE {' AND '.join(within) or 'true'} "
            "ORDER BY key, object_version, run_key, attempt, ledger",
            written[-1],
            "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000",
        )
    database.set_variable("pieces", [str(piece) for piece in written])
    database.copy(
        "SELECT * FROM read_parquet(getvariable('pieces'))",
        path,
        f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000, {metadata}",
    )
    for piece in written:
        piece.unlink()


def _take_each_once(database: Database, taken: Iterable[tuple[str, Lineage]]) -> Iterator[str]:
    """Write SQL for the rows of ledgers, those that several hold from one of them: two may have been compacted at once."""
    seen: set[str] = set()
    whole: list[str] = []
    for number, (key, lineage) in enumerate(taken):
        mine = lineage.firsts - seen
        seen |= mine
        if mine == lineage.firsts:
            whole.append(key)
        elif mine:
            database.view_parquet(f"taken_{number}", [key], ROW_COLUMNS)
            database.set_variable(f"taken_{number}_names", sorted(mine))
            yield f"SELECT * FROM taken_{number} WHERE ledger IN (SELECT unnest(getvariable('taken_{number}_names')))"
    database.view_parquet("taken_whole", whole, ROW_COLUMNS)
    yield "SELECT * FROM taken_whole"
