"""Writes people's labels for a model to learn from, in parts by whole days, and remembers which version learnt from which.

Whether a day may be learnt from follows from its number, whichever cameras looked: a fifth of the days is always kept for
judging, so that a version is judged on days of which it has seen nothing. Which days these are has nothing to do with who was
drawn, so the labels of the others stay a sample of them.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.units import counted, utc_text
from shoal.evidence.draw import ENDINGS
from shoal.evidence.frame import view_frame
from shoal.evidence.labelled import view_labels
from shoal.evidence.permanent import DAY_NUMBER, SQL_MARK
from shoal.evidence.pictures_out import write_pictures
from shoal.evidence.stored import TRAININGS, read_imports, read_trainings, store_json, store_lines
from shoal.evidence.taxon_names import counted_names
from shoal.settings.analysis import Taxon
from shoal.stores.images import ImageSource
from shoal.tables.session import Database

LEARNT, LOOKED_AT = 0.7, 0.8
"""A model learns from days whose number is below the first, and is looked at with those up to the second meanwhile."""

KEPT = "of days that are kept for judging"

TRAIN, VAL = "train", "val"

_LINES = f"""
    SELECT '{TRAIN}' AS part, frame.key, object_version, size_bytes, content_sha256, {SQL_MARK} AS mark, width, height,
        {DAY_NUMBER} AS day_number, label, taxon, x1, y1, x2, y2, position
    FROM words SEMI JOIN first_looks USING (key, content_sha256, person) JOIN frame USING (key, content_sha256)
    ORDER BY frame.key, position
"""


class Learnt(NamedTuple):
    """One image with people's boxes: xyxy and the number of the taxon."""

    name: str
    part: str
    key: str
    object_version: str
    size_bytes: int
    content_sha256: str
    width: int
    height: int
    boxes: tuple[tuple[int, float, float, float, float], ...]


@dataclass(frozen=True)
class Training:
    """What was written.

    Attributes:
        name: The 16 digits that it lies under.
        parts: Images of each part.
        left_out: Labelled images that are in none, by why.
        failed: Pictures that could not be read, by why.
    """

    name: str
    parts: Mapping[str, int]
    left_out: Mapping[str, int]
    failed: Mapping[str, int]


@dataclass(frozen=True)
class Place:
    """Whose labels are written, and where.

    Attributes:
        layout: The dataset.
        source: Its images.
        to: A new or empty folder.
    """

    layout: DatasetLayout
    source: ImageSource
    to: Path


def write_training(
    database: Database, place: Place, run: StoredRun, taxa: Mapping[str, Taxon], version: str | None
) -> Training:
    """Write what a model may learn from as YOLO and as COCO, and store which images went into it.

    Args:
        database: A session on the results bucket.
        place: Of the dataset, its images and the folder.
        run: Its answer: labels of images that it counts as they are now are written.
        taxa: Those of the dataset file of today.
        version: Of the model that learns from it; None where that is not known yet.

    Raises:
        ConfigError: There is nothing to learn from, or the folder holds something.
    """
    layout, to = place.layout, place.to
    view_frame(database, run, taxa)
    imports = read_imports(database.results, layout)
    names = counted_names(run)
    view_labels(database, imports, names)
    numbers = {taxon: place for place, taxon in enumerate(sorted(set(names.values())))}
    images, left_out = _sort_out(database.run(_LINES).fetchall(), numbers)
    if not images:
        why = ", ".join(f"{number} {words}" for words, number in sorted(left_out.items())) or "no image is labelled yet"
        raise ConfigError(f"Nothing to learn from: {why}")
    try:
        to.mkdir(parents=True, exist_ok=True)
        if there := sorted(entry.name for entry in to.iterdir()):
            raise ConfigError(f"{to} is not empty ({shown(there[0], 100)} lies there) - name a new folder")
        written, failed = write_pictures(place.source, images, to / "images", run.picture_limits.byte_limit)
        _write_yolo(to, written, numbers)
        for part in (TRAIN, VAL):
            _write_coco(to / f"coco-{part}.json", [one for one in written if one.part == part], numbers)
    except OSError as err:
        raise ConfigError(f"{to} cannot be written: {err.strerror or err} - name another folder, or make room") from err
    parts = {part: sum(one.part == part for one in written) for part in (TRAIN, VAL)}
    told = {
        "format_version": FORMAT_VERSION,
        "dataset": layout.dataset,
        "made_at": utc_text(datetime.now(UTC)),
        "version": version,
        "days_share": LOOKED_AT,
        "labels": [one.name for one in imports],
        "parts": parts,
        "left_out": dict(sorted(left_out.items())),
        "lines": _store_images(database, layout, written),
    }
    return Training(store_json(database.results, layout, "trainings", told), parts, left_out, failed)


def name_version(database: Database, layout: DatasetLayout, name: str, version: str) -> str:
    """Say later which version learnt from a training set; return the 16 digits of what says so.

    Raises:
        ConfigError: There is no such set.
    """
    sets = {one.name: one for one in read_trainings(database.results, layout)}
    if name not in sets:
        there = ", ".join(list(sets)[-5:]) or "none"
        raise ConfigError(f"No training set {shown(name, 40)!r} of dataset {layout.dataset} - there are {there}")
    told = database.results.read_json(layout.evidence_file("trainings", name, "json"))
    return store_json(
        database.results, layout, "trainings", {**told, "version": version, "made_at": utc_text(datetime.now(UTC))}
    )


def _sort_out(rows: Sequence[tuple[Any, ...]], numbers: Mapping[str, int]) -> tuple[list[Learnt], Counter[str]]:
    """Keep images all of whose individuals have a box and a taxon, of days that may be learnt from."""
    found, left_out = [], Counter[str]()
    for _, lines in groupby(rows, lambda row: row[1]):
        image = list(lines)
        _, key, version, size, sha256, mark, width, height, day_number = image[0][:9]
        said = [row[9:15] for row in image if row[15] >= 0]
        if day_number >= LOOKED_AT:
            left_out[KEPT] += 1
        elif any(x1 is None for _, _, x1, *_ in said):
            left_out["with individuals that have no box"] += 1
        elif any(taxon is None for _, taxon, *_ in said):
            left_out["with words that are no taxon"] += 1
        else:
            part = TRAIN if day_number < LEARNT else VAL
            ending = Path(key).suffix.lower()
            ending = ending if ending in ENDINGS else ".jpg"
            boxes = tuple((numbers[taxon], *edges) for _, taxon, *edges in said)
            found.append(Learnt(f"{part}/{mark}{ending}", part, key, version, size, sha256, width, height, boxes))
    return found, left_out


def _write_yolo(to: Path, images: Sequence[Learnt], numbers: Mapping[str, int]) -> None:
    for one in images:
        path = (to / "labels" / one.name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(_yolo_lines(one)), encoding="utf-8")
    names = "\n".join(f"  {number}: {json.dumps(taxon, ensure_ascii=False)}" for taxon, number in numbers.items())
    val = VAL if any(one.part == VAL for one in images) else TRAIN
    text = f"path: .\ntrain: images/{TRAIN}\nval: images/{val}\nnames:\n{names}\n"
    (to / "data.yaml").write_text(text, encoding="utf-8")


def _yolo_lines(image: Learnt) -> Iterator[str]:
    for number, x1, y1, x2, y2 in image.boxes:
        middle = (x1 + x2) / 2 / image.width, (y1 + y2) / 2 / image.height
        size = (x2 - x1) / image.width, (y2 - y1) / image.height
        yield f"{number} {' '.join(f'{value:.6f}' for value in (*middle, *size))}\n"


def _write_coco(path: Path, images: Sequence[Learnt], numbers: Mapping[str, int]) -> None:
    boxes = [(place, box) for place, image in enumerate(images, 1) for box in image.boxes]
    found = {
        "images": [
            {"id": place, "file_name": f"images/{one.name}", "width": one.width, "height": one.height}
            for place, one in enumerate(images, 1)
        ],
        "categories": [{"id": number + 1, "name": taxon, "supercategory": ""} for taxon, number in numbers.items()],
        "annotations": [
            {
                "id": place,
                "image_id": image,
                "category_id": number + 1,
                "bbox": [round(x1, 2), round(y1, 2), round(x2 - x1, 2), round(y2 - y1, 2)],
                "area": round((x2 - x1) * (y2 - y1), 2),
                "iscrowd": 0,
            }
            for place, (image, (number, x1, y1, x2, y2)) in enumerate(boxes, 1)
        ],
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")


def _store_images(database: Database, layout: DatasetLayout, images: Sequence[Learnt]) -> dict[str, Any]:
    columns = [[getattr(one, name) for one in images] for name in TRAININGS]
    lists = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, kind in TRAININGS.items())
    database.run(f"CREATE OR REPLACE TABLE learnt_from AS SELECT {lists}", columns)
    return store_lines(database, layout, "trainings", "FROM learnt_from ORDER BY key")


def describe(training: Training, to: Path, version: str | None) -> Iterator[str]:
    """Say what was written, in lines."""
    parts = ", ".join(f"{counted(number, 'image')} in {part}" for part, number in training.parts.items())
    yield f"training set {training.name}: {parts}, written to {to} (data.yaml, coco-train.json, coco-val.json)"
    for words, number in sorted(training.left_out.items()):
        yield f"left out: {counted(number, 'labelled image')} {words}"
    for why, number in sorted(training.failed.items()):
        yield f"no picture of {counted(number, 'image')}: {why}"
    if not training.parts[VAL]:
        yield "no labelled day is for val: data.yaml names train for both - the scores while it learns flatter the model"
    if KEPT not in training.left_out:
        yield "no labelled day is kept for judging: whoever learns from this is judged once other days are labelled"
    if version is None:
        yield f"once it is trained: python -m shoal labels DATASET --trained VERSION --set {training.name}"
    else:
        yield f"version {version} will be judged on the other days alone"
