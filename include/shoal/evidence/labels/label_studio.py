"""Label Studio's JSON export: a task without annotations was not looked at, one that was submitted empty was.

Labels, choices, taxonomies (the last name of a path) and numbers (named as their control) are read; remarks are not. Results that
share an id are of one region, so what it is called twice is one animal. What else a
person may have meant is refused: without it, the image would seem empty.
https://labelstud.io/guide/task_format
"""

from collections.abc import Iterator
from math import cos, radians, sin
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.evidence.labels import Opened, SaidBox, SaidImage, broken, count_in, moment, number

_SIDES = {"x", "y", "width", "height"}
_REMARKS = {"choices", "datetime", "number", "pairwise", "rating", "relation", "taxonomy", "textarea"}
"""Results that are of no animal, or of none where they are empty."""


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
                    odd = {name: str(said) for name, said in _numbers(one["result"]) if count_in(said) is None}
                    person, number_of = _who(one.get("completed_by"))
                    yield SaidImage(file, boxes, person=person, number=number_of, at=at, no_counts=odd)
        except (KeyError, TypeError, AttributeError) as err:
            raise broken(opened, f"it lacks a field of Label Studio's JSON export ({err})") from err

    def _boxes(self, opened: Opened, results: list[dict[str, Any]]) -> Iterator[SaidBox]:
        yield from (SaidBox(name, count) for name, said in _numbers(results) if (count := count_in(said)))
        found = [(one, _words(one)) for one in results]
        named = {one.get("id") for one, words in found if words} - {None}
        told: set[tuple[object, str]] = set()
        for one, words in found:
            kind, region = str(one.get("type", "")), one.get("id")
            if words:
                new = [word for word in words if region is None or (region, word.strip().casefold()) not in told]
                told |= {(region, word.strip().casefold()) for word in words}
                yield from (SaidBox(word, 1, *self._place(opened, one)) for word in new)
            elif kind not in _REMARKS and region not in named:
                raise ConfigError(
                    f"{shown(str(opened.path), 300)}: an annotation has a {shown(kind, 60) or 'result'} without a label, and "
                    "nobody knows what it is of - give it one in Label Studio, or delete it, and export again"
                )

    def _place(self, opened: Opened, one: dict[str, Any]) -> tuple[tuple[float, float, float, float] | None, bool]:
        """Give the box of a rectangle, in shares of the sides; other shapes count without one.

        One that was turned about its first corner has the box around it, for which the picture's sides must be told.
        """
        value = one.get("value") or {}
        if not set(value) >= _SIDES:
            return None, False
        x, y, width, height = (number(opened, "a box", value[name]) / 100 for name in ("x", "y", "width", "height"))
        turned = radians(number(opened, "a rotation", value.get("rotation") or 0))
        if not turned:
            return (x, y, x + width, y + height), True
        sides = one.get("original_width"), one.get("original_height")
        if None in sides:
            return None, False
        across, down = (number(opened, "a side", side) for side in sides)
        if across <= 0 or down <= 0:
            return None, False
        along, beside = cos(turned), sin(turned)
        xs = (0.0, width * along, -height * down / across * beside)
        ys = (0.0, width * across / down * beside, height * along)
        corners = [
            (x + xs[0], y + ys[0]),
            (x + xs[1], y + ys[1]),
            (x + xs[2], y + ys[2]),
            (x + xs[1] + xs[2], y + ys[1] + ys[2]),
        ]
        left, top = (min(corner[axis] for corner in corners) for axis in (0, 1))
        right, bottom = (max(corner[axis] for corner in corners) for axis in (0, 1))
        return (left, top, right, bottom), True


def _numbers(results: list[dict[str, Any]]) -> list[tuple[str, object]]:
    """Give what stands in fields for numbers, by their name."""
    said = (
        (str(one.get("from_name", "number")), one.get("value") or {}) for one in results if one.get("type") == "number"
    )
    return [(name, value["number"]) for name, value in said if value.get("number") is not None]


def _words(one: dict[str, Any]) -> list[str]:
    """Give what a result names."""
    kind, value = str(one.get("type", "")), one.get("value") or {}
    if kind == "taxonomy":
        return [str(path[-1] if isinstance(path, list) else path) for path in value.get(kind) or [] if path]
    return [str(label) for label in value.get(kind) or []] if kind.endswith("labels") or kind == "choices" else []


def _who(said: object) -> tuple[str, str]:
    """Name who completed an annotation: by address where the export has it; else only a number of this installation is known."""
    of = said if isinstance(said, dict) else {"id": said}
    name = str(of.get("email") or of.get("username") or "")
    return name, "" if name or of.get("id") is None else f"annotator {of['id']}"


LABEL_STUDIO = LabelStudio()
