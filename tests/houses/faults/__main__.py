"""Print the table of what was broken and what it cost: `make soak` ends with it."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from faults.faults import FAULTS
from faults.record import RECORD

Entry = Mapping[str, Any]


def main() -> int:
    """Print a Markdown table per fault and the figures of all seeds."""
    if not RECORD.exists():
        print("nothing was recorded - first: make soak")
        return 1
    entries = [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]
    print("\n".join([*_table(entries), "", *_figures(entries)]))
    return 0


def _table(entries: Iterable[Entry]) -> list[str]:
    hits: dict[str, list[Entry]] = defaultdict(list)
    misses: dict[str, int] = defaultdict(int)
    for entry in entries:
        for fault in entry["faults"]:
            if fault["hit"]:
                hits[fault["fault"]].append(entry)
            else:
                misses[fault["fault"]] += 1
    lines = ["| Fault | Seeds it hit | Found nothing to hit | Nights until whole, at most |", "|---|---|---|---|"]
    for fault in FAULTS:
        found = hits[fault.name]
        nights = max((entry["nights"] for entry in found), default=0)
        lines.append(f"| {fault.name} | {len(found)} | {misses[fault.name]} | {nights or '-'} |")
    return lines


def _figures(entries: list[Entry]) -> list[str]:
    gaps = [gap for entry in entries for gap in entry["seconds_to_next_attempt"]]
    attempts = f", median {median(gaps):.1f} s, at most {max(gaps):.1f} s" if gaps else ""
    return [
        f"{len(entries)} seeds whose answer was that of a quiet night, every image accounted for.",
        f"Nights until whole: {max(entry['nights'] for entry in entries)} at most.",
        f"Images inferred twice: {sum(entry['inferred_twice'] for entry in entries)} in all seeds.",
        f"From a failed attempt to the next: {len(gaps)} times{attempts}.",
    ]


if __name__ == "__main__":
    sys.exit(main())
