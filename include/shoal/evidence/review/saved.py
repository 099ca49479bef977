"""What a reviewer's page saves: his labels, and of which page they are; whether somebody edited them since is told by a hash."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.evidence.labels import MOST_INDIVIDUALS, OF_A_REVIEW, text_of
from shoal.evidence.review.images import ReviewImage

VERSION = 1


@dataclass(frozen=True)
class SavedImage:
    """What was said of one image.

    Attributes:
        number: Its place in the order of labelling.
        key: It.
        content_sha256: Of its bytes.
        individuals: How many were seen; None where he cannot tell.
        after_boxes: Whether he said so after he had seen the model's boxes.
    """

    number: int
    key: str
    content_sha256: str
    individuals: int | None
    after_boxes: bool


@dataclass(frozen=True)
class Saved:
    """A reviewer's labels.

    Attributes:
        design: Name of the design that they are of.
        data_sha256: Of the data of the page that they were made with.
        reviewer: Who, in his words.
        saved_at: When, as his browser's clock had it.
        finished: Whether he had finished, and so had seen boxes.
        images: What he said.
        whole: Whether nothing was edited since the page saved it.
    """

    design: str
    data_sha256: str
    reviewer: str
    saved_at: str
    finished: bool
    images: tuple[SavedImage, ...]
    whole: bool

    @property
    def before_boxes(self) -> dict[int, int | None]:
        """By number, what he said before he saw any box: only that judges."""
        return {one.number: one.individuals for one in self.images if not one.after_boxes}


def is_saved(found: object) -> bool:
    """Whether JSON is what a page saved."""
    return isinstance(found, dict) and OF_A_REVIEW in found


def read_saved(path: Path) -> Saved:
    """Read a file that a page saved.

    Raises:
        ConfigError: It is none, or not whole.
    """
    try:
        found = json.loads(text_of(path))
    except (ValueError, RecursionError) as err:
        raise ConfigError(
            f"{shown(str(path), 300)} is no whole JSON: it may be cut off - save it again in the page"
        ) from err
    if not is_saved(found) or found[OF_A_REVIEW] != VERSION:
        raise ConfigError(f"{shown(str(path), 300)} is neither a review's page nor what one saved - name such a file")
    try:
        images = tuple(_image(one) for one in found["images"])
        said = [str(found[name]) for name in ("design", "data_sha256", "reviewer", "saved_at")]
        finished = _bool(found, "finished")
        return Saved(
            *(said[0], said[1], said[2], said[3]),
            finished,
            images,
            found["sha256"] == hash_of(said, images, finished=finished),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise ConfigError(
            f"{shown(str(path), 300)}: it is not as a page saves it ({shown(str(err), 80)}) - save it again there"
        ) from err


def _bool(said: Mapping[str, Any], name: str) -> bool:
    value = said[name]
    if type(value) is not bool:
        raise TypeError(name)
    return value


def _image(one: Mapping[str, Any]) -> SavedImage:
    number, individuals, after = one["number"], one["individuals"], _bool(one, "after_boxes")
    if type(number) is not int:
        raise TypeError("number")
    if individuals is not None and (type(individuals) is not int or not 0 <= individuals <= MOST_INDIVIDUALS):
        raise ValueError(f"individuals {individuals!r}")
    return SavedImage(number, str(one["key"]), str(one["content_sha256"]), individuals, after)


def hash_of(said: Sequence[str], images: Sequence[SavedImage], *, finished: bool) -> str:
    """Hash what was said, by words and whole numbers alone: they are written the same in every language."""
    lines = [*said, "finished" if finished else "open"]
    for one in images:
        count = "?" if one.individuals is None else str(one.individuals)
        lines += [str(one.number), one.key, one.content_sha256, count, "after" if one.after_boxes else "before"]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def differing(saved: Saved, drawn: Sequence[ReviewImage]) -> list[int]:
    """Give the numbers of what was said of an image that the design did not draw there, or said twice."""
    images = {one.number: (one.key, one.content_sha256) for one in drawn}
    numbers = [one.number for one in saved.images]
    return sorted(
        {
            one.number
            for one in saved.images
            if images.get(one.number) != (one.key, one.content_sha256) or numbers.count(one.number) > 1
        }
    )
