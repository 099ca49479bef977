"""Hands a stored sample out: pictures as they lie in the bucket, byte by byte, and the list of a labelling tool.

A picture is written whole, and only if its bytes are those that the run looked at. What was begun goes on where it stopped.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, ContractError, shown
from shoal.contract.units import counted
from shoal.evidence.design import Design
from shoal.evidence.draw import ENDINGS
from shoal.evidence.labelled import view_drawn
from shoal.evidence.lists import SECOND, Handed, HandedImage, ListKind, ShownBox
from shoal.evidence.pictures_out import write_pictures
from shoal.evidence.taxon_names import counted_names
from shoal.stores.images import ImageSource
from shoal.tables.session import Database

TOLD = "sample.json"
"""Says in the folder which sample it holds."""

_NAME = re.compile(rf"[0-9]{{5}}-[0-9a-f]{{16}}({'|'.join(map(re.escape, ENDINGS))})")

_HANDED = """
    WITH handed AS (
        SELECT frame.key, object_version, size_bytes, content_sha256, camera, captured_at, width, height, name, number, twice
        FROM drawn JOIN frame USING (key, content_sha256) WHERE number IS NOT NULL
    )
    SELECT handed.name, handed.key, handed.object_version, size_bytes, content_sha256, handed.camera, handed.captured_at,
        handed.width, handed.height, twice, taxon, confidence, x1, y1, x2, y2
    FROM handed LEFT JOIN (FROM detections WHERE role = 'count' AND getvariable('evidence_shown')) AS boxes
        USING (key, object_version)
    ORDER BY number, position
"""


@dataclass(frozen=True)
class HandedOut:
    """What was written.

    Attributes:
        pictures: How many.
        for_two: How many of them are in the second list, too.
        failed: Pictures that could not be read, by why.
        gone: Images of the sample that the answer at hand does not have as they were drawn, or may not show.
        files: The lists, as they lie in the folder.
        how: What a person does with them.
    """

    pictures: int
    for_two: int
    failed: Counter[str]
    gone: int
    files: tuple[Path, ...]
    how: str


def need_shown(kind: ListKind, name: str, *, blind: bool) -> None:
    """Check that a tool can show predictions, if that is asked for.

    Raises:
        ConfigError: It cannot.
    """
    if not blind and not kind.shows_boxes:
        raise ConfigError(
            f"--with-predictions: {name} takes no boxes of others - leave it out, or name another --format"
        )


def hand_out(
    database: Database, source: ImageSource, run: StoredRun, design: Design, *, kind: ListKind, to: Path
) -> HandedOut:
    """Write pictures and lists of a sample that is stored.

    Args:
        database: Holds the views of `frame.view_frame`.
        source: The images.
        run: Whose answer the views are of.
        design: The sample.
        kind: For which tool.
        to: A folder that is not there, is empty, or holds what was written of this sample.

    Raises:
        ConfigError: The folder holds something else, or nothing could be read.
        ContractError: The sample is not as it was stored.
    """
    images = _read_images(database, design)
    try:
        _take_folder(to, design)
        written, failed = write_pictures(source, images, to / kind.folder, run.picture_limits.byte_limit)
        if not written and images:
            raise ConfigError(f"None of {counted(len(images), 'picture')} could be read: {'; '.join(failed)}")
        files = [one.relative_to(to.absolute()) for one in _write_lists(design, run, written, kind, to.absolute())]
    except OSError as err:
        raise ConfigError(f"{to} cannot be written: {err.strerror or err} - name another folder, or make room") from err
    twice = sum(image.twice for image in written)
    return HandedOut(len(written), twice, failed, design.json["drawn"]["new"] - len(images), tuple(files), kind.how)


def _read_images(database: Database, design: Design) -> list[HandedImage]:
    view_drawn(database, [design])
    database.set_variable("evidence_shown", not design.blind)
    found: list[HandedImage] = []
    for _, lines in groupby(database.run(_HANDED).fetchall(), lambda line: line[:10]):
        first, *more = lines
        if not _NAME.fullmatch(first[0]):
            raise ContractError(
                f"Sample {design.name} names a picture {shown(first[0], 100)!r}, and Shoal names none so - see "
                "who may write to the results bucket"
            )
        boxes = [ShownBox(*line[10:]) for line in (first, *more) if line[12] is not None]
        found.append(replace(HandedImage(*first[:10]), boxes=tuple(boxes)))
    return found


def _take_folder(to: Path, design: Design) -> None:
    to.mkdir(parents=True, exist_ok=True)
    told = to / TOLD
    if told.is_file():
        try:
            there = json.loads(told.read_text(encoding="utf-8")).get("sample")
        except (ValueError, AttributeError):
            there = None
        if there == design.name:
            return
        raise ConfigError(f"{to} holds another sample ({shown(str(there), 40)}) - name a new folder")
    if others := sorted(entry.name for entry in to.iterdir()):
        raise ConfigError(f"{to} is not empty ({shown(others[0], 100)} lies there) - name a new folder")
    told.write_text(
        json.dumps({"sample": design.name, "blind": design.blind, **_of(design)}, indent=1), encoding="utf-8"
    )


def _of(design: Design) -> dict[str, str]:
    return {name: design.json[name] for name in ("dataset", "run_key", "model")}


def _write_lists(
    design: Design, run: StoredRun, images: Sequence[HandedImage], kind: ListKind, to: Path
) -> tuple[Path, ...]:
    taxa = tuple(sorted(set(counted_names(run).values())))
    handed = Handed(design.name, design.json["dataset"], str(run.plan.models), design.blind, taxa, tuple(images))
    files = list(kind.write(handed, to, ""))
    if second := tuple(image for image in images if image.twice):
        files += kind.write(replace(handed, images=second), to, SECOND)
    table = to / "images.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["name", "key", "content_sha256", "camera", "captured_at", "for_two"])
        for image in images:
            at = f"{image.captured_at:%Y-%m-%dT%H:%M:%SZ}" if image.captured_at else ""
            lines.writerow([image.name, image.key, image.content_sha256, image.camera, at, image.twice])
    return (*dict.fromkeys(files), table)


def describe(found: HandedOut, design: Design, to: Path) -> list[str]:
    """Say what was written, in lines."""
    lines = [f"written  {to}: {counted(found.pictures, 'picture')}, {', '.join(map(str, found.files))}"]
    if found.for_two:
        lines.append(
            f"for two people: {counted(found.for_two, 'picture')}, the lists with {SECOND} in their name are the second one's"
        )
    lines += [f"no picture of {counted(number, 'image')}: {why}" for why, number in sorted(found.failed.items())]
    if found.gone:
        lines.append(f"no longer in the answer as they were drawn, or not to be shown: {counted(found.gone, 'image')}")
    shown_or_not = (
        "blind: the model's boxes are not shown"
        if design.blind
        else "the model's boxes are shown, and labels marked so"
    )
    lines += [f"{shown_or_not}; label in the order of the names, and stop wherever you like", found.how]
    return lines
