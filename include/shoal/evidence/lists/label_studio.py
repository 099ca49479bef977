"""Label Studio: tasks and the labelling interface; the model's boxes as predictions.

https://labelstud.io/guide/tasks, https://labelstud.io/guide/predictions
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import quoteattr

from shoal.evidence.lists import Handed, HandedImage

_LOCAL = "/data/local-files/?d="


class LabelStudio:
    """Tasks that name pictures of a folder served as local files."""

    folder: ClassVar[str] = "images"
    shows_boxes: ClassVar[bool] = True
    how: ClassVar[str] = (
        "serve this folder as local files (LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true, LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT "
        "= this folder), take label-studio.xml as the interface, import label-studio.json; submit images without anything empty; "
        "export JSON"
    )

    def write(self, handed: Handed, to: Path, mark: str) -> Sequence[Path]:
        """Write both files."""
        tasks = [self._task(handed, image) for image in handed.images]
        path = to / f"label-studio{mark}.json"
        path.write_text(json.dumps(tasks, indent=1, ensure_ascii=False), encoding="utf-8")
        labels = "\n".join(f"    <Label value={quoteattr(taxon)}/>" for taxon in handed.taxa)
        interface = to / "label-studio.xml"
        interface.write_text(
            '<View>\n  <Image name="image" value="$image" zoom="true"/>\n  <RectangleLabels name="label" toName="image">\n'
            f"{labels}\n  </RectangleLabels>\n</View>\n",
            encoding="utf-8",
        )
        return [path, interface]

    def _task(self, handed: Handed, image: HandedImage) -> dict[str, Any]:
        data = {
            "image": f"{_LOCAL}{self.folder}/{image.name}",
            "shoal_sample": handed.sample,
            "shoal_image": image.name,
        }
        if handed.blind:
            return {"data": data}
        results = [
            {
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": image.width,
                "original_height": image.height,
                "score": round(box.confidence, 6),
                "value": {
                    "x": 100 * box.x1 / image.width,
                    "y": 100 * box.y1 / image.height,
                    "width": 100 * (box.x2 - box.x1) / image.width,
                    "height": 100 * (box.y2 - box.y1) / image.height,
                    "rotation": 0,
                    "rectanglelabels": [box.taxon],
                },
            }
            for box in image.boxes
        ]
        return {"data": data, "predictions": [{"model_version": handed.model, "result": results}]}


LABEL_STUDIO = LabelStudio()
