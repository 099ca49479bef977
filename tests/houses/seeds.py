"""Which seeds random tests run with, so that each of them can be replayed."""

import os
from collections.abc import Sequence

CHOSEN = "SHOAL_SEEDS"


def chosen_seeds(default: int) -> Sequence[int]:
    """`SHOAL_SEEDS=200` chooses the seeds below 200, `SHOAL_SEEDS=17,` that one, `SHOAL_SEEDS=17,23` those two."""
    chosen = os.environ.get(CHOSEN, str(default))
    return [int(seed) for seed in chosen.split(",") if seed] if "," in chosen else range(int(chosen))
