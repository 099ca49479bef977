"""The way out where a stored JSON object is none of Shoal's any more, by its key, and what is lost on it."""

import re

from shoal.contract.minted_names import RUN_KEY

DAMAGED_CURRENT = "restore it, or delete it: the next complete run becomes the answer"
DAMAGED_PLAN = (
    "restore it, or start a new run; where nobody can restore it, or it never was Shoal's, delete it once no worker of its run "
    "is left: all rows stay, and that run can be verified, exported and counted again no more"
)
DAMAGED_SUMMARY = "restore it, or clear task summarize of its Dag run"
DAMAGED_ATTEMPT = "restore it, or delete it: it tells of an attempt that failed, and no more"

_WAYS_OUT = (
    (r"current\.json", DAMAGED_CURRENT),
    (rf"runs/{RUN_KEY}/plan\.json", DAMAGED_PLAN),
    (rf"runs/{RUN_KEY}/summary\.json", DAMAGED_SUMMARY),
    (rf"runs/{RUN_KEY}/attempts/[^/]+\.json", DAMAGED_ATTEMPT),
)


def way_out_of(key: str) -> str:
    """Say what to do about a damaged object of this name."""
    for pattern, way_out in _WAYS_OUT:
        if re.search(rf"(?:^|/){pattern}\Z", key):
            return way_out
    return "restore it"
