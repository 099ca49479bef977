"""How much of the bare inference speed the worker keeps, and how it scales from one process to two.

For photos of several sizes, and for a store that answers at once and one further away. All processes run one thread on one CPU of
their own; the store runs on the last CPU. The cases alternate, and the medians of all rounds are compared. `pinned_process` says
how a rate is measured; start-up is measured apart.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, median

import photos
from far_store import far_store
from pinned_process import LEFT_OUT, Speed, run_side_by_side
from shards import Workplace

from shoal.embedded.processes.rclone import embedded_store

LEAST_IMAGES = 3 * LEFT_OUT
TARGET_OF_BARE = 0.92
TARGET_OF_SCALING = 0.97
UNDISTURBED = 0.95
"""Share of a CPU that a loop which never waits gets on an idle machine, at least."""
BARE, DECODING, WORKER = "bare loop", "decoding loop", "worker"
DISTINCT = {4: 24, 12: 8, 50: 3}
"""Photos drawn, by megapixels."""

Rounds = Mapping[str, Sequence[Sequence[Speed]]]
"""By case: for each round, the speed of each process."""
Cases = Mapping[str, Callable[[], list[Speed]]]


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("Two CPUs are needed, this process may use 1 - run it on a larger machine")
    os.sched_setaffinity(0, {cpus[-1]})  # the store inherits it
    print(
        f"YOLOv8n, 640 x 640, {arguments.images} photos per process, median of {arguments.rounds} rounds, {len(cpus)} cores"
    )
    for megapixels in arguments.megapixels:
        with _cases(megapixels, arguments, cpus) as cases:
            _print_table(megapixels, _alternate(cases, arguments.rounds), arguments.latency_ms)


@contextmanager
def _cases(megapixels: int, arguments: argparse.Namespace, cpus: Sequence[int]) -> Iterator[Cases]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shoal-bench-"))
        size, distinct = photos.SIZES[megapixels], DISTINCT[megapixels]
        place = Workplace(Path(folder, "store"), arguments.images, size=size, distinct=distinct)
        place.fill()
        access = stack.enter_context(embedded_store(place.root, Path(folder, "store.log")))
        bare = [sys.executable, str(Path(__file__).with_name("bare_loop.py"))]
        bare += ["--model", str(place.model), "--photos", str(place.photos), "--images", str(place.images)]
        code = {"PYTHONPATH": str(Path(__file__).parents[1] / "include")}
        cases: dict[str, Callable[[], list[Speed]]] = {}

        def add(name: str, commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> None:
            cases[name] = lambda: run_side_by_side(commands, environment, cpus)

        for processes in (1, 2):
            add(_times(processes, BARE), [bare] * processes, code)
            add(_times(processes, DECODING), [[*bare, "--decode"]] * processes, code)
            for delay_ms in arguments.latency_ms:
                work = place.plan(stack.enter_context(far_store(access, delay_ms)), processes)
                add(_times(processes, _away(delay_ms)), work.commands(), {**work.stores.worker_env(), **code})
        yield cases


def _times(processes: int, name: str) -> str:
    return name if processes == 1 else f"{processes} x {name}"


def _away(delay_ms: float) -> str:
    return f"{WORKER}, {delay_ms:g} ms away"


def _alternate(cases: Cases, rounds: int) -> Rounds:
    measured: dict[str, list[Sequence[Speed]]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, measure in cases.items():
            measured[name].append(measure())
            rate = sum(speed.images_per_s for speed in measured[name][-1])
            print(f"round {number + 1}: {name} {rate:.2f} images/s", file=sys.stderr)
    return measured


def _print_table(megapixels: int, rounds: Rounds, delays_ms: Sequence[float]) -> None:
    width, height = photos.SIZES[megapixels]
    title = f"{width} x {height} px"
    print(f"\n{title:<26}{'images/s':>10}{'per core':>10}{'CPU ms/image':>14}{'CPU share':>11}{'start-up s':>12}")
    for name in rounds:
        _print_case(name, rounds[name])
    print(f"{'':<42}{'by wall time':>13}{'by CPU time':>13}")
    for delay_ms in delays_ms:
        worker = _away(delay_ms)
        _print_ratio(rounds, worker, BARE, f"target {TARGET_OF_BARE}")
        _print_ratio(rounds, worker, DECODING, "")
        _print_scaling(rounds, worker)
    if min(median(map(_cpu_share, rounds[name])) for name in (BARE, _times(2, BARE))) < UNDISTURBED:
        print("Other programs took CPU time from the bare loops: here the ratios by CPU time say more")


def _print_scaling(rounds: Rounds, worker: str) -> None:
    """Compare how two workers share the machine with how two bare loops do, in the same rounds."""
    shares = []
    for of in (_wall_ratios, _cpu_ratios):
        ours, bare = of(rounds, _times(2, worker), worker), of(rounds, _times(2, BARE), BARE)
        shares.append(median(one / other for one, other in zip(ours, bare, strict=True)))
    title = f"{_times(2, worker)} / 2 x {BARE}, scaling"
    print(f"{title:<42}{shares[0]:>13.3f}{shares[1]:>13.3f}  (target {TARGET_OF_SCALING})")


def _print_case(name: str, found: Sequence[Sequence[Speed]]) -> None:
    per_core, cpu_ms = median(map(_per_core, found)), median(map(_cpu_s, found)) * 1000
    share, start_s = median(map(_cpu_share, found)), median(map(_start_s, found))
    start = f"{start_s:.1f}" if WORKER in name else ""
    print(f"{name:<26}{per_core * len(found[0]):>10.2f}{per_core:>10.2f}{cpu_ms:>14.1f}{share:>11.2f}{start:>12}")


def _print_ratio(rounds: Rounds, case: str, base: str, aim: str) -> None:
    """Compare two cases round by round: a machine that slows down slows both."""
    wall, cpu = median(_wall_ratios(rounds, case, base)), median(_cpu_ratios(rounds, case, base))
    title = f"{case} / {base}"
    print(f"{title:<42}{wall:>13.3f}{cpu:>13.3f}{f'  ({aim})' if aim else ''}")


def _wall_ratios(rounds: Rounds, case: str, base: str) -> list[float]:
    return [_per_core(ours) / _per_core(other) for ours, other in zip(rounds[case], rounds[base], strict=True)]


def _cpu_ratios(rounds: Rounds, case: str, base: str) -> list[float]:
    return [_cpu_s(other) / _cpu_s(ours) for ours, other in zip(rounds[case], rounds[base], strict=True)]


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
    parser.add_argument(
        "--megapixels", type=int, nargs="+", choices=photos.SIZES, default=list(photos.SIZES), metavar="MP"
    )
    parser.add_argument(
        "--latency-ms", type=float, nargs="+", default=[0, 20], metavar="MS", help="of the store (0 20)"
    )
    arguments = parser.parse_args()
    if arguments.images < LEAST_IMAGES or arguments.rounds < 1:
        parser.error(f"at least {LEAST_IMAGES} images and 1 round are needed")
    return arguments


if __name__ == "__main__":
    main()
