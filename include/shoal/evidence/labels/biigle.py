"""BIIGLE's CSV reports of annotations and of whole-image labels: they name images with a label only.

So an image counts as looked at where it has one; `nothing` is a whole-image label that says so of an empty one.
https://biigle.de/manual/tutorials/reports/reports-schema
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from shoal.evidence.labels import ANNOTATIONS, WHOLE_IMAGES, Opened, SaidBox, SaidImage, broken, moment, number
from shoal.evidence.labels.csv_lines import lines_of

_NEEDED = {"filename", "label_name"}
_CIRCLE = 3


@dataclass(frozen=True)
class Biigle:
    """A line for each label of an annotation, or of an image.

    Attributes:
        part: Which of the two reports.
    """

    part: str

    def is_one(self, opened: Opened) -> bool:
        """Whether it has BIIGLE's columns."""
        of_images = "image_label_id" in opened.header
        return set(opened.header) >= _NEEDED and of_images == (self.part == WHOLE_IMAGES)

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read each line: an annotation with labels of several people is one of each."""
        seen = set()
        for line in lines_of(opened):
            person = f"{line.get('firstname', '')} {line.get('lastname', '')}".strip()
            user = f"user {line['user_id']}" if not person and line.get("user_id") else ""
            annotation = line.get("annotation_id") or line.get("annotation_label_id") or line.get("image_label_id")
            one = (annotation, person or user)
            if one[0] and (*one, line["label_name"]) in seen:
                continue
            seen.add((*one, line["label_name"]))
            box = SaidBox(line["label_name"], 1, self._edges(opened, line.get("points", "")))
            at = moment(line.get("created_at"))
            yield SaidImage(line["filename"], (box,), person=person, number=user, at=at, part=self.part)

    def _edges(self, opened: Opened, text: str) -> tuple[float, float, float, float] | None:
        """Write the upright box around a shape; None around nothing."""
        try:
            points = [number(opened, "a point", one) for one in json.loads(text or "[]")]
        except (ValueError, TypeError) as err:
            raise broken(opened, f"points {text[:60]!r} are no list of numbers") from err
        if len(points) == _CIRCLE:
            x, y, radius = points
            return x - radius, y - radius, x + radius, y + radius
        xs, ys = points[::2], points[1::2]
        return (min(xs), min(ys), max(xs), max(ys)) if len(points) > _CIRCLE else None


BIIGLE = Biigle(ANNOTATIONS)
IMAGE_LABELS = Biigle(WHOLE_IMAGES)
