"""With which probability each image is drawn: so many labels, dealt to strata, and there in proportion to the error expected.

A difference estimator (prediction + weighted difference of label and prediction) is narrowest where the probability is
proportional to the size of that difference (Särndal, Swensson and Wretman 1992, Model Assisted Survey Sampling, 12.2; for groups
that is Neyman's allocation). To draw by the count instead makes it wider than drawing uniformly. No probability is below a floor:
what is never drawn can never be corrected, and what is drawn seldom has a weight that alone decides a total.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

Allocation = Literal["proportional", "equal"]

FLOOR = 0.2
"""No probability is below this share of what all images of the stratum would have alike: no weight is above five times that."""

Stratum = TypeVar("Stratum", bound=Hashable)


@dataclass(frozen=True)
class Group:
    """Images of the frame with one probability.

    Attributes:
        stratum: What its images share: a value for each word of the design's `strata`.
        half: 0 or 1 where a pilot told of errors; 0 of all images where there was none.
        cell: What the model says of its images, as far as the pilot told such apart; empty where there was none.
        images: How many there are.
        probability: Of each of them.
    """

    stratum: tuple[str, ...]
    half: int
    cell: str
    images: int
    probability: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Write it as the sample's JSON holds it."""
        return {
            "stratum": list(self.stratum),
            "half": self.half,
            "cell": self.cell,
            "images": self.images,
            "probability": self.probability,
        }


def with_probabilities(
    groups: Sequence[Group],
    n: int,
    allocation: Allocation,
    errors: Mapping[tuple[int, str], float],
    floor: float = FLOOR,
) -> list[Group]:
    """Give each group its probability, so that `n` images are expected in all: fewer where the frame has fewer.

    Args:
        groups: All images, each in one.
        n: Images to be expected.
        allocation: Whether each stratum has its share of the images or as many labels as each other one.
        errors: Error that is expected of an image, by half and cell; where there are none all images are alike.
        floor: See `FLOOR`.
    """
    by_stratum = defaultdict(list)
    for group in groups:
        by_stratum[group.stratum].append(group)
    sizes = {stratum: sum(one.images for one in of) for stratum, of in by_stratum.items()}
    dealt = deal(sizes, n, allocation)
    found = []
    for stratum, of_stratum in sorted(by_stratum.items()):
        for half in sorted({one.half for one in of_stratum}):
            of_half = [one for one in of_stratum if one.half == half]
            # By size, never by error: else an image's own label would reach its own probability by the other half's.
            labels = dealt[stratum] * sum(one.images for one in of_half) / sizes[stratum]
            weights = [errors.get((one.half, one.cell), 1.0) for one in of_half]
            shares = spread([one.images for one in of_half], weights, labels, floor)
            found += [replace(one, probability=share) for one, share in zip(of_half, shares, strict=True)]
    return found


def deal(sizes: Mapping[Stratum, int], n: int, allocation: Allocation) -> dict[Stratum, float]:
    """Deal expected labels to strata; what one has no images for goes to the others alike."""
    total = sum(sizes.values())
    if n >= total:
        return {stratum: float(size) for stratum, size in sizes.items()}
    if allocation == "proportional":
        return {stratum: n * size / total for stratum, size in sizes.items()}
    dealt: dict[Stratum, float] = {}
    left, open_strata = float(n), sorted(sizes, key=lambda stratum: sizes[stratum])
    for number, stratum in enumerate(open_strata):  # the smallest first: what it cannot take is the others'
        dealt[stratum] = min(float(sizes[stratum]), left / (len(open_strata) - number))
        left -= dealt[stratum]
    return dealt


def spread(images: Sequence[int], weights: Sequence[float], labels: float, floor: float = FLOOR) -> list[float]:
    """Give groups probabilities proportional to weights, none above 1 nor below the floor, with so many labels expected.

    Args:
        images: Of each group.
        weights: Of an image of each, above 0.
        labels: To be expected, at most the sum of images.
        floor: Share of the probability that all would have alike.
    """
    total = sum(images)
    if not total or labels >= total:
        return [1.0] * len(images)
    least = floor * labels / total
    low, high = 0.0, 1.0 / min(weights)

    def at(factor: float) -> list[float]:
        return [min(1.0, max(least, factor * weight)) for weight in weights]

    # What is expected grows with the factor.
    for _ in range(200):
        middle = (low + high) / 2
        expected = sum(one * count for one, count in zip(at(middle), images, strict=True))
        low, high = (middle, high) if expected < labels else (low, middle)
    return at(high)
