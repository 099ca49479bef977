"""What each storm cost, a line per seed."""

import json
from datetime import UTC, datetime

from cluster.binaries import CHECKOUT
from faults.scenario import Scenario

RECORD = CHECKOUT / ".shoal/faults.jsonl"


def record(seed: int, scenario: Scenario, inferred_twice: int) -> None:
    """Add what a seed's storm cost."""
    faults = [
        {"fault": one.fault, "hit": one.hit, "at_s": round(one.began_s), "took_s": round(one.took_s)}
        for one in scenario.injected
    ]
    entry = {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "seed": seed,
        "transfer": scenario.dataset.cluster.pod.transfer,
        "faults": faults,
        "nights": scenario.nights,
        "inferred_twice": inferred_twice,
        "seconds_to_next_attempt": [round(gap, 1) for gap in scenario.seconds_to_next_attempt()],
    }
    with RECORD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
