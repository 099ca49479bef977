"""Ten years of nights: how many ledgers a plan opens, what they weigh and what keeping them few costs.

Each night writes the part of a worker, makes a ledger of it and lets ledgers be written together, as a summary does. At the end
of each year a plan's question is asked: which images have a row. The store is a real one on this machine; its clock is moved by a
day a night. `--without` never writes ledgers together: what that question cost before.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import mint_attempt, mint_run_key
from shoal.contract.rows import ROW_COLUMNS
from shoal.embedded.processes.rclone import embedded_store
from shoal.results.compaction import Compacted, compact
from shoal.results.ledger import list_ledgers, list_settled, write_ledger
from shoal.results.open_images import find_open_images
from shoal.settings.run_form import RunParams
from shoal.stores.listed import ListedObject
from shoal.stores.s3 import S3Store
from shoal.tables.session import Database, open_database

FIRST_NIGHT = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = 365
LAYOUT = VariantLayout("reef/fish-v1-0123456789ab/")
BOXES = 4

_VALUES = {
    "key": "printf('%05d/%08d.jpg', getvariable('night'), i)",
    "object_version": "md5(i || '-' || getvariable('night'))",
    "size_bytes": "300000 + i",
    "content_sha256": "sha256(i || '-' || getvariable('night'))",
    "status": "'processed'",
    "width": "2688",
    "height": "1520",
    "detections": f"list_transform(range({BOXES}), lambda box: {{'class_id': box::INTEGER, 'confidence': random(), "
    "'x1': random() * 99, 'y1': random() * 99, 'x2': 100 + random() * 99, 'y2': 100 + random() * 99})",
    "max_det_reached": "false",
    "seconds": "0.14",
    "version_checked": "true",
    "worker_version": "'0.1.0'",
    "run_key": "getvariable('run_key')",
    "attempt": "getvariable('attempt')",
}


class MovedClock(S3Store):
    """A real bucket in which a night passes when the benchmark says so: objects are as old as nights have passed since."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.night = 0
        self.written_in: dict[str, int] = {}

    def read_clock(self) -> datetime:
        """Read the store's time, moved on."""
        return FIRST_NIGHT + timedelta(days=self.night)

    def upload(self, path: Path, key: str, content_type: str = "application/vnd.apache.parquet") -> None:
        """Write a file as an object."""
        self.written_in[key] = self.night
        super().upload(path, key, content_type)

    def list_objects(self, prefix: str = "", *, whole: bool = False) -> Iterator[ListedObject]:
        """Stream the objects, each as old as it would be."""
        for found in super().list_objects(prefix, whole=whole):
            yield found._replace(last_modified=FIRST_NIGHT + timedelta(days=self.written_in[found.key]))


@dataclass
class Year:
    """What a year's nights came to.

    Attributes:
        opened: Ledgers that a plan opens on its last night.
        most_opened: On its worst.
        stored_mb: What the ledgers weigh then.
        settle_cpu_ms: CPU a night to make the night's own ledger, as without any compaction.
        compact_cpu_ms: CPU a night for writing ledgers together.
        plan_cpu_ms: CPU to ask which of a thousand images are open.
        rewritten: Rows written again, for each row that there is.
    """

    opened: int
    most_opened: int
    stored_mb: float
    settle_cpu_ms: float
    compact_cpu_ms: float
    plan_cpu_ms: float
    rewritten: float


def main() -> None:
    """Play the nights and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        Path(folder, "data").mkdir()
        with embedded_store(Path(folder, "data"), Path(folder, "store.log")) as access:
            access.connect().make_bucket("results")
            results = MovedClock(access, "results")
            _print_head(arguments)
            years = []
            with open_database(results) as database:
                for year in _play(results, database, arguments):
                    years.append(year)
                    _print_year(len(years), year)
    _print_figures(years, arguments)


def _play(results: MovedClock, database: Database, arguments: argparse.Namespace) -> Iterator[Year]:
    spent = {"settle": 0.0, "compact": 0.0}
    most, since, rewritten = 0, 0, 0
    for night in range(1, arguments.nights + 1):
        results.night = night
        run_key = mint_run_key(FIRST_NIGHT + timedelta(days=night))
        with _cpu(spent, "settle"):
            _settle(database, run_key, night, arguments.images)
        if not arguments.without:
            with _cpu(spent, "compact"):
                done = compact(results, LAYOUT, run_key)
            rewritten += _rows_of(database, done)
        most = max(most, len(list_ledgers(results, LAYOUT)))
        if night % YEAR == 0 or night == arguments.nights:
            played, since = night - since, night
            share = rewritten / (night * arguments.images)
            yield _measure(results, database, spent, played, most=most, rewritten=share)
            spent, most = dict.fromkeys(spent, 0.0), 0


def _settle(database: Database, run_key: str, night: int, images: int) -> None:
    """Write what a worker writes, and the ledger that a summary makes of it."""
    attempt = mint_attempt()
    for name, value in (("night", night), ("run_key", run_key), ("attempt", attempt)):
        database.set_variable(name, value)
    part = LAYOUT.part(run_key, 0, attempt, 0)
    columns = ", ".join(f"({_VALUES.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    database.store_parquet(f"SELECT {columns} FROM range({images}) nights(i)", part)
    write_ledger(database, LAYOUT, run_key, [part], mint_attempt())
    database.results.delete([part])


def _rows_of(database: Database, done: Compacted) -> int:
    if done.ledger is None:
        return 0
    database.view_parquet("compacted", [done.ledger], ROW_COLUMNS)
    return int(database.value("SELECT count(*) FROM compacted"))


def _measure(
    results: MovedClock, database: Database, spent: dict[str, float], nights: int, *, most: int, rewritten: float
) -> Year:
    asked = {"plan": 0.0}
    database.run(
        "CREATE OR REPLACE TABLE listing AS SELECT printf('%05d/%08d.jpg', 1, i) AS key, 'new' AS object_version, "
        "1 AS size_bytes, NULL::VARCHAR AS storage_class FROM range(1000) images(i)"
    )
    with _cpu(asked, "plan"):
        parts, ledgers = list_settled(results, LAYOUT)
        find_open_images(database, [*ledgers, *parts], RunParams(), "none")
    return Year(
        opened=len(ledgers),
        most_opened=most,
        stored_mb=sum(found.size_bytes for found in results.list_objects(LAYOUT.ledgers)) / 1e6,
        settle_cpu_ms=1000 * spent["settle"] / nights,
        compact_cpu_ms=1000 * spent["compact"] / nights,
        plan_cpu_ms=1000 * asked["plan"],
        rewritten=rewritten,
    )


@contextmanager
def _cpu(spent: dict[str, float], what: str) -> Iterator[None]:
    before = time.process_time()
    yield
    spent[what] += time.process_time() - before


def _print_head(arguments: argparse.Namespace) -> None:
    how = "each ledger kept" if arguments.without else "ledgers written together"
    print(f"{arguments.nights} nights of {arguments.images} new images with {BOXES} boxes each, {how}")
    print(
        f"{'after year':<12}{'opened':>8}{'at most':>9}{'MB':>9}{'settle ms':>11}{'compact ms':>12}{'plan ms':>9}"
        f"{'rewritten':>11}",
        flush=True,
    )


def _print_year(number: int, year: Year) -> None:
    print(
        f"{number:<12}{year.opened:>8}{year.most_opened:>9}{year.stored_mb:>9.1f}{year.settle_cpu_ms:>11.1f}"
        f"{year.compact_cpu_ms:>12.1f}{year.plan_cpu_ms:>9.0f}{year.rewritten:>11.2f}",
        flush=True,
    )


def _print_figures(years: list[Year], arguments: argparse.Namespace) -> None:
    last = years[-1]
    print(
        json.dumps(
            {
                "nights": arguments.nights,
                "images": arguments.images,
                "most_opened": max(year.most_opened for year in years),
                "stored_mb": round(last.stored_mb, 1),
                "compact_cpu_ms_per_night": round(sum(year.compact_cpu_ms for year in years) / len(years), 1),
                "rewritten": round(last.rewritten, 2),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=10 * YEAR, metavar="N", help="nights to play (3650)")
    parser.add_argument("--images", type=int, default=500, metavar="N", help="new images of each night (500)")
    parser.add_argument("--without", action="store_true", help="never write ledgers together")
    arguments = parser.parse_args()
    if min(arguments.nights, arguments.images) < 1:
        parser.error("at least 1 night and 1 image are needed")
    return arguments


if __name__ == "__main__":
    main()
