"""How far two people agree who looked at the same images: where they do not, no model can be judged by either."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class AgreementOfTwo:
    """Of one taxon.

    Attributes:
        images: Both looked at.
        equal: Share of them in which both counted as many.
        kappa: Cohen's, of whether it is there at all; None where both saw it everywhere or nowhere.
    """

    images: int
    equal: float
    kappa: float | None


def agreement_of_two(counts: Iterable[tuple[int, int]]) -> AgreementOfTwo:
    """Compare what two people counted; Cohen (1960), A coefficient of agreement for nominal scales.

    Args:
        counts: Of the first and of the second one, for each image; at least one.
    """
    pairs = list(counts)
    images = len(pairs)
    equal = sum(first == second for first, second in pairs) / images
    both = sum((first > 0) == (second > 0) for first, second in pairs) / images
    first, second = (sum(pair[side] > 0 for pair in pairs) / images for side in (0, 1))
    by_chance = first * second + (1 - first) * (1 - second)
    return AgreementOfTwo(images, equal, None if by_chance == 1 else (both - by_chance) / (1 - by_chance))
