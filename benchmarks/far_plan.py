"""What planning a hundred million images takes, told by what it takes for fewer.

Plans a bucket of `--keys` photos and one of a quarter of them: pages that never existed (list_server.py), no image store. Each is
planned with nothing known, then once more with the ledger of a run that processed all of them. Each plan is a process of its own,
measured whole. What `--target` photos would take is drawn on in a straight line through the two sizes. Shards are as many as
Airflow maps tasks at most, and what tells of each of them grows with them. Room is there for more pods than that.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from list_server import list_server
from planning import fill_store, run_step

from shoal.embedded.processes.rclone import embedded_store

QUARTER = 4
KINDS = {"listing": "listings/", "manifest": "manifest.parquet", "ledger": "/ledger/", "plan.json": "plan.json"}
"""Parts of keys of the results bucket, by what lies there."""

LINES = {
    "seconds": ("seconds", 1),
    "CPU s": ("cpu_s", 1),
    "peak of memory, MB": ("peak_bytes", 1e6),
    "scratch disk, MB": ("disk_bytes", 1e6),
}
"""What is shown of a plan: its field and its unit."""

SHARDS, OF_SHARDS = "shards", ("plan.json, MB", "XCom that maps them, MB")
MOST_SHARDS = 1024
"""Airflow's core.max_map_length, where nobody changed it."""


def main() -> None:
    """Measure both sizes and print them with what follows."""
    arguments = _arguments()
    sizes = [arguments.keys // QUARTER, arguments.keys]
    measured = [_measure(keys, arguments.folder) for keys in sizes]
    print(f"{arguments.target} photos, extrapolated from {arguments.keys}; {len(os.sched_getaffinity(0))} cores")
    print(f"{'':<40}" + "".join(f"{keys:>14}" for keys in [*sizes, arguments.target]))
    for name, *values in drawn_on(sizes, measured, arguments.target):
        print(f"{name:<40}" + "".join(f"{value:>14.1f}" for value in values))


def drawn_on(
    sizes: Sequence[int], measured: Sequence[Mapping[str, float]], target: int
) -> Iterator[tuple[str, float, float, float]]:
    """Draw straight lines through two sizes on to a third one; what does not grow stays."""
    smaller, larger = measured
    further = (target - sizes[1]) / (sizes[1] - sizes[0])
    shards = min(MOST_SHARDS, larger[SHARDS] + further * (larger[SHARDS] - smaller[SHARDS]))
    for name, value in larger.items():
        told = value + max(0.0, further * (value - smaller[name]))
        if name in OF_SHARDS:
            told = value * shards / larger[SHARDS]
        yield name, smaller[name], value, shards if name == SHARDS else told


def _measure(keys: int, folder: str | None) -> dict[str, float]:
    """Plan new images, settle them, plan them again."""
    with tempfile.TemporaryDirectory(prefix="far-plan-", dir=folder) as name:
        root = Path(name)
        fill_store(root / "store")
        (root / "tmp").mkdir()
        bucket = root / "store" / "results"
        with (
            embedded_store(root / "store", root / "store.log") as store,
            list_server(keys, "cameras", late=True) as source,
        ):
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "include")}
            environment |= {"TMPDIR": str(root / "tmp")}
            environment |= source.to_env("source") | store.to_env("models") | store.to_env("results")
            new = run_step(("plan", "--many-nodes", "--dataset", "far"), environment)
            print(f"{keys}: planned new", file=sys.stderr, flush=True)
            stored = _stored(bucket)
            run_step(("settle", "--dataset", "far", "--listing", new["listing_key"]), environment)
            again = run_step(("plan", "--many-nodes", "--dataset", "far"), environment)
            print(f"{keys}: planned again", file=sys.stderr, flush=True)
        stored["ledger"] = _stored(bucket)["ledger"]
    if (new["chosen"], again["reused"]) != (keys, keys):
        raise RuntimeError(f"{new['chosen']} of {keys} photos were chosen, {again['reused']} are settled")
    return {
        **_lines("new", new),
        **_lines("settled", again),
        **{f"{kind}, MB": size / 1e6 for kind, size in stored.items()},
        SHARDS: new["shards"],
        OF_SHARDS[1]: new["xcom_bytes"] / 1e6,
    }


def _lines(what: str, found: Mapping[str, Any]) -> dict[str, float]:
    return {f"{what}: {name}": found[field] / unit for name, (field, unit) in LINES.items()}


def _stored(bucket: Path) -> dict[str, int]:
    """Sum the bytes that lie in the results bucket."""
    files = [(f"/{path.relative_to(bucket)}", path.stat().st_size) for path in bucket.rglob("*") if path.is_file()]
    return {kind: sum(size for key, size in files if part in key) for kind, part in KINDS.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N", help="photos that are planned (1000000)")
    parser.add_argument("--target", type=int, default=100_000_000, metavar="N", help="photos it is drawn on to")
    parser.add_argument("--folder", help="where the results lie meanwhile (the folder for temporary files)")
    arguments = parser.parse_args()
    if not QUARTER * 1000 <= arguments.keys <= arguments.target:
        parser.error("at least 4000 keys are needed, and no more than the target")
    return arguments


if __name__ == "__main__":
    main()
