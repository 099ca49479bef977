"""labels/*.txt, data.yaml, its two lists and images.csv: a label file for each image, as YOLO is trained with.

A line is `class cx cy w h`, relative to the image, with key points behind it where there are any; of a segmenter the outline of
the mask, of turned boxes their corners; an empty file is an image without anything. Whoever trains finds the label of
an image by its path: the last `/images/` in it is `/labels/`, and its ending `.txt`. https://docs.ultralytics.com/datasets/detect/
"""

import csv
import hashlib
import io
import json
import os
import shutil
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import ClassVar, NamedTuple

import yaml

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.contract.outlines import Point, outlines_of
from shoal.contract.tasks.obb import OBB
from shoal.contract.tasks.segment import SEGMENT
from shoal.exports.boxes import (
    Box,
    Picture,
    categories_of,
    count_not_held,
    count_others,
    key_points_of,
    need_boxes,
    stream_pictures,
    view_pictures,
)
from shoal.exports.export import Answer, Written
from shoal.exports.whole_file import PART, text_of, write_row, write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

MOST_FILES = 200_000
"""Files that a folder of labels may have: more of them nobody's tools copy or list."""

RENAMED = "renamed"
"""Folder of images and labels whose keys no file can have as its name, or whose label's name another one has."""

TRAIN, VAL = "train", "val"
"""Parts of the images: what a model learns from, and what it is looked at with meanwhile."""

_EACH = 10
"""Of so many days one is of the second part: images of one day are alike, and to have some in each part flatters the model."""

_NAME_BYTES = 255
_PATH_BYTES = 1000
_DAYS = "SELECT DISTINCT captured_at::DATE FROM held_pictures WHERE use = 'used' AND captured_at IS NOT NULL ORDER BY 1"
_ENDINGS = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_HOW = "# the images belong into images/ beside this file, under the names in the column image of images.csv\n"
_IMAGES = "SELECT count(*)::BIGINT FROM held_pictures WHERE use IN ('used', 'undated')"


@dataclass(frozen=True)
class Yolo:
    """A label file for each image, the empty ones too; images.csv says which image each is of."""

    name: ClassVar[str] = "yolo"
    content_type: ClassVar[str] = "text/plain; charset=utf-8"
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    needs_boxes: ClassVar[bool] = True
    list_name: ClassVar[str] = "images.csv"

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def listed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Read the labels and their sha256 in images.csv."""
        for line in csv.DictReader(io.StringIO(data.decode(), newline="")):
            yield f"labels/{line['label']}", line["sha256"]

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Write the labels in one go: they get their folder's name together, with the table of them.

        Raises:
            ConfigError: They are too many, or of a classifier, which has no boxes.
        """
        need_boxes(self.name, answer, "long or megadetector")
        left_out = count_not_held(database, answer)
        view_pictures(database, where)
        images = int(database.value(_IMAGES))
        if images > MOST_FILES:
            raise ConfigError(
                f"Export yolo writes a file for each image, and {images} are more than {MOST_FILES} - take a part with "
                "--where"
            )
        ids = {taxon: number - 1 for taxon, number in categories_of(answer).items()}
        shapes = Shapes(answer.plan.task)
        if (to / self.list_name).exists():  # of an attempt that ended before it told what labels cannot hold
            shapes.count_again(database, ids)
        table = write_whole(to / self.list_name, lambda part: _write_labels(database, ids, to, part, shapes))
        points = key_points_of(database, answer)
        with table.open(encoding="utf-8", newline="") as file:
            lines = [Line(one["image"], one["part"], int(one["boxes"])) for one in csv.DictReader(file)]
        lists = [_write_list(to / f"{part}.txt", lines, part) for part in (TRAIN, VAL)]
        names = write_whole(
            to / "data.yaml", lambda part: part.write_text(_describe(ids, where, points), encoding="utf-8")
        )
        not_held = {
            **left_out,
            **count_others(database),
            f"names of images (images.csv says whose labels lie in labels/{RENAMED})": sum(
                line.image.startswith(f"{RENAMED}/") for line in lines
            ),
            **shapes.not_held,
        }
        return Written((table, names, *lists), not_held, {table.name: sum(line.boxes for line in lines)})


class Line(NamedTuple):
    """What images.csv says of an image: the name that it must have in `images`, its part, and how many boxes it has."""

    image: str
    part: str
    boxes: int


def _write_list(path: Path, lines: Sequence[Line], part: str) -> Path:
    """Write the images of a part; all of them where it has none: a list that is empty opens nowhere."""
    images = [line.image for line in lines if line.part == part] or [line.image for line in lines]
    return write_whole(path, lambda to: to.write_text("".join(f"./images/{image}\n" for image in images), "utf-8"))


def _days_of_validation(database: Database) -> frozenset[date]:
    """Choose each tenth day with images, the last one where they are fewer; none of a single one."""
    days = [day for (day,) in database.run(_DAYS).fetchall()]
    return frozenset(days[_EACH - 1 :: _EACH] or days[1:][-1:])


def _write_labels(database: Database, ids: dict[str, int], to: Path, part: Path, shapes: "Shapes") -> None:
    labels, on_their_way = to / "labels", to / f".labels{PART}"
    on_their_way.mkdir()
    names, of_validation = _Names(), _days_of_validation(database)
    with text_of(part) as file:
        write_row(file, ("label", "key", "boxes", "sha256", "image", "part"))
        for picture in stream_pictures(database):
            image = names.name(picture.key)
            label = str(PurePosixPath(image).with_suffix(".txt"))
            text = "".join(shapes.lines(picture, ids)).encode()
            path = on_their_way / label
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
            sha256, boxes = hashlib.sha256(text).hexdigest(), text.count(b"\n")
            write_row(file, (label, picture.key, boxes, sha256, image, _part_of(picture, of_validation)))
    os.sync()
    if labels.exists():  # of an attempt that ended between the two names
        shutil.rmtree(labels)
    on_their_way.rename(labels)


def _part_of(picture: Picture, of_validation: Collection[date]) -> str:
    return VAL if picture.captured_at and picture.captured_at.date() in of_validation else TRAIN


class _Names:
    """Names of images: their keys, where a folder can hold that and its label, and no other label has the name of it.

    Names that differ in their case only, or by how Unicode composes them, are one on some disks.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = {RENAMED}

    def name(self, key: str) -> str:
        """Name the next image."""
        path = PurePosixPath(key)
        if _is_path(key) and self._take(path.with_suffix(".txt")):
            return key
        ending = path.suffix.lower() if path.suffix.lower() in _ENDINGS else ".jpg"
        return f"{RENAMED}/{hashlib.sha256(key.encode()).hexdigest()[:32]}{ending}"

    def _take(self, path: PurePosixPath) -> bool:
        file, *folders = (_as_disks_see(str(one)) for one in (path, *path.parents[:-1]))
        if (
            file in self._files
            or file in self._folders
            or folders[-1:] == [RENAMED]
            or not self._files.isdisjoint(folders)
        ):
            return False
        self._files.add(file)
        self._folders.update(folders)
        return True


def _as_disks_see(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_path(key: str) -> bool:
    parts = key.split("/")
    return (
        len(key.encode()) <= _PATH_BYTES
        and key.isprintable()
        and all(_is_name(part) for part in parts)
        and "images" not in parts[:-1]  # its label would be looked for beside it
        and bool(PurePosixPath(parts[-1]).suffix and PurePosixPath(parts[-1]).stem.strip(" ."))
    )


def _is_name(part: str) -> bool:
    """Whether every disk can hold it; `./` is taken for the folder of the list wherever it stands in a line."""
    held = part.strip(" .") and part == part.strip() and len(part.encode()) < _NAME_BYTES
    return bool(held) and not part.endswith(".") and not set(part) & set('\\:*?"<>|')


class Shapes:
    """Writes boxes as the labels of a task have them, and counts what these cannot hold.

    Args:
        task: What the model is for.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self.not_held = {"boxes without a mask": 0, "further parts and holes of masks (a label is one outline)": 0}

    def lines(self, picture: Picture, ids: dict[str, int]) -> Iterator[str]:
        """Give the lines of one label."""
        for box in picture.boxes:
            values = self._values(picture, box)
            if values:
                yield f"{ids[box.taxon]} {' '.join(values)}\n"

    def count_again(self, database: Database, ids: dict[str, int]) -> None:
        """Count of all pictures what labels that are written already cannot hold."""
        for picture in stream_pictures(database):
            for _ in self.lines(picture, ids):
                pass

    def _values(self, picture: Picture, box: Box) -> list[str]:
        if self._task == OBB.name:
            return _points(picture, box.corners)
        if self._task == SEGMENT.name:
            return self._outline(picture, box)
        values = [f"{value:.6f}" for value in _relative(picture, box)]
        for one in box.points:
            values += [*_points(picture, [one.place]), str(one.flag)]
        return values

    def _outline(self, picture: Picture, box: Box) -> list[str]:
        parts, holes = outlines_of(box.mask, picture.height or 1) if box.mask else ([], 0)
        self.not_held["further parts and holes of masks (a label is one outline)"] += max(0, len(parts) - 1) + holes
        if not parts:
            self.not_held["boxes without a mask"] += 1
            return []
        return _points(picture, parts[0])


def _points(picture: Picture, points: Iterable[Point]) -> list[str]:
    width, height = picture.width or 1, picture.height or 1
    return [f"{min(1.0, max(0.0, value)):.6f}" for x, y in points for value in (x / width, y / height)]


def _relative(picture: Picture, box: Box) -> tuple[float, float, float, float]:
    """Give middle and size; what lies outside the image is cut off: an image with such a label is left out of a training."""
    x1, x2 = (min(max(x / (picture.width or 1), 0.0), 1.0) for x in (box.x1, box.x2))
    y1, y2 = (min(max(y / (picture.height or 1), 0.0), 1.0) for y in (box.y1, box.y2))
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _describe(ids: dict[str, int], where: Where, points: int) -> str:
    """Name every class of the answer, also those that nobody asked for: numbers are the same in each part of it.

    There is no `path`: the lists are then looked for beside this file. `.` is the folder that a training was started in.
    """
    names = {number: taxon for taxon, number in ids.items()}
    only = f"# labels are of these classes only: {json.dumps(sorted(where.taxa))}\n" if where.taxa else ""
    of_points = {"kpt_shape": [points, 3]} if points else {}
    data = {TRAIN: f"{TRAIN}.txt", VAL: f"{VAL}.txt", "names": names, **of_points}
    # As it is, PyYAML would read the line break of EBCDIC as a space or a line feed; it is escaped, and all beside it too.
    as_it_is = not any("\x85" in name for name in ids)
    return only + _HOW + yaml.safe_dump(data, allow_unicode=as_it_is, sort_keys=False)


YOLO = Yolo()
