"""How much of the bare inference speed the worker keeps, and how it scales from one process to two.

All processes run one thread on one CPU of their own; the store runs on the last CPU. The cases alternate, and the
medians of all rounds are compared. `pinned_process` says how a rate is measured; start-up is measured apart.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median

import photos
from pinned_process import LEFT_OUT, Speed, run_side_by_side
from shards import PlannedWork, Workplace

from shoal.embedded.processes.rclone import embedded_store

LEAST_IMAGES = 3 * LEFT_OUT
TARGET_OF_BARE = 0.85
TARGET_PER_CORE = 0.95
UNDISTURBED = 0.95
"""Share of a CPU that a loop which never waits gets on an idle machine, at least."""
BARE, WORKER, TWO_BARE, TWO_WORKERS = "bare loop", "worker", "2 bare loops", "2 workers"

Rounds = Mapping[str, Sequence[Sequence[Speed]]]
"""By case: for each round, the speed of each process."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("Two CPUs are needed, this process may use 1 - run it on a larger machine")
    os.sched_setaffinity(0, {cpus[-1]})  # the store inherits it
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        place = Workplace(Path(folder, "store"), arguments.images)
        place.fill()
        with embedded_store(place.root, Path(folder, "store.log")) as access:
            one, two = place.plan(access, 1), place.plan(access, 2)
            rounds = _alternate(_cases(place, one, two, cpus), arguments.rounds)
    _print_table(rounds, arguments, len(cpus))


def _cases(
    place: Workplace, one: PlannedWork, two: PlannedWork, cpus: Sequence[int]
) -> Mapping[str, Callable[[], list[Speed]]]:
    bare = [sys.executable, str(Path(__file__).with_name("bare_loop.py"))]
    bare += ["--model", str(place.model), "--images", str(place.images)]
    code = {"PYTHONPATH": str(Path(__file__).parents[1] / "include")}
    environment = {**one.stores.worker_env(), **code}
    return {
        BARE: lambda: run_side_by_side([bare], code, cpus),
        WORKER: lambda: run_side_by_side(one.commands(), environment, cpus),
        TWO_BARE: lambda: run_side_by_side([bare, bare], code, cpus),
        TWO_WORKERS: lambda: run_side_by_side(two.commands(), environment, cpus),
    }


def _alternate(cases: Mapping[str, Callable[[], list[Speed]]], rounds: int) -> Rounds:
    measured: dict[str, list[Sequence[Speed]]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, measure in cases.items():
            measured[name].append(measure())
            rate = sum(speed.images_per_s for speed in measured[name][-1])
            print(f"round {number + 1}: {name} {rate:.2f} images/s", file=sys.stderr)
    return measured


def _print_table(rounds: Rounds, arguments: argparse.Namespace, cores: int) -> None:
    print(
        f"YOLOv8n, 640 x 640, photos of {photos.WIDTH} x {photos.HEIGHT} px, {arguments.images} per process, "
        f"median of {arguments.rounds} rounds, {cores} cores"
    )
    print(f"{'':<14}{'images/s':>10}{'per core':>10}{'CPU ms/image':>14}{'CPU share':>11}{'start-up s':>12}")
    for name in rounds:
        _print_case(name, rounds[name])
    _print_ratio("worker / bare loop", rounds, WORKER, BARE, TARGET_OF_BARE)
    _print_ratio("2 workers / worker, per core", rounds, TWO_WORKERS, WORKER, TARGET_PER_CORE)
    _print_ratio("2 bare loops / bare loop, per core", rounds, TWO_BARE, BARE, None)
    if min(median(map(_cpu_share, rounds[name])) for name in (BARE, TWO_BARE)) < UNDISTURBED:
        print("Other programs took CPU time from the bare loops: here the ratios by CPU time say more")


def _print_case(name: str, found: Sequence[Sequence[Speed]]) -> None:
    per_core, cpu_ms = median(map(_per_core, found)), median(map(_cpu_s, found)) * 1000
    share, start_s = median(map(_cpu_share, found)), median(map(_start_s, found))
    start = f"{start_s:.1f}" if name in {WORKER, TWO_WORKERS} else ""
    print(f"{name:<14}{per_core * len(found[0]):>10.2f}{per_core:>10.2f}{cpu_ms:>14.1f}{share:>11.2f}{start:>12}")


def _print_ratio(title: str, rounds: Rounds, case: str, base: str, target: float | None) -> None:
    """Compare two cases round by round: a machine that slows down slows both."""
    pairs = list(zip(rounds[case], rounds[base], strict=True))
    wall = median(_per_core(speeds) / _per_core(bases) for speeds, bases in pairs)
    cpu = median(_cpu_s(bases) / _cpu_s(speeds) for speeds, bases in pairs)
    aim = f" (target {target})" if target else " (what this machine allows)"
    print(f"{title}: {wall:.3f} by wall time{aim}, {cpu:.3f} by CPU time")


def _per_core(speeds: Sequence[Speed]) -> float:
    return mean(speed.images_per_s for speed in speeds)


def _cpu_s(speeds: Sequence[Speed]) -> float:
    return mean(speed.cpu_s_per_image for speed in speeds)


def _cpu_share(speeds: Sequence[Speed]) -> float:
    return mean(speed.cpu_share for speed in speeds)


def _start_s(speeds: Sequence[Speed]) -> float:
    return max(speed.start_s for speed in speeds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60, metavar="N", help="photos per process (60)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="times every case is measured (3)")
    arguments = parser.parse_args()
    if arguments.images < LEAST_IMAGES or arguments.rounds < 1:
        parser.error(f"at least {LEAST_IMAGES} images and 1 round are needed")
    return arguments


if __name__ == "__main__":
    main()
