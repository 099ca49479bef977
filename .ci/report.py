"""Prints how long CI's lanes and files took, and writes .shoal/durations.json: `make durations` makes it the record."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deal import CHECKOUT, LANES, LINT, read_record, test_files

MEASURED = CHECKOUT / ".shoal/durations.json"
SLOWEST, DEAREST = 15, 40
ADDITIONS = 20_000_000


def table(lanes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Show lanes, then the slowest files, and those that took most CPU.

    Args:
        lanes: Name -> what `tests/houses/durations.py` wrote.
    """
    lines = ["lane       files  wall s   CPU s"]
    for name, lane in lanes.items():
        cpu_s = sum(lane.get("cpu_s", {}).values())
        lines.append(f"{name:<10} {len(lane['files']):>5} {lane['wall_s']:>7.0f} {cpu_s:>7.0f}")
    for title, part, most in (
        (f"the {SLOWEST} slowest files, s", "files", SLOWEST),
        (f"the {DEAREST} that took most CPU, s", "cpu_s", DEAREST),
    ):
        took = sorted(((s, file) for lane in lanes.values() for file, s in lane.get(part, {}).items()), reverse=True)
        lines += ["", title, *(f"{s:>7.0f}  {file}" for s, file in took[:most])]
    return lines


def merged(record: Mapping[str, float], lanes: Mapping[str, Mapping[str, Any]], files: list[str]) -> dict[str, float]:
    """Bring the record up to date: what was not run keeps its seconds, what is gone goes."""
    measured = {file: seconds for lane in lanes.values() for file, seconds in lane["files"].items()}
    now = {**record, **measured}
    return {file: round(now[file], 1) for file in sorted([*files, LINT]) if file in now}


def pace() -> str:
    """Tell how fast this machine is by itself: minutes of two machines, or of one beside strangers, are compared by it."""
    began, number = time.process_time(), 0
    while number < ADDITIONS:
        number += 1
    return f"{time.process_time() - began:.1f} s for {ADDITIONS // 10**6} million additions of Python's"


def read_lanes(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what each lane measured; a lane that was ended early has measured nothing."""
    found = {}
    for name in (*(f"lane {number}" for number in range(LANES)), "lint"):
        path = folder / f"{name.replace(' ', '-')}.json"
        if path.exists():
            found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    measured_lanes = read_lanes(CHECKOUT / ".shoal")
    print("\n".join([*table(measured_lanes), "", f"this machine takes {pace()}"]))
    content = merged(read_record(), measured_lanes, test_files())
    MEASURED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if len(measured_lanes) == LANES + 1 else 1)
