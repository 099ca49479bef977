"""What error to expect of an image, by what the model says of it: learnt from the labels of the pilot.

The pilot are the samples that were drawn before any error was known. Only they are learnt from, and what one half of the images
tells is used for the other half alone: so no image's own label moves its own probability, and the probability of being drawn by
any of the samples stays the greatest of those it was given, exactly.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

FEWEST = 30
"""With fewer labelled images in a half nothing is learnt: all images are drawn alike."""

SHRUNK_BY = 5
"""So many images' worth of the mean of all cells is added to each cell: few labels must not call a cell free of errors."""


@dataclass(frozen=True)
class LabelledCell:
    """What labels say of images that the model says the same of.

    Attributes:
        half: Which half they are of.
        cell: What the model says.
        images: Labelled ones.
        squares: Sum over them of the squared difference between people's count and the model's.
    """

    half: int
    cell: str
    images: int
    squares: float


@dataclass(frozen=True)
class Pilot:
    """What was learnt from.

    Attributes:
        labels: First digits of the sha256 of the labels.
        images: Labelled ones of samples that were drawn without a pilot.
        errors: By half and cell, the error that is expected of an image of that half; empty where there are too few labels.
    """

    labels: tuple[str, ...]
    images: int
    errors: Mapping[tuple[int, str], float]

    def to_json(self) -> dict[str, Any]:
        """Write it as the sample's JSON holds it."""
        errors = [{"half": half, "cell": cell, "error": error} for (half, cell), error in sorted(self.errors.items())]
        return {"labels": list(self.labels), "images": self.images, "errors": errors}


def learn(labels: Iterable[str], cells: Iterable[LabelledCell], known: Iterable[str]) -> Pilot:
    """Learn the expected error of each cell, for each half from the other one.

    Args:
        labels: First digits of their sha256.
        cells: What they say.
        known: Every cell of the frame.
    """
    found = list(cells)
    images = sum(one.images for one in found)
    errors: dict[tuple[int, str], float] = {}
    for half in (0, 1):
        others = [one for one in found if one.half != half]
        labelled, squares = sum(one.images for one in others), sum(one.squares for one in others)
        if labelled < FEWEST or not squares:
            return Pilot(tuple(labels), images, {})
        mean = squares / labelled
        of_cell = {one.cell: one for one in others}
        for cell in known:
            one = of_cell.get(cell)
            count, sum_of = (one.images, one.squares) if one else (0, 0.0)
            errors[half, cell] = sqrt((sum_of + SHRUNK_BY * mean) / (count + SHRUNK_BY))
    return Pilot(tuple(labels), images, errors)
