"""A place of a camera's picture, and when two are one. Summaries read this where numpy is not installed."""

from collections.abc import Sequence
from dataclasses import dataclass

NEAR_IOU = 0.5
"""From here on a box lies near a place."""


@dataclass(frozen=True)
class Place:
    """A place of a camera's picture at which one taxon is found.

    Attributes:
        camera: Whose picture.
        deployment: In which deployment; empty without one.
        taxon: What the model takes it for.
        x1: Left edge as a part of the width, 0 to 1.
        y1: Top edge as a part of the height, likewise.
        x2: Right edge.
        y2: Bottom edge.
    """

    camera: str
    deployment: str
    taxon: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The four of them."""
        return self.x1, self.y1, self.x2, self.y2

    def is_of(self, other: "Place") -> bool:
        """Whether both are of one camera, deployment and taxon."""
        series = (self.camera, self.deployment, self.taxon)
        return series == (other.camera, other.deployment, other.taxon)


def overlap_of(one: Sequence[float], other: Sequence[float]) -> float:
    """Divide what two boxes have in common by what they cover together (IoU)."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, wide) * max(0.0, high)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (sum(areas) - common)
