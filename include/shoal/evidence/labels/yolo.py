"""A folder of YOLO's label files: one that is empty was looked at, an image without one was not.

Names of classes are in data.yaml, classes.txt or obj.names, beside the files or above their folder.
"""

from collections.abc import Iterator
from pathlib import Path

from shoal.contract.errors import ConfigError, shown
from shoal.evidence.labels import Opened, SaidBox, SaidImage, broken, number, text_of

_NAMES = ("data.yaml", "classes.txt", "obj.names", "obj_train_data/obj.names")
_NO_LABELS = {"classes.txt", "train.txt", "val.txt", "test.txt", "readme.txt"}
_BOX, _WITH_SCORE = 5, 6
MOST_FILES = 200_000


class Yolo:
    """Middle and size in shares of the image's sides, or an outline."""

    def is_one(self, opened: Opened) -> bool:
        """Whether it is a folder with label files."""
        return opened.path.is_dir() and next(_files(opened.path), None) is not None

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read each file."""
        names = _names(opened)
        for count, path in enumerate(_files(opened.path)):
            if count >= MOST_FILES:
                raise ConfigError(f"{shown(str(opened.path), 300)} has more than {MOST_FILES} files - give it in parts")
            at = path.relative_to(opened.path)
            lines = [line.split() for line in text_of(path).splitlines() if line.strip()]
            boxes = tuple(self._box(opened, f"{at} line {place}", cells, names) for place, cells in enumerate(lines, 1))
            yield SaidImage(str(at.with_suffix("")), boxes, by_boxes=True)

    def _box(self, opened: Opened, where: str, cells: list[str], names: dict[int, str]) -> SaidBox:
        if len(cells) == _WITH_SCORE:
            raise broken(opened, f"{where} has a score behind its box: it is what a model says, not a person")
        if len(cells) < _BOX or (len(cells) > _BOX and len(cells) % 2 == 0):
            raise broken(opened, f"{where} has {len(cells)} numbers, no middle and size and no outline")
        index, *values = (number(opened, where, cell) for cell in cells)
        if int(index) not in names:
            raise broken(opened, f"{where} is of class {cells[0]}, and there are {len(names)} names of classes")
        if len(cells) == _BOX:
            x, y, width, height = values
            edges = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        else:
            edges = min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
        return SaidBox(names[int(index)], 1, edges, relative=True)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.txt")) if path.name.casefold() not in _NO_LABELS)


def _names(opened: Opened) -> dict[int, str]:
    """Read the names of the classes.

    Raises:
        ConfigError: There are none.
    """
    for folder in (opened.path, opened.path.parent, opened.path.parent.parent):
        for name in _NAMES:
            if (folder / name).is_file():
                return _named(opened, folder / name)
    raise ConfigError(
        f"{shown(str(opened.path), 300)} has no names of classes - put data.yaml, classes.txt or obj.names beside it"
    )


def _named(opened: Opened, path: Path) -> dict[int, str]:
    text = text_of(path)
    if path.suffix != ".yaml":
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
    try:
        import yaml  # noqa: PLC0415 - nobody else needs it
    except ModuleNotFoundError as err:
        raise ConfigError(f"data.yaml needs {err.name} - install it, or write classes.txt with a name a line") from err
    try:
        names = yaml.safe_load(text)["names"]
        return {
            int(number_of): str(name)
            for number_of, name in (names.items() if isinstance(names, dict) else enumerate(names))
        }
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as err:
        raise broken(opened, f"{path.name} has no names of classes") from err


YOLO = Yolo()
