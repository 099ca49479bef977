"""Ledgers written together on a real store: every plan still reads exactly the rows it counted, whatever happened since."""

import random
import secrets
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import duckdb
import pytest

from seeds import chosen_seeds
from shoal.contract.errors import ContractError, StoreError
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import mint_attempt, mint_run_key
from shoal.contract.rows import ROW_COLUMNS
from shoal.results import compaction
from shoal.results.compaction import compact
from shoal.results.ledger import find_sources, list_ledgers, list_settled, view_sources, write_ledger
from shoal.results.lineage import ledger_name, read_lineages
from shoal.stores.s3 import S3Store
from shoal.tables.session import Database, open_database

FIRST_NIGHT = datetime(2026, 6, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Bucket(S3Store):
    """A real bucket whose clock the test sets; a process that uses it can be killed at any of its requests."""

    later = timedelta(0)
    kill_at = ""

    def read_clock(self):
        return super().read_clock() + self.later

    def upload(self, path, key, content_type="application/vnd.apache.parquet"):
        if self.kill_at == "before the new ledger":
            raise Killed
        super().upload(path, key, content_type)
        if self.kill_at == "after the new ledger":
            raise Killed

    def delete(self, keys):
        keys = list(keys)
        if keys and self.kill_at == "before the deletion":
            raise Killed
        super().delete(keys[: len(keys) // 2] if self.kill_at == "amid the deletion" else keys)
        if keys and self.kill_at:
            raise Killed


@dataclass
class Nights:
    """A variant's nights, and what a plan of each froze."""

    results: Bucket
    database: Database
    layout: VariantLayout
    night: int = 0
    plans: dict = field(default_factory=dict)

    def mint(self) -> str:
        self.night += 1
        return mint_run_key(FIRST_NIGHT + timedelta(days=self.night))

    def part(self, images: int, run_key: str) -> str:
        """What a worker of a run wrote, and no summary has moved yet."""
        part = self.layout.part(run_key, 0, mint_attempt(), 0)
        values = {
            "key": f"'{self.night:04d}-' || i", "object_version": "'v'", "size_bytes": "i", "status": "'processed'",
            "detections": "[{'class_id': 1, 'confidence': 0.5, 'x1': i, 'y1': 1, 'x2': 2, 'y2': 3}]", "run_key": f"'{run_key}'",
            "attempt": f"'{part.rsplit('-', 2)[-2]}'",
        }  # fmt: skip
        columns = ", ".join(f"({values.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
        self.database.store_parquet(f"SELECT {columns} FROM range({images}) t(i)", part)
        return part

    def settle(self, parts: list[str], run_key: str) -> str:
        """What a summary makes of parts."""
        ledger = write_ledger(self.database, self.layout, run_key, parts, mint_attempt())
        self.results.delete(parts)
        return ledger

    def write(self, images: int = 3, run_key: str | None = None) -> str:
        """One night: a worker's part, and the ledger that its summary makes of it."""
        run_key = run_key or self.mint()
        return self.settle([self.part(images, run_key)], run_key)

    def plan(self, *, adopts: bool = False) -> None:
        """Freeze what there is, as a plan does; its own run has a ledger, too. What it adopts, another run's summary takes."""
        left = [self.part(2, self.mint())] if adopts else []
        parts, ledgers = list_settled(self.results, self.layout)
        run_key = self.mint()
        plan = SimpleNamespace(run_key=run_key, rows_run=run_key, ledgers=tuple(ledgers), parts=tuple(parts))
        own = self.write(2, run_key)
        taken = [self.settle(left, self.mint())] if adopts else []
        self.plans[run_key] = plan, self.read(plan)
        assert {key for key, _ in self.plans[run_key][1]} == {key for key, _ in self.rows([*ledgers, own, *taken])}

    def rows(self, keys) -> list[tuple[str, str]]:
        self.database.view_rows(keys)
        return self.database.run("SELECT key, ledger FROM rows ORDER BY ALL").fetchall()

    def read(self, plan) -> list[tuple[str, str]]:
        """What a summary of the plan, or a look at it years later, is computed from."""
        view_sources(self.database, find_sources(self.database, self.layout, plan))
        return self.database.run("SELECT key, ledger FROM rows ORDER BY ALL").fetchall()

    def compact(self, **kill):
        for name, value in kill.items():
            setattr(self.results, name, value)
        try:
            return compact(self.results, self.layout, self.mint())
        finally:
            self.results.kill_at = ""

    @property
    def ledgers(self) -> list[str]:
        return list_ledgers(self.results, self.layout)

    def check(self) -> None:
        for plan, counted in self.plans.values():
            assert self.read(plan) == counted


@pytest.fixture
def nights(store, monkeypatch):
    """No ledgers yet; three of a size are a crowd."""
    monkeypatch.setattr(compaction, "CROWD", 3)
    bucket = f"t{secrets.token_hex(4)}"
    store.connect().make_bucket(bucket)
    results = Bucket(store, bucket)
    with open_database(results) as database:
        yield Nights(results, database, VariantLayout("fish/fish-v1-0123456789ab/"))


def test_ledgers_of_a_size_become_one_whose_rows_lie_by_key_and_keep_their_first_ledger(nights, monkeypatch):
    monkeypatch.setattr(compaction, "PIECE_ROWS", 4)
    written = [nights.write() for _ in range(3)]
    before = nights.rows(written)
    done = nights.compact()
    assert sorted(done.took) == written
    assert nights.rows([done.ledger]) == before
    nights.database.view_parquet("one", [done.ledger], ROW_COLUMNS)
    assert nights.database.run("SELECT key FROM one").fetchall() == [(key,) for key, _ in before], "sorted by key"
    assert {name for _, name in before} == {ledger_name(key) for key in written}
    assert nights.database.run(
        "SELECT DISTINCT compression FROM parquet_metadata(?)", [nights.database.uri(done.ledger)]
    ).fetchall() == [("ZSTD",)]
    assert nights.compact().describe() == [], "there is nothing left to do before a day is over"


def test_what_was_taken_goes_a_day_later_and_not_before(nights):
    written = [nights.write() for _ in range(3)]
    [one] = [nights.compact().ledger]
    assert nights.compact().deleted == ()
    assert nights.ledgers == sorted([*written, one])
    done = nights.compact(later=timedelta(days=1, minutes=1))
    assert (sorted(done.deleted), nights.ledgers) == (written, [one])
    assert done.describe() == ["3 ledgers deleted, an earlier compaction holds their rows"]


@pytest.mark.parametrize(
    "moment",
    ["before the new ledger", "after the new ledger", "before the deletion", "amid the deletion", "after the deletion"],
)
def test_killed_at_any_moment_it_loses_nothing_and_the_next_one_ends_the_work(nights, moment):
    nights.write()
    nights.plan()
    nights.write()
    everything = nights.rows(nights.ledgers)
    deletes = "deletion" in moment
    if deletes:
        nights.compact()
    with pytest.raises(Killed):
        nights.compact(later=timedelta(days=2) if deletes else timedelta(0), kill_at=moment)
    assert nights.rows(nights.ledgers) == everything
    nights.check()
    for _ in range(3):
        nights.compact(later=timedelta(days=2))
    assert nights.rows(nights.ledgers) == everything
    assert len(nights.ledgers) < 3
    nights.check()


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        pytest.param(StoreError("The store has no room"), "The store has no room", id="the store"),
        pytest.param(
            OSError(28, "No space left on device"),
            f"No room left in {tempfile.gettempdir()} (No space left on device) - free some disk or set TMPDIR to a larger one",
            id="the disk",
        ),
        pytest.param(duckdb.IOException("Could not write"), "Could not write", id="DuckDB"),
    ],
)
def test_a_failure_after_its_own_deletions_is_told_with_them_and_as_nobody_elses(nights, monkeypatch, failure, said):
    written = [nights.write() for _ in range(3)]
    nights.compact()
    [nights.write() for _ in range(3)]

    def fail(*_):
        raise failure

    monkeypatch.setattr(nights.results, "upload", fail)
    done = nights.compact(later=timedelta(days=2))
    assert (sorted(done.deleted), done.ledger) == (written, None)
    assert done.describe() == [
        "3 ledgers deleted, an earlier compaction holds their rows",
        f"The ledgers were not written together, the next run tries again: {said}",
    ]


def test_what_another_run_deleted_meanwhile_is_left_to_it(nights, monkeypatch):
    [nights.write() for _ in range(3)]

    def taken_meanwhile(database, *_):
        nights.results.delete([nights.ledgers[0]])
        raise StoreError("Ledger is not in the bucket")

    monkeypatch.setattr(compaction, "_write", taken_meanwhile)
    assert nights.compact().describe() == ["Another run writes the same ledgers together: they are left to it"]


def test_two_at_once_write_rows_twice_and_the_next_one_takes_each_once(nights, monkeypatch):
    nights.plan()
    nights.plan()
    nights.write()
    everything = nights.rows(nights.ledgers)
    write, both_have_looked = compaction._write, threading.Barrier(2)

    def write_once_both_have_looked(*asked):
        both_have_looked.wait(60)
        return write(*asked)

    with monkeypatch.context() as patch, ThreadPoolExecutor() as pool:
        patch.setattr(compaction, "_write", write_once_both_have_looked)
        both = list(
            pool.map(lambda run_key: compact(nights.results, nights.layout, run_key), [nights.mint(), nights.mint()])
        )
    assert len({done.ledger for done in both}) == 2
    nights.plan()  # which names both, and writes the third of their size
    done = nights.compact(later=timedelta(days=2))
    assert {one.ledger for one in both} < {*done.took}
    assert int(
        nights.database.value("SELECT count(*) FROM read_parquet(?)", [nights.database.uri(done.ledger)])
    ) == len(nights.rows(done.took)), "each row once"
    nights.compact(later=timedelta(days=4))
    assert nights.ledgers == [done.ledger]
    assert {key for key, _ in everything} < {key for key, _ in nights.rows(nights.ledgers)}
    nights.check()


@pytest.mark.parametrize("seed", chosen_seeds(1))
def test_every_plan_reads_the_rows_it_counted_whatever_was_compacted_since(nights, seed):
    """Also plans that named compacted ledgers which were compacted in turn, and went."""
    deal = random.Random(seed)
    for _ in range(12):
        step = deal.choice(["write", "plan", "plan that adopts", "compact", "compact", "kill", "two"])
        nights.results.later += timedelta(hours=deal.choice([1, 13, 30]))
        if step == "write":
            nights.write(deal.choice([1, 4, 50]))
        elif step == "plan":
            nights.plan()
        elif step == "plan that adopts":
            nights.plan(adopts=True)
        elif step == "kill":
            with suppress(Killed):
                nights.compact(
                    kill_at=deal.choice(["after the new ledger", "amid the deletion", "before the deletion"])
                )
        elif step == "two":
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda key: compact(nights.results, nights.layout, key), [nights.mint(), nights.mint()]))
        else:
            nights.compact()
        nights.check()
    assert {row for _, counted in nights.plans.values() for row in counted} <= {*nights.rows(nights.ledgers)}


def add_column(nights, key, column):
    path = nights.database.folder / "other.parquet"
    nights.database.copy(f"SELECT *, {column} FROM read_parquet('{nights.database.uri(key)}')", path, "FORMAT parquet")
    nights.results.upload(path, key)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param("42 AS colour", "with columns that this one does not know: colour", id="of a later release"),
        pytest.param(None, "it has rows of ledger", id="renamed"),
    ],
)
def test_a_ledger_that_would_not_come_through_as_it_is_stays_and_is_told_of(nights, change, said):
    written = [nights.write() for _ in range(4)]
    if change:
        add_column(nights, written[1], change)
    else:
        nights.results.write_bytes(
            nights.layout.ledger(nights.mint(), "renamed0"), nights.results.read_bytes(written[1])
        )
        nights.results.delete([written[1]])
    done = nights.compact()
    assert len(done.took) == 3
    [odd] = {*nights.ledgers} - {*done.took, done.ledger}
    _, told = done.describe()
    assert told.startswith(f"Ledger {odd} is left as it is: ")
    assert said in told
    nights.compact(later=timedelta(days=2))
    assert odd in nights.ledgers


def test_what_does_not_hold_the_rows_it_took_lets_none_go(nights):
    """Whoever may write to the bucket wrote over it: the old rows are the only ones."""
    written = [nights.write() for _ in range(3)]
    one = nights.compact().ledger
    name = nights.database.folder / "forged.parquet"
    told = read_lineages(nights.database, [one])[one].to_json()
    nights.database.copy(
        f"SELECT * REPLACE (0::BIGINT AS size_bytes) FROM read_parquet('{nights.database.uri(one)}')", name,
        f"FORMAT parquet, KV_METADATA {{shoal_took: '{told}'}}",
    )  # fmt: skip
    nights.results.upload(name, one)
    done = nights.compact(later=timedelta(days=2))
    assert done.deleted == ()
    assert [line.split(" is kept: ")[0] for line in done.describe()] == [f"Ledger {key}" for key in written]
    assert {*written} < {*nights.ledgers}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("nonsense", "Expecting value"),
        ('{"format_version": 2, "took": {"x": []}}', "it names what is no ledger, or not itself"),
        ('{"format_version": 9, "took": {}}', "is of format 9 - upgrade Shoal"),
        ('{"format_version": 2}', "has no field 'took'"),
    ],
)
def test_a_ledger_that_says_nonsense_of_itself_is_named(nights, told, said):
    [key] = [nights.write()]
    path = nights.database.folder / "forged.parquet"
    nights.database.copy(
        f"SELECT * FROM read_parquet('{nights.database.uri(key)}')",
        path,
        f"FORMAT parquet, KV_METADATA {{shoal_took: '{told}'}}",
    )
    nights.results.upload(path, key)
    with pytest.raises(ContractError, match=said) as caught:
        read_lineages(nights.database, [key])
    assert key in str(caught.value)


def test_who_listed_ledgers_before_they_went_is_told_to_try_again_and_finds_the_rows_then(nights):
    nights.plan()
    [nights.write() for _ in range(2)]
    nights.compact()
    listed = nights.ledgers
    everything = nights.rows(listed)
    nights.compact(later=timedelta(days=2))
    with pytest.raises(StoreError, match="may have been written together with others meanwhile - try again"):
        nights.rows(listed)
    assert nights.rows(nights.ledgers) == everything
    nights.check()


def test_a_ledger_that_is_gone_and_in_none_is_named_as_lost(nights):
    nights.plan()
    [lost] = [nights.write()]
    nights.plan()
    nights.results.delete([lost])
    plan, _ = nights.plans[max(nights.plans)]
    with pytest.raises(ContractError, match=f"Ledger '{lost}' .* the rows it held are lost with it"):
        nights.read(plan)


def test_sizes_are_few_and_large_ledgers_stay_as_they_are():
    listed = [SimpleNamespace(key=str(number), size_bytes=size) for number, size in enumerate([700 * 1024**2] * 100)]
    assert compaction._choose(listed) == [], "seventy gigabytes of rows in hundred files are not written again"
    half = [SimpleNamespace(key=str(number), size_bytes=400 * 1024**2) for number in range(9)]
    assert len(compaction._choose(half)) == 2, "and what is written is at most a gigabyte"


@pytest.mark.parametrize(
    ("nightly", "first"),
    [(3_000, 0), (30_000, 0), (300_000, 10**9), (3_000_000, 0), (30_000_000, 10**9)],
    ids=["3 kB a night", "30 kB", "300 kB after a first night of 1 GB", "3 MB", "30 MB after a first night of 1 GB"],
)
def test_after_ten_years_of_nights_a_plan_opens_at_most_fifty_ledgers(nightly, first):
    """By sizes alone; what was taken lies there for two nights more. `benchmarks/nights.py` plays it on a store."""
    ledgers, taken, written, most = [SimpleNamespace(key="first", size_bytes=first)], {}, 0, 0
    for night in range(3650):
        ledgers.append(SimpleNamespace(key=f"{night:05d}", size_bytes=nightly))
        taken = {old: gone for old, gone in taken.items() if gone > night}
        chosen = compaction._choose(ledgers)
        if chosen:
            size = sum(one.size_bytes for one in chosen)
            written += size
            ledgers = [one for one in ledgers if one not in chosen] + [
                SimpleNamespace(key=f"{night:05d}c", size_bytes=size)
            ]
            taken |= {one.key: night + 2 for one in chosen}
        most = max(most, len(ledgers) + len(taken))
        assert max(one.size_bytes for one in ledgers if one.key != "first") <= compaction.LARGEST_BYTES
    stored = sum(one.size_bytes for one in ledgers) - first
    large = sum(one.size_bytes >= compaction.LARGEST_BYTES / 2 for one in ledgers)
    assert stored == 3650 * nightly
    assert most - large <= 50, "those of half a gigabyte and more, which stay as they are, come to these"
    assert large <= 2 * stored / compaction.LARGEST_BYTES + 1
    small = 3650 / (compaction.CROWD - 1) * compaction.SMALL_BYTES
    assert written <= 4 * stored + 1.2 * small, "once for each size, and what is small again and again"
