"""One image of an answer: its pixels as the model saw them, and the boxes in them; never of one that shows people."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from shoal.answers.find import StoredRun
from shoal.answers.pixels import decode_apart
from shoal.answers.views import STORED
from shoal.contract.errors import ConfigError, ShoalError, shown
from shoal.pictures.people import People, people_of, with_people
from shoal.settings.analysis import Taxon
from shoal.stores.object_store import ImageStore
from shoal.tables.session import Database

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class OpenedImage:
    """One image.

    Attributes:
        key: Its key.
        array: `(height, width, 3)` uint8 RGB, turned as EXIF says; it may be drawn in.
        boxes: Its lines of `detections`: x1, y1, x2, y2 are pixels of the array.
    """

    key: str
    array: "np.ndarray"
    boxes: duckdb.DuckDBPyRelation


def read_image(
    database: Database,
    run: StoredRun,
    prefix: str,
    key: str,
    *,
    images: ImageStore | None,
    taxa: Mapping[str, Taxon],
) -> OpenedImage:
    """Read one image and its boxes.

    Args:
        database: A session with the views of the whole answer.
        run: Whose answer.
        prefix: What the names of these views begin with.
        key: Of an image of the answer.
        images: Where the images are; None where nobody said.
        taxa: Those of the dataset file of today.

    Raises:
        ConfigError: There is none, it was changed since, shows people or may show them, or nobody said where the images are.
    """
    found = database.records(f"SELECT size_bytes, content_sha256, use FROM {prefix}images WHERE key = ?", [key])
    if not found:
        raise ConfigError(f"No image {shown(key, 200)!r} in the answer of run {run.run_key}")
    _need_nobody(database, people_of(run.summary.result, run.run_key, taxa), prefix, key, found[0]["use"])
    data = _fetch(run, images, key, found[0]["size_bytes"], found[0]["content_sha256"])
    array = decode_apart(data, shown(key, 200), run.picture_limits)
    literal = "'" + key.replace("'", "''") + "'"
    boxes = database.relation(f"FROM {prefix}detections WHERE key = {literal} AND role = 'count' ORDER BY position")
    return OpenedImage(key, array, boxes)


def _need_nobody(database: Database, people: People, prefix: str, key: str, use: str) -> None:
    shows = with_people(people, [f"{STORED}{prefix}{view}" for view in ("detections", "below")])
    if database.value(f"SELECT count(*) FROM ({shows}) WHERE key = ?", [key]):
        raise ConfigError(f"Image {shown(key, 200)!r} shows people and is not shown")
    if use == "failed" and people.any:
        raise ConfigError(
            f"The model saw nothing of image {shown(key, 200)!r}: nobody knows whether it shows people, so it is not shown"
        )


def _fetch(run: StoredRun, images: ImageStore | None, key: str, size_bytes: int, content_sha256: str | None) -> bytes:
    source = run.plan.settings.source
    if images is None:
        raise ConfigError(
            f"Nobody said where the images of {source.what.lower()} {source.place} are - shoal.open(…, images=…), a "
            "folder or s3://bucket"
        )
    try:
        data = images.find_bytes(key, size_bytes)
    except ShoalError as err:
        raise ConfigError(f"Image {shown(key, 200)!r} cannot be read: {err}") from err
    if data is None:
        raise ConfigError(f"Image {shown(key, 200)!r} is not in {images.bucket} any more")
    if content_sha256 is None or hashlib.sha256(data).hexdigest() != content_sha256:
        raise ConfigError(
            f"Image {shown(key, 200)!r} was changed since the model saw it - its boxes are of other bytes"
        )
    return data
