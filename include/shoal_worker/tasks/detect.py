"""Boxes with a class and a confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detections:
    """What the model saw in one image, most confident first.

    Attributes:
        class_id: `(n,)` int32, positions in the model's names.
        confidence: `(n,)` float32, 0..1.
        xyxy: `(n, 4)` float32, pixels of the original image, origin top left.
        max_det_reached: As many boxes as may be kept were found; there may be more.
    """

    class_id: NDArray[np.int32]
    confidence: NDArray[np.float32]
    xyxy: NDArray[np.float32]
    max_det_reached: bool

    def __len__(self) -> int:
        return len(self.class_id)

    def to_columns(self) -> dict[str, Any]:
        """Write them as the rows hold them; float32 values stay what they are."""
        boxes = zip(self.class_id.tolist(), self.confidence.tolist(), self.xyxy.tolist(), strict=True)
        structs = [
            {"class_id": class_id, "confidence": confidence, "x1": x1, "y1": y1, "x2": x2, "y2": y2}
            for class_id, confidence, (x1, y1, x2, y2) in boxes
        ]
        return {"detections": structs, "max_det_reached": self.max_det_reached}

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """Write boxes for people: a hundredth of a pixel is finer than any box."""
        boxes = zip(self.class_id.tolist(), self.confidence.tolist(), self.xyxy.tolist(), strict=True)
        return {
            "detections": [
                {
                    "class_id": class_id,
                    "class_name": names[class_id],
                    "confidence": round(confidence, 5),
                    "xyxy": [round(side, 2) for side in xyxy],
                }
                for class_id, confidence, xyxy in boxes
            ]
        }
