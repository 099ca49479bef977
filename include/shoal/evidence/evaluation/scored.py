"""What a version says of the labelled images at every threshold, beside what people say: pure numbers from here on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.compare.agreement import THRESHOLDS

Edges = tuple[float, float, float, float]

SAME_PLACE = 0.5
"""Intersection over union from which a box of the model and one of a person are of the same individual."""


def as_stored(conf: float) -> float:
    """Give the threshold that stored scores are compared with: these have 32 bits, and one of 0.7 counts from 0.7 on."""
    return float(np.float32(conf))


_STORED = tuple(as_stored(conf) for conf in THRESHOLDS)


@dataclass(frozen=True)
class ScoredTaxon:
    """One taxon in the labelled images.

    Attributes:
        labelled: Individuals that people saw in each image.
        counted: Individuals that the version counts in each, at its own thresholds.
        counted_right: Of these, those that people saw, too: by place where people drew boxes, else as many as both say.
        at: Individuals from each of `THRESHOLDS` on, by image and threshold.
        right_at: Of these, those that people saw.
        highest: The highest score in each image, 0 without any.
        by_place: Whether boxes were compared by place.
        lowest: The lowest threshold that may be proposed: of a taxon of several classes, from where all of them count.
        conf: From where the version counts it; of several classes the highest.
    """

    labelled: NDArray[np.int64]
    counted: NDArray[np.int64]
    counted_right: NDArray[np.int64]
    at: NDArray[np.int64]
    right_at: NDArray[np.int64]
    highest: NDArray[np.float64]
    by_place: bool
    lowest: float = 0.0
    conf: float = 0.0

    def only(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "ScoredTaxon":
        """Take some of the images."""
        return ScoredTaxon(
            self.labelled[which],
            self.counted[which],
            self.counted_right[which],
            self.at[which],
            self.right_at[which],
            self.highest[which],
            self.by_place,
            self.lowest,
            self.conf,
        )


@dataclass(frozen=True)
class Scored:
    """A version on the labelled images, one place each in every array.

    Attributes:
        keys: Of the images.
        probability: Of being drawn.
        camera: Name of each image's camera.
        captured_at: UTC.
        taxa: What it says of each taxon that it knows or people saw.
    """

    keys: tuple[str, ...]
    probability: NDArray[np.float64]
    camera: NDArray[np.str_]
    captured_at: NDArray[np.datetime64]
    taxa: Mapping[str, ScoredTaxon]

    def only(self, keys: Sequence[str]) -> "Scored":
        """Take images by their keys, in that order."""
        places = {key: place for place, key in enumerate(self.keys)}
        which = np.array([places[key] for key in keys], np.intp)
        taxa = {taxon: one.only(which) for taxon, one in self.taxa.items()}
        return Scored(tuple(keys), self.probability[which], self.camera[which], self.captured_at[which], taxa)


@dataclass(frozen=True)
class ScoredBox:
    """A box of the model.

    Attributes:
        score: How sure it is.
        counts: Whether it is counted at the version's thresholds.
        edges: x1, y1, x2, y2; None of a class of a whole image.
    """

    score: float
    counts: bool
    edges: Edges | None


def score_taxon(
    boxes: Sequence[Sequence[ScoredBox]],
    labelled: NDArray[np.int64],
    places: Sequence[Sequence[Edges]],
    lowest: float = 0.0,
    conf: float = 0.0,
) -> ScoredTaxon:
    """Count at every threshold what a version finds of a taxon, and how much of it people saw, too.

    Args:
        boxes: Of each image.
        labelled: Individuals that people saw in each.
        places: Edges of those, where they drew them.
        lowest: See `ScoredTaxon`.
        conf: Likewise.
    """
    by_place = [len(of_image) for of_image in places] == labelled.tolist() and all(
        box.edges is not None for of_image in boxes for box in of_image
    )
    counted, counted_right, highest = [], [], []
    at, right_at = [], []
    for of_image, seen, edges in zip(boxes, labelled, places, strict=True):
        ordered = sorted(of_image, key=lambda box: -box.score)
        hits = match([box.edges for box in ordered if box.edges], edges) if by_place else [True] * len(ordered)
        of_counting = [hit for box, hit in zip(ordered, hits, strict=True) if box.counts]
        counted.append(len(of_counting))
        counted_right.append(_right(of_counting, seen))
        highest.append(ordered[0].score if ordered else 0.0)
        from_each = [[hit for box, hit in zip(ordered, hits, strict=True) if box.score >= least] for least in _STORED]
        at.append([len(one) for one in from_each])
        right_at.append([_right(one, seen) for one in from_each])
    shape = (len(labelled), len(THRESHOLDS))
    return ScoredTaxon(
        labelled,
        np.array(counted, np.int64),
        np.array(counted_right, np.int64),
        np.array(at, np.int64).reshape(shape),
        np.array(right_at, np.int64).reshape(shape),
        np.array(highest, np.float64),
        by_place,
        lowest,
        conf,
    )


def match(found: Sequence[Edges], seen: Sequence[Edges]) -> list[bool]:
    """Say of each box of the model, the surest first, whether it is that of an individual that none before it was of."""
    free = list(seen)
    hits = []
    for box in found:
        best = max(free, key=lambda one: overlap(box, one), default=None)
        hit = best is not None and overlap(box, best) >= SAME_PLACE
        if hit and best is not None:
            free.remove(best)
        hits.append(hit)
    return hits


def overlap(one: Edges, other: Edges) -> float:
    """Give the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - both)


def _right(hits: Iterable[bool], seen: int) -> int:
    return min(sum(hits), int(seen))
