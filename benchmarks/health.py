"""Camera health: which planted troubles are found from the images up to three days later, and how many alarms are false.

Thresholds were fixed on seeds 0 to 99 of one generator of cameras, `shallow`; the figures are of other seeds of another one,
`deep`, that shares no rule with it: see planted_cameras.py. A trouble is found where the command, given all images up to three
days of images after it began, names it in its time; one that begins slowly begins when it is more than weather (fouling: half of
the sharpness). False alarms are findings of cameras without a trouble, and of those with some outside of them.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from planted_cameras import DAY_S, GENERATORS, YEAR, Camera

from shoal.answers.columns import DETECTIONS, IMAGES
from shoal.evidence.health.finding import Finding
from shoal.evidence.health.found import find_health
from shoal.settings.dataset import Run
from shoal.tables.session import Database, open_database

WITHIN_DAYS = 3
LEAST_FOUND, MOST_FALSE = 0.95, 1.0
KINDS = ("fouling", "lights", "moved", "frozen", "clock", "scores")


@dataclass
class Tally:
    """What was found of many cameras."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    false_beside: Counter[str] = field(default_factory=Counter)
    quiet_years: int = 0
    troubled_years: int = 0
    images: int = 0


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    make, first, count = GENERATORS[arguments.generator], arguments.first_seed, arguments.seeds
    tally = Tally()
    for seed in range(first, first + count):
        _add_quiet(tally, make(seed, troubles=False), arguments.verbose, seed)
        _add_troubled(tally, make(seed, troubles=True), arguments.verbose, seed)
    _print_table(tally, f"{arguments.generator}, seeds {first} to {first + count - 1}")


def _add_quiet(tally: Tally, camera: Camera, verbose: bool, seed: int) -> None:
    with _loaded(camera) as database:
        found = find_health(database)
    tally.quiet_years += 1
    tally.images += len(camera.taken)
    tally.false.update(str(one.trouble) for one in found)
    if verbose:
        for one in found:
            print("false", seed, one.trouble, one.start, one.end, one.size, one.why)


def _add_troubled(tally: Tally, camera: Camera, verbose: bool, seed: int) -> None:
    with _loaded(camera) as database:
        database.run("ALTER VIEW images RENAME TO all_images")
        database.run("ALTER VIEW detections RENAME TO all_detections")
        for kind in camera.planted:
            tally.planted[kind] += 1
            tally.found[kind] += _is_found(database, camera, kind, verbose, seed)
        _look_until(database, float("inf"))
        found = find_health(database)
    tally.troubled_years += 1
    tally.images += len(camera.taken)
    beside = [one for one in found if not any(_is_of(one, camera, kind) for kind in camera.planted)]
    tally.false_beside.update(str(one.trouble) for one in beside)
    if verbose:
        for one in beside:
            print("beside", seed, one.trouble, one.start, one.end, one.size, one.why)


def _is_found(database: Database, camera: Camera, kind: str, verbose: bool, seed: int) -> bool:
    """Ask with the images up to three days of images after the trouble is one."""
    days = np.unique(camera.taken[camera.taken >= camera.planted[kind][2]] // DAY_S)
    _look_until(database, (days[WITHIN_DAYS] if len(days) > WITHIN_DAYS else days[-1] + 1) * DAY_S)
    found = find_health(database)
    hit = any(str(one.trouble) == kind and _is_of(one, camera, kind) for one in found)
    if verbose and not hit:
        print(
            "missed",
            seed,
            kind,
            [_moment(at) for at in camera.planted[kind]],
            [(str(one.trouble), one.start) for one in found],
        )
    return hit


def _is_of(found: Finding, camera: Camera, kind: str) -> bool:
    """Whether a finding is of a trouble: it lies in its time, or two days around, and shows what such a trouble does."""
    first, last, _ = camera.planted[kind]
    begins = min(len(camera.taken) - 1, int(np.searchsorted(camera.taken, first)))
    ahead = 0.0 if kind == "clock" else float(camera.captured[begins] - camera.taken[begins])
    first, last = first + ahead, last + ahead  # as the camera's clock has it
    if kind in {"moved", "clock"}:
        return str(found.trouble) == kind and abs(found.start.timestamp() - first) <= 5 * DAY_S + _leap(camera, kind)
    shows = {"fouling": {"fouling", "scores", "moved"}, "lights": {"lights", "dark", "scores"}}.get(kind, {kind})
    return str(found.trouble) in shows and found.overlaps(_moment(first - 2 * DAY_S), _moment(last + 2 * DAY_S))


def _leap(camera: Camera, kind: str) -> float:
    return float(np.max(np.abs(camera.captured - camera.taken))) if kind == "clock" else 0.0


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


class _loaded:  # noqa: N801 - a with statement reads like a call
    """A session with a camera's year as the views of an answer, as far as they are read."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._session = open_database(None, Run(memory="512Mi", threads=1))

    def __enter__(self) -> Database:
        database = self._session.__enter__()
        camera = self._camera
        numbers = np.packbits(camera.bits, axis=1).view(">u8").ravel()
        columns: dict[str, tuple[str, Iterable[object]]] = {
            "taken": ("DOUBLE", camera.taken.tolist()),
            "captured": ("DOUBLE", camera.captured.tolist()),
            "modified": ("DOUBLE", camera.modified.tolist()),
            "luma_mean": ("FLOAT", camera.luma.tolist()),
            "luma_std": ("FLOAT", camera.contrast.tolist()),
            "sharpness": ("FLOAT", camera.sharpness.tolist()),
            "dhash": ("UBIGINT", numbers.tolist()),
            "size_bytes": ("BIGINT", camera.size.tolist()),
            "score": ("DOUBLE", [None if np.isnan(one) else one for one in camera.score.tolist()]),
        }
        selected = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, (kind, _) in columns.items())
        database.run(f"CREATE TABLE year AS SELECT {selected}", [list(values) for _, values in columns.values()])
        common = (
            "printf('c/%012d.jpg', taken::BIGINT) AS key, 'c' AS camera, 'used' AS use, taken, "
            "make_timestamp((captured * 1e6)::BIGINT) AS captured_at"
        )
        measured = "luma_mean, luma_std, sharpness, dhash, size_bytes"
        _view(
            database,
            "images",
            IMAGES,
            f"SELECT {common}, make_timestamp((modified * 1e6)::BIGINT) AS last_modified, {measured} FROM year",
        )
        _view(
            database,
            "detections",
            DETECTIONS,
            f"SELECT {common}, 'count' AS role, score AS confidence FROM year WHERE score IS NOT NULL",
        )
        return database

    def __exit__(self, *error: object) -> None:
        self._session.__exit__(None, None, None)


def _view(database: Database, name: str, columns: dict[str, str], query: str) -> None:
    there = [row[0] for row in database.run(f"DESCRIBE {query}").fetchall()]
    chosen = ", ".join(
        f"{column if column in there else 'NULL'}::{kind} AS {column}" for column, kind in columns.items()
    )
    database.run(f"CREATE VIEW {name} AS SELECT {chosen}, taken FROM ({query})")


def _look_until(database: Database, taken: float) -> None:
    for name in ("images", "detections"):
        database.run(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * EXCLUDE (taken) FROM all_{name} WHERE taken < '{taken}'::DOUBLE"
        )


def _print_table(tally: Tally, what: str) -> None:
    years = tally.quiet_years + tally.troubled_years
    print(f"{what}: {years} camera years of {YEAR} days, {tally.images} images")
    print(f"{'':<12}{'planted':>9}{'found within 3 days':>21}{'false a quiet year':>20}{'a troubled one':>16}")
    for kind in (*KINDS, "dark"):
        planted, found = tally.planted[kind], tally.found[kind]
        share = f"{found / planted:.1%}" if planted else ""
        quiet, beside = tally.false[kind] / tally.quiet_years, tally.false_beside[kind] / tally.troubled_years
        print(f"{kind:<12}{planted:>9}{share:>21}{quiet:>20.2f}{beside:>16.2f}")
    planted, found = sum(tally.planted.values()), sum(tally.found.values())
    quiet = sum(tally.false.values()) / tally.quiet_years
    beside = sum(tally.false_beside.values()) / tally.troubled_years
    print(f"{'all':<12}{planted:>9}{found / planted:>21.1%}{quiet:>20.2f}{beside:>16.2f}")
    print(
        f"{'target':<12}{'':>9}{f'at least {LEAST_FOUND:.0%}':>21}{f'at most {MOST_FALSE:g}':>20}{f'at most {MOST_FALSE:g}':>16}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", choices=GENERATORS, default="deep", help="of the cameras (deep)")
    parser.add_argument(
        "--seeds", type=int, default=12, metavar="N", help="cameras, a year with and one without troubles (12)"
    )
    parser.add_argument("--first-seed", type=int, default=2000, metavar="N", help="of these (2000)")
    parser.add_argument("--verbose", action="store_true", help="also each miss and each false alarm")
    return parser.parse_args()


if __name__ == "__main__":
    main()
