"""What is asked of this room, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT

Style = Literal["counted", "below", "lost", "gained"]
"""How a box is drawn: `below` and `lost` are dashed, `gained` has a double line."""


@dataclass(frozen=True)
class Box:
    """One box, in pixels of the image as decoded (EXIF rotation applied), origin at the top left.

    Attributes:
        x1: Left edge, px; of a turned one that of the upright box around it.
        y1: Top edge, px, likewise.
        x2: Right edge, px, likewise.
        y2: Bottom edge, px, likewise.
        label: What it is called, in any script.
        class_id: The model's class: its colour where none is given.
        conf: Score, 0 to 1; it stands behind the label.
        style: How it is drawn.
        colour: `#rrggbb`, such as `colours_of` gives; empty for that of the class.
        whole: Whether it is said of the image as a whole: it has no edges, and its label stands in a corner.
        mask: COCO RLE of what is outlined in its place; empty for none.
        keypoints: x, y and score of each, px, None where unknown; of a turned one its corners.
        angle: By which it is turned, radians; None for an upright one.
        first: What the first of two models in a row calls it; empty where there is one.
        then_conf: Score of the second one for what it is called; None where that says nothing of it.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    class_id: int
    conf: float
    style: Style = "counted"
    colour: str = ""
    whole: bool = False
    mask: str = ""
    keypoints: tuple[float | None, ...] = ()
    angle: float | None = None
    first: str = ""
    then_conf: float | None = None

    @classmethod
    def of(cls, edges: Sequence[float | None], **said: Any) -> "Box":
        """Make one of edges as a table of boxes has them: NULL where it is said of the image as a whole."""
        x1, y1, x2, y2 = edges
        if x1 is None or y1 is None or x2 is None or y2 is None:
            return cls(0.0, 0.0, 0.0, 0.0, **said, whole=True)
        return cls(x1, y1, x2, y2, **said)


@dataclass(frozen=True)
class Drawing:
    """One image to draw.

    Whoever makes one has left out images that show people (`shoal.pictures.people`): nothing here knows roles.

    Attributes:
        key: The image.
        object_version: As the answer has it; another one is not drawn.
        size_bytes: Likewise.
        boxes: What is drawn on it, in this order.
        crop: Whether only the part around the first box is shown.
        long_side_px: Longer side of the picture, px.
        quality: Of the JPEG, 1 to 95.
        caption: What a contact sheet says below it; several lines are kept.
        content_sha256: Of the bytes that the run looked at; empty where unknown. Some stores tell no version of what they give.
    """

    key: str
    object_version: str
    size_bytes: int
    boxes: tuple[Box, ...] = ()
    crop: bool = False
    long_side_px: int = 640
    quality: int = 80
    caption: str = ""
    content_sha256: str = ""


@dataclass(frozen=True)
class Drawn:
    """What became of one drawing.

    Attributes:
        drawing: It.
        jpeg: The picture; None where there is none.
        width: Of the image itself, px, EXIF rotation applied; 0 where unknown.
        height: Likewise.
        why: Why there is no picture, in one line; None where there is one.
    """

    drawing: Drawing
    jpeg: bytes | None
    width: int = 0
    height: int = 0
    why: str | None = None


@dataclass(frozen=True)
class PictureLimits:
    """What one picture may cost.

    Attributes:
        pixel_limit: Most pixels of an image: the dataset's `model.pixel_limit`.
        scan_limit: Most scans of a JPEG: `model.scan_limit`.
        memory_bytes: Memory of the process that decodes, beyond what it takes to start.
        seconds: In which an image must be decoded and drawn.
        byte_limit: Bytes that an image may have: more are not fetched.
        fetch_seconds: In which it must have come from its store.
    """

    pixel_limit: int = PIXEL_LIMIT
    scan_limit: int = SCAN_LIMIT
    memory_bytes: int = 2 * 1024**3
    seconds: float = 60.0
    byte_limit: int = 256 * 1024**2
    fetch_seconds: float = 60.0
