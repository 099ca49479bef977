"""What became of every listed image of a run, as report and citation say it."""

from collections.abc import Iterator, Mapping

from shoal.contract.rows import FATES

_EXAMINED = ("reused", "processed", "failed")

_WORDS = {
    "archived": "in an archive of the store's",
    "denied": "refused by the store",
    "changed": "changed meanwhile",
    "gone": "gone meanwhile",
    "unsettled": "without a result",
    "pending": "left for later runs",
}


def fates_of(balance: Mapping[str, int]) -> dict[str, int]:
    """Count listed images by what became of them: `examined`, whoever did it and whatever was seen, and each other fate."""
    examined = sum(balance[fate] for fate in _EXAMINED)
    return {"examined": examined, **{fate: balance[fate] for fate in FATES if fate not in _EXAMINED}}


def not_examined(fates: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """Say of how many images that were listed and not examined what is the case."""
    yield from ((fates[fate], words) for fate, words in _WORDS.items() if fates[fate])
