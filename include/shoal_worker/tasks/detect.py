"""Boxes with a class and a confidence, and what else a model says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError


@dataclass(frozen=True)
class Detections:
    """What the model saw in one image, most confident first.

    Attributes:
        class_id: `(n,)` int32, positions in the model's names.
        confidence: `(n,)` float32, 0..1.
        xyxy: `(n, 4)` float32, pixels of the original image, origin top left.
        max_det_reached: As many boxes as may be kept were found; there may be more.
        masks: COCO RLE at the image's size, one for each box; None for one whose text would be too long. Else None.
        image_hw: (height, width) of the original image in pixels, where there are masks.
        keypoints: `(n, k, 2 or 3)` float32: x, y and, where the model says it, a visibility in 0..1; the corners of boxes with an
            angle. Else None.
        xywhr: `(n, 5)` float32, unclipped centre, width, height and angle (radians, clockwise as seen) of such boxes, else None.
    """

    class_id: NDArray[np.int32]
    confidence: NDArray[np.float32]
    xyxy: NDArray[np.float32]
    max_det_reached: bool
    masks: Sequence[str | None] | None = None
    image_hw: tuple[int, int] = (0, 0)
    keypoints: NDArray[np.float32] | None = None
    xywhr: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Refuse what no row can hold: Shoal's own families drop such boxes, one of a wheel may not.

        Raises:
            ModelRefusedError: A place or a confidence is no number.
        """
        if not (np.isfinite(self.xyxy).all() and np.isfinite(self.confidence).all()):
            raise ModelRefusedError(
                "Model found a box whose place or confidence is no number - export it again in float32 (without half=True)"
            )

    def __len__(self) -> int:
        return len(self.class_id)

    @property
    def angles(self) -> NDArray[np.float32] | None:
        """`(n,)` float32, radians; None where boxes are upright."""
        return None if self.xywhr is None else self.xywhr[:, 4]

    def to_columns(self) -> dict[str, Any]:
        """Write them as the rows hold them; float32 values stay what they are."""
        boxes = zip(self.class_id.tolist(), self.confidence.tolist(), self.xyxy.tolist(), strict=True)
        structs = [
            {"class_id": class_id, "confidence": confidence, "x1": x1, "y1": y1, "x2": x2, "y2": y2}
            for class_id, confidence, (x1, y1, x2, y2) in boxes
        ]
        more = {
            "masks": None if self.masks is None else list(self.masks),
            "keypoints": None if self.keypoints is None else [[v for p in ps for v in p] for ps in self._points()],
            "angles": None if self.angles is None else self.angles.tolist(),
        }
        given = {name: values for name, values in more.items() if values is not None}
        return {"detections": structs, "max_det_reached": self.max_det_reached, **given}

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """Write boxes for people: a hundredth of a pixel is finer than any box."""
        boxes = zip(
            self.class_id.tolist(), self.confidence.tolist(), self.xyxy.tolist(), self._describe_more(), strict=True
        )
        return {
            "detections": [
                {
                    "class_id": class_id,
                    "class_name": names[class_id],
                    "confidence": round(confidence, 5),
                    "xyxy": [round(side, 2) for side in xyxy],
                    **more,
                }
                for class_id, confidence, xyxy, more in boxes
            ]
        }

    def _points(self) -> list[list[list[float | None]]]:
        """Key points of three values each, unknown where the model gives no number."""
        if self.keypoints is None:
            return []
        shape = (*self.keypoints.shape[:2], 3)
        whole = np.full(shape, np.nan, np.float32)
        whole[..., : self.keypoints.shape[2]] = self.keypoints
        values, known = whole.ravel().tolist(), np.isfinite(whole).ravel().tolist()
        flat = [value if good else None for value, good in zip(values, known, strict=True)]
        points = [flat[place : place + 3] for place in range(0, len(flat), 3)]
        return [points[place : place + shape[1]] for place in range(0, len(points), shape[1])]

    def _describe_more(self) -> list[dict[str, Any]]:
        described: list[dict[str, Any]] = [{} for _ in range(len(self))]
        for more, counts in zip(described, self.masks or (), strict=False):
            more["segmentation"] = None if counts is None else {"size": list(self.image_hw), "counts": counts}
        if self.xywhr is not None:
            for more, (*sides, angle) in zip(described, self.xywhr.tolist(), strict=True):
                more["xywhr"] = [*(round(side, 2) for side in sides), round(angle, 5)]
        else:
            for more, points in zip(described, self._points(), strict=False):
                more["keypoints"] = [
                    [
                        None if value is None else round(value, places)
                        for value, places in zip(point, (2, 2, 5), strict=True)
                    ]
                    for point in points
                ]
        return described
