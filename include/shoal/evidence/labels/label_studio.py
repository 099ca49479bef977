"""Label Studio's JSON export: a task without annotations was not looked at, one that was submitted empty was."""

from collections.abc import Iterator
from typing import Any

from shoal.evidence.labels import Opened, SaidBox, SaidImage, broken, moment, number


class LabelStudio:
    """Regions in percent of the image's sides, by task and annotator."""

    def is_one(self, opened: Opened) -> bool:
        """Whether it is a list of tasks."""
        found = opened.json
        return isinstance(found, list) and bool(found) and all(isinstance(one, dict) and "data" in one for one in found)

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read each annotation that was submitted and not skipped."""
        try:
            for task in opened.json:
                data = task["data"]
                file = str(data.get("shoal_image") or data["image"])
                annotations = task.get("annotations", task.get("completions")) or []
                if not annotations:
                    yield SaidImage(file, looked=False)
                for one in annotations:
                    if one.get("was_cancelled"):
                        yield SaidImage(file, looked=False)
                        continue
                    boxes = tuple(self._boxes(opened, one["result"]))
                    at = moment(one.get("updated_at") or one.get("created_at"))
                    yield SaidImage(file, boxes, person=_person(one.get("completed_by")), at=at)
        except (KeyError, TypeError, AttributeError) as err:
            raise broken(opened, f"it lacks a field of Label Studio's JSON export ({err})") from err

    def _boxes(self, opened: Opened, results: list[dict[str, Any]]) -> Iterator[SaidBox]:
        for one in results:
            kind, value = str(one.get("type", "")), one.get("value") or {}
            for label in value.get(kind) or []:
                if kind == "rectanglelabels":
                    x, y, width, height = (
                        number(opened, "a box", value[name]) / 100 for name in ("x", "y", "width", "height")
                    )
                    yield SaidBox(str(label), 1, (x, y, x + width, y + height), relative=True)
                elif kind.endswith("labels") or kind == "choices":
                    yield SaidBox(str(label))


def _person(said: object) -> str:
    """Name who completed an annotation: by address where the export has it, else by number."""
    if isinstance(said, dict):
        return str(said.get("email") or said.get("username") or f"annotator {said.get('id')}")
    return "" if said is None else f"annotator {said}"


LABEL_STUDIO = LabelStudio()
