"""MegaDetector's batch results 1.6, as AddaxAI and Timelapse open them: pictures without detections, or with the model's.

https://lila.science/megadetector-output-format
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from shoal.evidence.lists import Handed
from shoal.evidence.taxon_names import NOTHING_HERE

_SUREST = 0.999999
"""Of the model's scores: 1 is what tools write for a person's word."""


class MegaDetector:
    """File names are those of the folder of pictures, which the tool opens; the list lies in it."""

    folder: ClassVar[str] = "images"
    shows_boxes: ClassVar[bool] = True
    how: ClassVar[str] = (
        "open images/ in AddaxAI or Timelapse, with the recognition file that lies there; in Timelapse give each taxon a counter "
        "whose default is empty, and write 0 where there is none"
    )

    def write(self, handed: Handed, to: Path, mark: str) -> Sequence[Path]:
        """Write it."""
        ids = {name: str(number) for number, name in enumerate([*handed.taxa, NOTHING_HERE], 1)}
        found = {
            "info": {
                "format_version": "1.6",
                "detector": "none: labelled blind" if handed.blind else handed.model,
                "shoal_sample": handed.sample,
            },
            "detection_categories": {number: name for name, number in ids.items()},
            "images": [
                {
                    "file": image.name,
                    "detections": [
                        {
                            "category": ids[box.taxon],
                            "conf": min(round(box.confidence, 6), _SUREST),
                            "bbox": [
                                round(box.x1 / image.width, 6),
                                round(box.y1 / image.height, 6),
                                round((box.x2 - box.x1) / image.width, 6),
                                round((box.y2 - box.y1) / image.height, 6),
                            ],
                        }
                        for box in image.boxes
                    ],
                }
                for image in handed.images
            ],
        }
        path = to / self.folder / f"megadetector{mark}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
        return [path]


MEGADETECTOR = MegaDetector()
