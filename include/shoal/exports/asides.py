"""What stands beside the numbers of an answer, in sentences: damaged images, and what lies in the bucket and is in no number."""

from collections.abc import Mapping
from typing import Any

from shoal.bucket.sieve import ListingCounts
from shoal.contract.rows import RESTORE
from shoal.contract.units import agreed


def describe_asides(result: Mapping[str, Any]) -> list[str]:
    """Tell it of a summary's result; nothing of one whose release did not store it yet."""
    return [*_damaged(result), *ListingCounts.of(result.get("left_out", {})).describe()]


def describe_unread(balance: Mapping[str, int]) -> list[str]:
    """Tell of listed images that no later run looks at by itself: in an archive, or refused by the store.

    A run is complete with them, so that its numbers would pass for those of all images.

    Args:
        balance: `listed` and the fates; one of an earlier release knows none of these.
    """
    ways_out = {
        "archived": ("they lie in an archive of the store's", f": {RESTORE}"),
        "denied": ("the store gave others and not these", " - failures.csv says why; mend that, then run again"),
    }
    return [
        f"{count} of {balance['listed']} listed images ({100 * count / balance['listed']:.3g} %) {agreed(count, 'are')} {fate} "
        f"and in no number: {agreed(count, why)}{way_out}"
        for fate, (why, way_out) in ways_out.items()
        if (count := balance.get(fate, 0))
    ]


def _damaged(result: Mapping[str, Any]) -> list[str]:
    by_words = result.get("damaged_by_words", {})
    images = sum(by_words.values())
    if not images:
        return []
    kinds = ", ".join(
        f"{words} {count}" for words, count in sorted(by_words.items(), key=lambda kind: (-kind[1], kind[0]))
    )
    what = f"{images} image{' is' if images == 1 else 's are'} damaged inside ({kinds})"
    if result["settings"]["usable"].get("damaged"):
        return [f"{what} and counted like whole ones, as usable.damaged: true says"]
    return [
        f"{what}, and so unusable: in no number - usable.damaged: true in the dataset file counts them, without new inference"
    ]
