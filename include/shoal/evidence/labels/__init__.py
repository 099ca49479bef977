"""How people's labels are read: one module for each format, and the table of them; a file shows itself which one it is."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, cast

from shoal.contract.errors import ConfigError, shown

KINDS = {
    "label-studio": "shoal.evidence.labels.label_studio:LABEL_STUDIO",
    "megadetector": "shoal.evidence.labels.megadetector:MEGADETECTOR",
    "coco": "shoal.evidence.labels.coco:COCO",
    "biigle": "shoal.evidence.labels.biigle:BIIGLE",
    "biigle-image-labels": "shoal.evidence.labels.biigle:IMAGE_LABELS",
    "timelapse": "shoal.evidence.labels.timelapse:TIMELAPSE",
    "yolo": "shoal.evidence.labels.yolo:YOLO",
}
"""The formats there are, and the object of each: a `LabelKind`."""

OF_A_REVIEW = "shoal_review"
"""Field of the JSON that a reviewer's page saves; its value is the version of that format."""

MOST_BYTES = 256 * 1024**2
"""Of one file: labels of a hundred thousand images have a tenth of it."""

ANNOTATIONS, WHOLE_IMAGES, LINES = "annotations", "whole images", "lines"
"""Reports that say in several lines what a person says of an image: BIIGLE's two, and species line by line."""

MOST_INDIVIDUALS = 1_000_000
"""Of one image: a larger number counts no animals."""


@dataclass(frozen=True)
class SaidBox:
    """What a person said is there.

    Attributes:
        label: In his word.
        individuals: How many; a box is one.
        xyxy: Where, px of the image as it is shown; None where only a number was said.
        relative: Whether `xyxy` is in shares of the image's sides instead.
        sides: Width and height of the picture that `xyxy` is of, px; None where it is the image itself, as far as is known.
    """

    label: str
    individuals: int = 1
    xyxy: tuple[float, float, float, float] | None = None
    relative: bool = False
    sides: tuple[float, float] | None = None


@dataclass(frozen=True)
class SaidImage:
    """What one person said of one image.

    Attributes:
        file: The image, as the file names it.
        boxes: What is there.
        looked: Whether somebody looked; None where the file does not tell an image without anything from one nobody looked at.
        by_boxes: Whether boxes alone say so: they do not where a model's were shown, which come back as a person's do.
        person: Who; empty where the file does not say.
        number: Who, where the file has a number alone: in another installation it is somebody else.
        at: When, UTC; None where it does not say.
        part: Of which report the line is, where other lines of the same person say more of it; empty where it says all.
        source: Which one of the files that came together.
        counters: Columns in which a number stands: where one is of a taxon, somebody looked; other numbers say nothing.
        no_counts: What else stands in columns, by their name: where one is of a taxon, the file is not what it seems.
    """

    file: str
    boxes: tuple[SaidBox, ...] = ()
    looked: bool | None = True
    by_boxes: bool = False
    person: str = ""
    number: str = ""
    at: datetime | None = None
    part: str = ""
    source: int = 0
    counters: tuple[str, ...] = ()
    no_counts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    """A file or folder with labels, looked into once.

    Attributes:
        path: It.
        json: What it holds, of JSON; None of others.
        header: Columns, of CSV; empty of others.
    """

    path: Path
    json: Any = field(default=None, repr=False)
    header: tuple[str, ...] = ()


class LabelKind(Protocol):
    """Reads one format."""

    def is_one(self, opened: Opened) -> bool:
        """Whether a file is of this format."""

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read what people said.

        Raises:
            ConfigError: It is broken, or ends half-way.
        """


def open_labels(path: Path) -> tuple[str, LabelKind, Opened]:
    """Find out of which format a file or folder is.

    Raises:
        ConfigError: It is not there, too large, cut off, or of none.
    """
    opened = _look(path)
    if isinstance(opened.json, dict) and OF_A_REVIEW in opened.json:
        raise ConfigError(
            f"{shown(str(path), 300)} is a reviewer's: it counts one taxon and says nothing of others, and who tests a number "
            "does not make it, so it is no label - python -m shoal reviewer DATASET --check FILE says what follows from it"
        )
    for name, place in KINDS.items():
        kind = cast("LabelKind", resolve_name(place))
        if kind.is_one(opened):
            return name, kind, opened
    what, then = "is of none of the formats of labels that there are", "name the file that the labelling tool exported"
    if path.is_dir():
        what, then = (
            "is no folder of YOLO's labels, with data.yaml, classes.txt or obj.names",
            f"{then}, or such a folder",
        )
    elif not path.stat().st_size:
        what, then = "is empty", "export it again, whole"
    raise ConfigError(f"{shown(str(path), 300)} {what} - {then}; read are {', '.join(KINDS)}")


def text_of(path: Path) -> str:
    """Read a text that people wrote, by whatever program.

    Raises:
        ConfigError: It is not there, too large, or no text.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ConfigError(f"{shown(str(path), 300)} has {size} bytes, more than {MOST_BYTES} - give it in parts")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as err:
        raise ConfigError(f"{shown(str(path), 300)} cannot be read: {err.strerror} - name a file with labels") from err
    except UnicodeDecodeError as err:
        raise ConfigError(f"{shown(str(path), 300)} is no UTF-8 text (byte {err.start}) - export it as UTF-8") from err


def broken(opened: Opened, why: str) -> ConfigError:
    """Say that a file is not what its format promises."""
    return ConfigError(f"{shown(str(opened.path), 300)}: {why} - export it again, whole")


def number(opened: Opened, what: str, value: object) -> float:
    """Read a number.

    Raises:
        ConfigError: It is none.
    """
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = float("nan")
    if not abs(found) < 1e9:
        raise broken(opened, f"{what} is {shown(repr(value), 60)}, no number")
    return found


def count_in(value: object) -> int | None:
    """Read how many there are, also where it is written as 3.0; None where it is no count, as a temperature."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return int(found) if 0 <= found <= MOST_INDIVIDUALS and found == int(found) else None


def moment(text: object) -> datetime | None:
    """Read when something was said, in UTC; None where it cannot be read."""
    try:
        found = datetime.fromisoformat(str(text))
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _look(path: Path) -> Opened:
    if path.is_dir():
        return Opened(path)
    text = text_of(path)
    begins = text.lstrip()[:1]
    if begins in {"{", "["}:
        try:
            return Opened(path, json=json.loads(text))
        except (ValueError, RecursionError) as err:
            at = f" at line {err.lineno}" if isinstance(err, json.JSONDecodeError) else ""
            raise ConfigError(
                f"{shown(str(path), 300)} is no whole JSON{at}: it may be cut off - export it again, whole"
            ) from err
    first = text.splitlines()[0] if text.strip() else ""
    return Opened(path, header=tuple(name.strip().strip('"') for name in re.split("[,;]", first)))
