"""MegaDetector's batch results, as AddaxAI writes them back.

Such a file holds what a model says unless somebody changed it: an image counts as looked at where the tool says so
(`manually_checked`), or where all of its detections have the score 1; of others nobody knows.
"""

from collections.abc import Iterator
from typing import Any

from shoal.evidence.labels import Opened, SaidBox, SaidImage, broken, number

_EDGES = 4


class MegaDetector:
    """Boxes in shares of the image's sides."""

    def is_one(self, opened: Opened) -> bool:
        """Whether it names categories of detections."""
        return isinstance(opened.json, dict) and "detection_categories" in opened.json and "images" in opened.json

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read the images; those that failed were not looked at."""
        try:
            names = {str(number_of): str(name) for number_of, name in opened.json["detection_categories"].items()}
            for image in opened.json["images"]:
                detections = image.get("detections")
                if image.get("failure") or detections is None:
                    continue
                scores = [number(opened, "a score", one["conf"]) for one in detections]
                checked = bool(image.get("manually_checked")) or (bool(scores) and min(scores) == 1)
                said = tuple(self._box(opened, one, names) for one in detections)
                yield SaidImage(str(image["file"]), said, looked=True if checked else None)
        except (KeyError, TypeError, AttributeError) as err:
            raise broken(opened, f"it lacks a field of batch results ({err})") from err

    def _box(self, opened: Opened, one: dict[str, Any], names: dict[str, str]) -> SaidBox:
        if len(one["bbox"]) != _EDGES:
            raise broken(opened, "a detection has no box of four numbers")
        x, y, width, height = (number(opened, "a box", edge) for edge in one["bbox"])
        return SaidBox(names[str(one["category"])], 1, (x, y, x + width, y + height), relative=True)


MEGADETECTOR = MegaDetector()
