"""Deals the files of tests to CI's lanes, longest first by .ci/durations.json: one line of files a lane.

A lane is one run of pytest, one file after the other, with a test cluster of its own if it needs one. What must be
known of files stands in GROUPS; the first group that has a file counts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
RECORD = CHECKOUT / ".ci/durations.json"

LANES = 4
"""More would not help two processors: two of these wait for pods most of the time, and the others give way to them."""
WITH_CLUSTER = (0, 1)
LINT, LINT_LANE = "make lint", 2
"""What a lane does before its tests, as it is called in the record."""


@dataclass(frozen=True)
class Group:
    """Files of which the same is to be known.

    Attributes:
        name: What they are.
        patterns: Of their paths.
        guess_s: How long a file takes that is not in the record.
        lanes: Where they may run; empty: anywhere.
        together: They share a fixture that takes long: one lane, one after the other by name.
        turn: What has a higher one comes later in its lane: what needs no cluster while it is built, what leaves an
            Airflow running until the end after all that would suffer from it.
    """

    name: str
    patterns: tuple[str, ...]
    guess_s: float
    lanes: tuple[int, ...] = ()
    together: bool = False
    turn: int = 0


GROUPS = (
    Group("breaks everything at random moments", ("tests/stories/faults/test_*.py",), 400, (0,), together=True, turn=1),
    Group(
        "breaks the cluster",
        ("tests/houses/cluster/test_cluster.py", "tests/houses/cluster/test_down.py"),
        120,
        (0,),
        turn=1,
    ),
    Group("has an engine on the cluster's bridge", ("tests/stories/deploy/test_compose.py",), 400, (0,), turn=1),
    Group(
        "pods in peace, or on a cluster that an admin has set up otherwise",
        tuple(
            f"tests/stories/pods/test_{name}.py"
            for name in (
                "bad_cluster",
                "foreign_containers",
                "in_cluster",
                "mounts",
                "one_pod",
                "production",
                "service",
            )
        ),
        120,
        WITH_CLUSTER,
        turn=1,
    ),
    Group(
        "nights of one Airflow whose workers are pods",
        ("tests/stories/pods/test_*.py", "tests/stories/tiers/test_*.py"),
        120,
        (1,),
        together=True,
        turn=2,
    ),
    Group(
        "months of an Airflow of its own",
        ("tests/stories/airflow/test_releases.py", "tests/stories/airflow/test_together.py"),
        300,
    ),
    Group(
        "commands in one installation",
        tuple(f"tests/stories/airflow/test_{name}.py" for name in ("bad_data", "check_beside_up", "demo", "up")),
        120,
        together=True,
    ),
    Group(
        "one control plane without nodes",
        tuple(
            f"tests/stories/scheduler/test_{name}.py"
            for name in ("capacity", "capacity_dag", "cluster", "fit_command", "real_scheduler")
        ),
        30,
        together=True,
    ),
    Group(
        "one answer over hostile names",
        (
            "tests/docs/test_python_page.py",
            "tests/unit/answers/test_*.py",
            "tests/unit/cli/test_export.py",
            "tests/unit/exports/test_boxes_and_series.py",
            "tests/unit/exports/test_on_demand.py",
        ),
        3,
        together=True,
    ),
    Group("all others", ("tests/*.py",), 10),
)


@dataclass(frozen=True)
class Hand:
    """What goes to one lane as a whole."""

    group: Group
    files: tuple[str, ...]
    seconds: float


def deal(files: Iterable[str], record: Mapping[str, float]) -> list[list[str]]:
    """Give each lane its files in the order in which it runs them.

    Args:
        files: Paths from the checkout's root.
        record: File -> seconds it took.
    """
    loads = [0.0] * LANES
    loads[LINT_LANE] = record.get(LINT, 90.0)
    lanes: list[list[Hand]] = [[] for _ in loads]
    # What has one place only comes first: all else can go around it.
    for hand in sorted(hands(files, record), key=lambda hand: (len(hand.group.lanes) != 1, -hand.seconds)):
        lane = min(hand.group.lanes or range(LANES), key=lambda lane: loads[lane])
        lanes[lane].append(hand)
        loads[lane] += hand.seconds
    return [_in_turn(lane) for lane in lanes]


def hands(files: Iterable[str], record: Mapping[str, float]) -> list[Hand]:
    """Put together what stays together."""
    by_group: dict[Group, list[str]] = {}
    for file in sorted(files):
        by_group.setdefault(group_of(file), []).append(file)
    parts = [(group, part) for group, members in by_group.items() for part in _parts(group, members)]
    return [Hand(group, part, sum(record.get(file, group.guess_s) for file in part)) for group, part in parts]


def group_of(file: str) -> Group:
    """Find the first group that has a file."""
    return next(group for group in GROUPS if any(fnmatch(file, pattern) for pattern in group.patterns))


def test_files() -> list[str]:
    """List every file with tests."""
    return sorted(str(path.relative_to(CHECKOUT)) for path in CHECKOUT.glob("tests/**/test_*.py"))


def read_record() -> dict[str, float]:
    """Read how long each file took."""
    record: dict[str, float] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def _parts(group: Group, files: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(files)] if group.together else [(file,) for file in files]


def _in_turn(lane: Sequence[Hand]) -> list[str]:
    ordered = sorted(lane, key=lambda hand: (hand.group.turn, -hand.seconds))
    return [file for hand in ordered for file in hand.files]


if __name__ == "__main__":
    for one in deal(test_files(), read_record()):
        print(*one)
