"""Boxes of a first model, and what a second one says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shoal_worker.roll_up import Called
from shoal_worker.tasks.detect import Detections


@dataclass(frozen=True)
class Reclassified:
    """What two models in a row saw in one image.

    Attributes:
        found: By the first one.
        called: By the second one, in the order of the boxes; None for a box that it did not look at.
        names: What its class ids are called.
    """

    found: Detections
    called: Sequence[Called | None]
    names: Sequence[str]

    def to_columns(self) -> dict[str, Any]:
        """Write them as the rows hold them: the boxes are the first model's, its classes and scores too."""
        structs = [
            None if one is None else {"class_id": one.class_id, "confidence": one.confidence} for one in self.called
        ]
        return {**self.found.to_columns(), "reclassified": structs}

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """Write them for people."""
        told = self.found.describe(names)
        boxes = [
            {**box, "then": None if one is None else self._describe(one)}
            for box, one in zip(told["detections"], self.called, strict=True)
        ]
        return {**told, "detections": boxes}

    def _describe(self, one: Called) -> dict[str, Any]:
        return {
            "class_id": one.class_id,
            "class_name": None if one.class_id is None else self.names[one.class_id],
            "confidence": None if one.confidence is None else round(one.confidence, 5),
        }
