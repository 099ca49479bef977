"""COCO datasets without annotations, or with the model's: as such, in CVAT's folders and in FiftyOne's.

https://cocodataset.org/#format-data, https://docs.cvat.ai/docs/manual/advanced/formats/format-coco/,
https://docs.voxel51.com/user_guide/import_datasets.html#cocodetectiondataset
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.evidence.lists import Handed
from shoal.evidence.taxon_names import NOTHING_HERE


@dataclass(frozen=True)
class Coco:
    """One of the layouts.

    Attributes:
        folder: Of the pictures.
        file: The list, `{}` for the mark.
        how: What a person does with it.
    """

    folder: str
    file: str
    how: str
    shows_boxes: bool = True

    def write(self, handed: Handed, to: Path, mark: str) -> Sequence[Path]:
        """Write it."""
        names = [*handed.taxa, NOTHING_HERE]
        ids = {name: number for number, name in enumerate(names, 1)}
        boxes = [(number, box) for number, image in enumerate(handed.images, 1) for box in image.boxes]
        found: dict[str, Any] = {
            "info": {
                "description": f"Sample {handed.sample} of {handed.dataset}",
                "shoal_sample": handed.sample,
                "blind": handed.blind,
            },
            "licenses": [],
            "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
            "images": [
                {"id": number, "file_name": image.name, "width": image.width, "height": image.height}
                for number, image in enumerate(handed.images, 1)
            ],
            "annotations": [
                {
                    "id": number,
                    "image_id": image,
                    "category_id": ids[box.taxon],
                    "bbox": [round(value, 2) for value in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1)],
                    "area": round((box.x2 - box.x1) * (box.y2 - box.y1), 2),
                    "iscrowd": 0,
                    "score": round(box.confidence, 6),
                }
                for number, (image, box) in enumerate(boxes, 1)
            ],
        }
        path = to / self.file.format(mark)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
        return [path]


_SHOWN = "; where the model's boxes are shown, export only images that somebody looked at, and bring them with --all-looked-at"

COCO = Coco("images", "coco{}.json", f"import coco.json and images/{_SHOWN}")
CVAT = Coco(
    "images", "annotations/instances_default{}.json",
    "make a task of images/, then Upload annotations, COCO 1.0, with the folder annotations/ in a zip; export COCO 1.0"
    f"{_SHOWN}",
)  # fmt: skip
FIFTYONE = Coco(
    "data", "labels{}.json",
    "fo.Dataset.from_dir(dataset_dir=OUT, dataset_type=fo.types.COCODetectionDataset); export with the same type"
    f"{_SHOWN}",
)  # fmt: skip
