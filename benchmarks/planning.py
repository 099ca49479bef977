"""What planning costs beyond listing the bucket, which nothing can avoid, and how much memory it takes.

Lists a bucket of 1,000,000 photos three times over: with the S3 client alone, with `make_plan` where every image is
to be inferred, and with `make_plan` where every image is settled. Each runs in a fresh process; source is a server of
listing pages, models and results are in a real store. Where other programs run, the ratio of CPU times says more than that of
wall times.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from list_server import list_server
from plan_once import MODEL_NAME

from shoal.contract.model_file import MODEL_FILE
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model

TARGET_OF_LISTING = 1.25
TARGET_PEAK_BYTES = 500 * 1000**2
LISTING, FRESH, SETTLED = "bare listing", "plan, all new", "plan, all settled"
STEPS: Mapping[str, Sequence[str]] = {
    LISTING: ("list",),
    FRESH: ("plan", "--dataset", "fresh"),
    SETTLED: ("plan", "--dataset", "settled"),
}


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        root = Path(folder, "store")
        fill_store(root)
        with embedded_store(root, Path(folder, "store.log")) as store, list_server(arguments.keys) as source:
            environment = {**os.environ, **_code()}
            environment |= source.to_env("source") | store.to_env("models") | store.to_env("results")
            measured = _alternate(environment, arguments.rounds)
    _print_table(measured, arguments)


def fill_store(root: Path) -> None:
    """Lay an empty results bucket and a model into a store's folder."""
    (root / "results").mkdir(parents=True)
    model = root / "models" / MODEL_NAME / "v1" / MODEL_FILE
    model.parent.mkdir(parents=True)
    model.write_bytes(build_demo_model(VERSIONS["v1"], "v1"))


def _alternate(environment: Mapping[str, str], rounds: int) -> dict[str, list[dict[str, Any]]]:
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in STEPS}
    for number in range(rounds):
        for name, step in STEPS.items():
            if name == SETTLED and number == 0:
                run_step(
                    ("settle", "--dataset", "settled", "--listing", measured[FRESH][0]["listing_key"]), environment
                )
            measured[name].append(run_step(step, environment))
            print(f"round {number + 1}: {name} {measured[name][-1]['seconds']:.1f} s", file=sys.stderr)
    return measured


def run_step(step: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a step of plan_once.py in a process of its own; return what it says it took and found."""
    command = [sys.executable, str(Path(__file__).with_name("plan_once.py")), *step]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _print_table(measured: Mapping[str, Sequence[Mapping[str, Any]]], arguments: argparse.Namespace) -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"{arguments.keys} keys, median of {arguments.rounds} rounds, {cores} cores")
    print(
        f"{'':<20}{'listed':>10}{'to infer':>10}{'seconds':>9}{'x listing':>11}{'CPU s':>8}{'x listing':>11}{'peak MB':>9}"
    )
    for name, found in measured.items():
        wall, cpu = (
            f"{median(step[unit] for step in found):{width}.1f}"
            f"{median(step[unit] / base[unit] for step, base in zip(found, measured[LISTING], strict=True)):>11.2f}"
            for unit, width in (("seconds", 9), ("cpu_s", 8))
        )
        peak_mb = max(step["peak_bytes"] for step in found) / 1e6
        print(f"{name:<20}{found[0]['listed']:>10}{found[0].get('chosen', ''):>10}{wall}{cpu}{peak_mb:>9.0f}")
    print(f"targets: {TARGET_OF_LISTING} x listing, {TARGET_PEAK_BYTES / 1e6:.0f} MB")


def _code() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[1] / "include")}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N", help="keys in the bucket (1000000)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="times every case is measured (1)")
    arguments = parser.parse_args()
    if arguments.keys < 1 or arguments.rounds < 1:
        parser.error("at least 1 key and 1 round are needed")
    return arguments


if __name__ == "__main__":
    main()
