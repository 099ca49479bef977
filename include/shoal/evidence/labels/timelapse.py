"""Timelapse's CSV: a line for each image, with counters named as taxa, or a species and its count.

Every image of the folder is in it, looked at or not. One counts as looked at where a taxon's counter has a number, 0 among them,
or a column `Looked`, `Reviewed` or `Done` is true. Numbers may be written as 3.0: programs do so in columns with gaps.
"""

from collections.abc import Iterator

from shoal.contract.errors import shown
from shoal.evidence.labels import LINES, Opened, SaidBox, SaidImage, broken, count_in
from shoal.evidence.labels.csv_lines import lines_of

_NEEDED = {"file", "relativepath"}
_FLAGS = {"looked", "reviewed", "done"}
_SPECIES = ("species", "taxon")
_COUNT = ("count", "individuals", "quantity")
_OTHERS = {
    "file", "relativepath", "datetime", "date", "time", "deleteflag", "rootfolder", "folder", "imagequality", "comment", "note",
    "person", "observer", "analyst", *_FLAGS, *_SPECIES, *_COUNT,
}  # fmt: skip
"""Columns of Timelapse's own, and those with a meaning here: no taxa."""


class Timelapse:
    """Numbers by image; where is not said."""

    def is_one(self, opened: Opened) -> bool:
        """Whether it has Timelapse's columns."""
        return {name.casefold() for name in opened.header} >= _NEEDED

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read each line."""
        for line in lines_of(opened):
            small = {name.casefold(): value.strip() for name, value in line.items()}
            counters = {name: value.strip() for name, value in line.items() if name.casefold() not in _OTHERS}
            numbers = {name: count_in(value) for name, value in counters.items() if value}
            said = {name: found for name, found in numbers.items() if found is not None}
            species = next((small[name] for name in _SPECIES if small.get(name)), "")
            if species:
                count = next((small[name] for name in _COUNT if small.get(name)), "1")
                said[species] = said.get(species, 0) + self._count(opened, "its count", count)
            flagged = any(small.get(name, "").casefold() in {"true", "1", "yes"} for name in _FLAGS)
            person = next((small[name] for name in ("person", "observer", "analyst") if small.get(name)), "")
            file = f"{small['relativepath']}/{small['file']}".replace("\\", "/").lstrip("/")
            boxes = tuple(SaidBox(name, count) for name, count in said.items() if count)
            # A word without a counter says it of the image: several lines may name several species.
            looked = flagged or bool(species)
            odd = {name: counters[name] for name, found in numbers.items() if found is None}
            yield SaidImage(
                file, boxes, looked, person=person, part=LINES if species else "", counters=tuple(said), no_counts=odd
            )

    def _count(self, opened: Opened, name: str, text: str) -> int:
        found = count_in(text)
        if found is None:
            raise broken(opened, f"{name} is {shown(repr(text), 60)}, no count")
        return found


TIMELAPSE = Timelapse()
