"""How a sample is handed out: a module for each labelling tool's list, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple, Protocol, cast

from shoal.contract.errors import ConfigError, shown

KINDS = {
    "biigle": "shoal.evidence.lists.biigle:BIIGLE",
    "coco": "shoal.evidence.lists.coco:COCO",
    "cvat": "shoal.evidence.lists.coco:CVAT",
    "fiftyone": "shoal.evidence.lists.coco:FIFTYONE",
    "label-studio": "shoal.evidence.lists.label_studio:LABEL_STUDIO",
    "megadetector": "shoal.evidence.lists.megadetector:MEGADETECTOR",
}
"""The tools there are lists for, and the object of each: a `ListKind`."""

SECOND = ".second"
"""Stands in the names of the lists for the second person."""


class ShownBox(NamedTuple):
    """A box of the model's, px of the image as it is shown."""

    taxon: str
    confidence: float
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class HandedImage:
    """One image as it is handed out.

    Attributes:
        name: Its file.
        key: What it is.
        object_version: As the run looked at it.
        size_bytes: Likewise.
        content_sha256: Likewise.
        camera: Its camera.
        captured_at: UTC.
        width: px, turned as EXIF says.
        height: Likewise.
        twice: Whether a second person is asked, too.
        boxes: What the model says; empty where people label blind.
    """

    name: str
    key: str
    object_version: str
    size_bytes: int
    content_sha256: str
    camera: str
    captured_at: datetime | None
    width: int
    height: int
    twice: bool
    boxes: tuple[ShownBox, ...] = ()


@dataclass(frozen=True)
class Handed:
    """What a list is made of.

    Attributes:
        sample: Name of the sample.
        dataset: Whose.
        model: What predicted, where predictions are shown.
        blind: Whether they are not.
        taxa: What people may see.
        images: In the order in which they are to be labelled.
    """

    sample: str
    dataset: str
    model: str
    blind: bool
    taxa: tuple[str, ...]
    images: tuple[HandedImage, ...]


class ListKind(Protocol):
    """Writes a list of images as a labelling tool reads it."""

    @property
    def folder(self) -> str:
        """The pictures' folder beside the list."""

    @property
    def shows_boxes(self) -> bool:
        """Whether the tool reads the model's boxes from it."""

    @property
    def how(self) -> str:
        """What a person does with it, in a line."""

    def write(self, handed: Handed, to: Path, mark: str) -> Sequence[Path]:
        """Write the list.

        Args:
            handed: What of.
            to: Folder.
            mark: Stands in the names of its files: empty, or `SECOND`.
        """


def find_list(name: str) -> ListKind:
    """Load a kind of list.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in KINDS:
        raise ConfigError(f"--format {shown(name, 60)!r} not understood - one of {', '.join(KINDS)}")
    return cast("ListKind", resolve_name(KINDS[name]))
