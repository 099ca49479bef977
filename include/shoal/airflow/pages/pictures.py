"""Pictures that pages show, of images as a run looked at them: drawn in the few processes that all pages share."""

import atexit
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from shoal.airflow.pages.kept import Kept
from shoal.airflow.pages.looking import OpenRun, look
from shoal.answers.browse import BrowsedAnswer
from shoal.contract.errors import ConfigError
from shoal.pictures.drawing import Drawing
from shoal.pictures.pool import Picture, PicturePool

T = TypeVar("T")

PICTURE_S = 40.0
"""So long a picture may take with those before it."""

PICTURES = PicturePool()
atexit.register(PICTURES.close)

FOUND = Kept(threads=4, most=4000, deadline_s=15.0)
"""What single pictures are made of."""

DRAWS = Kept(threads=8, most=400, deadline_s=PICTURE_S)


@dataclass(frozen=True)
class ToShow:
    """A picture that may be shown.

    Attributes:
        run: The run that looked at its image.
        drawing: What it is made of.
    """

    run: OpenRun
    drawing: Drawing

    @property
    def tag(self) -> str:
        """Name it as an ETag: one that a browser has it keeps."""
        one = self.drawing
        told = repr((one.key, one.object_version, one.content_sha256, one.long_side_px))
        return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


async def picture_asked(run: OpenRun, key: str, object_version: str, side_px: int) -> ToShow:
    """Find what a picture of an image of a run is made of.

    Raises:
        StillComingError: The answer is on its way.
        ConfigError: There is no such image, or it is not shown.
    """
    return to_show(run, await _find(run, key, object_version), side_px)


def to_show(run: OpenRun, drawing: Drawing, side_px: int) -> ToShow:
    """Take an image of a run for a picture without boxes: they lie over it, as the page has them.

    Raises:
        ConfigError: It is not where the dataset file has the images.
    """
    # Whoever writes tables has no say over the rest of the bucket.
    source = run.place.dataset.source if run.place.dataset else run.plan.settings.source
    if not drawing.key.startswith(source.prefix):
        raise ConfigError(f"it is not below {source.prefix}, where the dataset file has the images now")
    return ToShow(run, replace(drawing, boxes=(), long_side_px=side_px))


async def make_picture(asked: ToShow) -> Picture:
    """Give a picture, or why there is none; raises as `picture_asked`."""

    def make() -> Picture:
        source = asked.run.source
        return PICTURES.picture(f"{source.address}/{source.bucket}", source, asked.drawing, asked.run.limits)

    return await _draw(asked.run, make)


async def picture_of(run: OpenRun, key: str, object_version: str, side_px: int) -> Picture:
    """Give a picture of an image of a run, or why there is none; raises as `picture_asked`."""
    return await make_picture(await picture_asked(run, key, object_version, side_px))


async def original_of(run: OpenRun, key: str, object_version: str) -> bytes | str:
    """Give an image's own bytes, or why there are none; raises as `picture_asked`."""
    asked = await picture_asked(run, key, object_version, 0)
    return await _draw(run, lambda: PICTURES.original(run.source, asked.drawing))


async def _find(run: OpenRun, key: str, object_version: str) -> Drawing:
    """Find an image; only the run's tables say which there are."""

    def find(answer: BrowsedAnswer) -> Drawing:
        found = answer.to_draw(key, object_version)
        return Drawing(found.key, found.object_version, found.size_bytes, content_sha256=found.content_sha256 or "")

    return await look(run, ("to draw", key, object_version), find, FOUND)


async def _draw(run: OpenRun, make: Callable[[], T]) -> T:
    """Make something for one person, in a thread of those for pictures."""
    return (await DRAWS.get(f"Pictures of run {run.run_key}", object(), make, fresh_s=0.0, keep=False)).value
