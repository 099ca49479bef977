"""The answer's state in two sentences: what became of every listed image, and of every examined one."""

from collections.abc import Mapping
from typing import Any

from shoal.contract.units import agreed
from shoal.results.fates import not_examined

_USES = {
    "duplicate": "that show what another one shows",
    "undated": "without a usable time",
    "unusable": "unusable by the dataset's rules",
    "failed": "that could not be opened",
}


def say_verdict(result: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[str, str]:
    """Write the two sentences.

    Args:
        result: The summary's result.
        run: What the report tells of the run, see `told.shown_of_run`.
    """
    fates, balance = run["fates"], result["balance"]
    left = [f"{images:,} {words}" for images, words in not_examined(fates)]
    out = [f"{balance[use]:,} {words}" for use, words in _USES.items() if balance[use]]
    whole = not (fates["unsettled"] or fates["pending"])
    state = "The answer is complete" if whole else "The answer is not complete"
    if fates["examined"] == run["listed"]:
        first = f"{state}: {_all(run['listed'], 'listed')} {agreed(run['listed'], 'were')} examined."
    else:
        examined = f"{fates['examined']:,} {agreed(fates['examined'], 'were')} examined"
        first = f"{state}: of {_images(run['listed'], 'listed')} {', '.join([examined, *left])}."
    if balance["used"] == result["examined"] > 1:
        return first, "All of them are used and counted in every number below."
    second = (
        f"Of {_images(result['examined'], 'examined')} {balance['used']:,} "
        f"{agreed(balance['used'], 'are')} used and counted in every number below"
        f"{'; in no number are ' + ', '.join(out) if out else ''}."
    )
    return first, second


def _images(count: int, kind: str) -> str:
    return f"{count:,} {kind} {'image' if count == 1 else 'images'}"


def _all(count: int, kind: str) -> str:
    return f"all {_images(count, kind)}" if count > 1 else f"the one {kind} image" if count else f"no {kind} image"
