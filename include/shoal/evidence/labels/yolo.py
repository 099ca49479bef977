"""A folder of YOLO's label files: one that is empty was looked at, an image without one was not.

Names of classes are in data.yaml, classes.txt or obj.names, beside the files or above their folder. What stands behind the box of
a pose model is of its key points: data.yaml says how many (kpt_shape).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.evidence.labels import Opened, SaidBox, SaidImage, broken, number, text_of

_NAMES = ("data.yaml", "classes.txt", "obj.names", "obj_train_data/obj.names")
_NO_LABELS = {"classes.txt", "train.txt", "val.txt", "test.txt", "readme.txt"}
_BOX, _WITH_SCORE = 5, 6
_OUTSIDE = 1.5
"""No outline goes so far beyond its image; the flag of a key point that is seen is 2."""

MOST_FILES = 200_000


@dataclass(frozen=True)
class _Classes:
    """What lines are of.

    Attributes:
        names: By number.
        points: Numbers behind the box that are of key points; 0 where there are none.
    """

    names: dict[int, str]
    points: int = 0


class Yolo:
    """Middle and size in shares of the image's sides, or an outline."""

    def is_one(self, opened: Opened) -> bool:
        """Whether it is a folder with label files."""
        return opened.path.is_dir() and next(_files(opened.path), None) is not None

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read each file."""
        classes = _classes(opened)
        for count, path in enumerate(_files(opened.path)):
            if count >= MOST_FILES:
                raise ConfigError(f"{shown(str(opened.path), 300)} has more than {MOST_FILES} files - give it in parts")
            at = path.relative_to(opened.path)
            lines = [line.split() for line in text_of(path).splitlines() if line.strip()]
            boxes = tuple(
                self._box(opened, f"{at} line {place}", cells, classes) for place, cells in enumerate(lines, 1)
            )
            yield SaidImage(str(at.with_suffix("")), boxes, by_boxes=True)

    def _box(self, opened: Opened, where: str, cells: list[str], classes: _Classes) -> SaidBox:
        if len(cells) == _WITH_SCORE:
            raise broken(opened, f"{where} has a score behind its box: it is what a model says, not a person")
        if classes.points and len(cells) not in {_BOX, _BOX + classes.points}:
            raise broken(
                opened,
                f"{where} has {len(cells)} numbers, and a box with the points of kpt_shape has {_BOX + classes.points}",
            )
        if len(cells) < _BOX or (not classes.points and len(cells) > _BOX and len(cells) % 2 == 0):
            raise broken(opened, f"{where} has {len(cells)} numbers, no middle and size and no outline")
        index, *values = (number(opened, where, cell) for cell in cells)
        if index not in classes.names:
            raise broken(opened, f"{where} is of class {shown(cells[0], 60)}, which has no name")
        return SaidBox(classes.names[int(index)], 1, _edges(opened, where, values, classes), relative=True)


def _edges(opened: Opened, where: str, values: list[float], classes: _Classes) -> tuple[float, float, float, float]:
    if len(values) < _BOX or classes.points:
        x, y, width, height = values[: _BOX - 1]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if max(values) > _OUTSIDE:
        raise ConfigError(
            f"{shown(str(opened.path), 300)}: {where} has a point at {max(values):g} sides of its image, which is no outline - "
            "if these are key points, put the data.yaml with their kpt_shape beside the files"
        )
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.txt")) if path.name.casefold() not in _NO_LABELS)


def _classes(opened: Opened) -> _Classes:
    """Read the classes: of lists each line is one, also where it is empty.

    Raises:
        ConfigError: There are none.
    """
    for folder in (opened.path, opened.path.parent, opened.path.parent.parent):
        for name in _NAMES:
            if (folder / name).is_file():
                return _read_classes(opened, folder / name)
    raise ConfigError(
        f"{shown(str(opened.path), 300)} has no names of classes - put data.yaml, classes.txt or obj.names beside it"
    )


def _read_classes(opened: Opened, path: Path) -> _Classes:
    text = text_of(path)
    if path.suffix != ".yaml":
        return _Classes({place: line.strip() for place, line in enumerate(text.splitlines()) if line.strip()})
    try:
        import yaml  # noqa: PLC0415 - nobody else needs it
    except ModuleNotFoundError as err:
        raise ConfigError(f"data.yaml needs {err.name} - install it, or write classes.txt with a name a line") from err
    try:
        said = yaml.safe_load(text)
        names = said["names"]
        of_each = names.items() if isinstance(names, dict) else enumerate(names)
        found = {int(number_of): str(name) for number_of, name in of_each}
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as err:
        raise broken(opened, f"{path.name} has no names of classes") from err
    return _Classes(found, _points(opened, path, said.get("kpt_shape")))


def _points(opened: Opened, path: Path, shape: Any) -> int:
    match shape:
        case None:
            return 0
        case [int(points), int(numbers)] if points > 0 and numbers in {2, 3}:
            return points * numbers
    raise broken(opened, f"{path.name} has kpt_shape {shown(repr(shape), 60)}, which is not [key points, 2 or 3]")


YOLO = Yolo()
