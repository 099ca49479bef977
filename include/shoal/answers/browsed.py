"""What is asked of an answer that people look through, and what they are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shoal.contract.outlines import Point

A_PAGE = 24
"""Images on a page."""

MOST_BOXES = 300
"""Boxes told of one image, those with the highest scores."""

USES = ("used", "unusable", "duplicate", "undated", "failed")
BY_BOXES = {
    "most": "coalesce(boxes, 0) DESC, most DESC NULLS LAST",
    "doubt": "least NULLS LAST",
    "sure": "most DESC NULLS LAST",
}
BY_IMAGE = {"time": "dated", "newest": "dated DESC", "random": "hash(n, {seed:d})"}
ORDERS = (*BY_BOXES, *BY_IMAGE)
"""By their boxes: most of them, the least sure one first, the surest one first, those without any last; or by themselves."""


@dataclass(frozen=True)
class Asked:
    """Which images are asked for; each field that is empty leaves nothing out.

    Attributes:
        taxon: With a box of it.
        camera: Of this camera.
        start: Taken from then on, UTC; of an image without a time, changed in the bucket.
        end: Before then, likewise.
        use: What the answer made of it; empty for any.
        conf: Boxes from this score on, in place of the thresholds of the run; None for those.
        order: One of `ORDERS`.
        seed: Of the random order.
        page: From 1.
    """

    taxon: str = ""
    camera: str = ""
    start: datetime | None = None
    end: datetime | None = None
    use: str = "used"
    conf: float | None = None
    order: str = "most"
    seed: int = 1
    page: int = 1


@dataclass(frozen=True)
class SeenBox:
    """One box, pixels of the image; edges are None where it is said of the image as a whole.

    Attributes:
        taxon: What it is counted as.
        conf: Score.
        is_below: Whether it counts not in the run, by its threshold.
        colour: Of its taxon.
        position: Its place in its row.
        x1: Left edge.
        y1: Top edge.
        x2: Right edge.
        y2: Bottom edge.
        outline: What it is drawn as, where that is not its own edge.
        points: Its key points.
        first: What the first of two models called it; empty where there is one.
        then_conf: Score of the second one for what it is called.
    """

    taxon: str
    conf: float
    is_below: bool
    colour: str
    position: int
    x1: float | None
    y1: float | None
    x2: float | None
    y2: float | None
    outline: tuple[tuple[Point, ...], ...] = ()
    points: tuple[Point, ...] = ()
    first: str = ""
    then_conf: float | None = None


@dataclass(frozen=True)
class SeenImage:
    """One image as the answer has it, and the boxes that were asked for."""

    n: int
    key: str
    object_version: str
    size_bytes: int
    content_sha256: str | None
    use: str
    reason: str | None
    camera: str
    captured_at: datetime | None
    dated: datetime
    width: int | None
    height: int | None
    luma_mean: float | None
    sharpness: float | None
    damaged: str | None
    clock_flag: str | None
    max_det_reached: bool | None
    boxes: tuple[SeenBox, ...] = ()


@dataclass(frozen=True)
class ImagesPage:
    """Some images of those asked for.

    Attributes:
        images: Them.
        of: Those there are.
        hidden: Those that are not shown, because they show people or nobody knows whether they do; whatever else they show.
    """

    images: tuple[SeenImage, ...]
    of: int
    hidden: int


@dataclass(frozen=True)
class Neighbours:
    """The images before and after one, of its camera: (key, object_version); None at either end."""

    before: tuple[str, str] | None
    after: tuple[str, str] | None


@dataclass(frozen=True)
class Failed:
    """An image that is in no number; its fate, and where it has them the reason and more of it."""

    key: str
    object_version: str
    size_bytes: int
    fate: str
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class FailuresPage:
    """What failed: how many of each fate and reason, and some of those asked for."""

    groups: tuple[tuple[str, str | None, int], ...]
    images: tuple[Failed, ...]
    of: int
    are_hidden: bool


@dataclass(frozen=True)
class ToDraw:
    """What a picture is made of."""

    key: str
    object_version: str
    size_bytes: int
    content_sha256: str | None


def in_words(counts: Mapping[str, int]) -> str:
    """Say how many boxes there are of each taxon, the most first."""
    told = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{count} {taxon}" for taxon, count in told) or "no boxes"
