"""Pictures as they lie in the bucket, byte by byte, written whole, and only if their bytes are those that the run looked at."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from shoal.contract.errors import one_line
from shoal.stores.images import ImageArchived, ImageChanged, ImageDenied, ImageGone, ImageSource

CHANGED = "changed since the run looked at it"


class Picture(Protocol):
    """One image to write."""

    @property
    def key(self) -> str:
        """It."""

    @property
    def object_version(self) -> str:
        """As the run looked at it."""

    @property
    def size_bytes(self) -> int:
        """Likewise."""

    @property
    def content_sha256(self) -> str:
        """Likewise."""

    @property
    def name(self) -> str:
        """Of its file."""


Some = TypeVar("Some", bound=Picture)


def write_pictures(
    source: ImageSource, images: Iterable[Some], folder: Path, byte_limit: int
) -> tuple[list[Some], Counter[str]]:
    """Write pictures, one in memory at a time; what lies there already is left as it is.

    Args:
        source: Where they are.
        images: Which.
        folder: Where they go.
        byte_limit: Bytes that one may have.

    Returns:
        Those that are there, and how many of the others there are by why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, failed = [], Counter[str]()
    for image in images:
        path = folder / image.name
        path.parent.mkdir(exist_ok=True)
        why = (
            ""
            if path.is_file() and path.stat().st_size == image.size_bytes
            else _write(source, image, path, byte_limit)
        )
        if why:
            failed[why] += 1
        else:
            written.append(image)
    return written, failed


def _write(source: ImageSource, image: Picture, path: Path, byte_limit: int) -> str:
    """Write one; return why there is none, empty where there is."""
    if image.size_bytes > byte_limit:
        return f"more than {byte_limit} bytes"
    try:
        data = source.read(image.key, image.object_version, image.size_bytes).data
    except (ImageChanged, ImageGone, ImageArchived, ImageDenied) as err:
        return _WHY.get(type(err)) or one_line(err, 200) or "not given by the store"
    if hashlib.sha256(data).hexdigest() != image.content_sha256:
        return CHANGED
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
    return ""


_WHY: dict[type[Exception], str] = {ImageChanged: CHANGED, ImageGone: "gone", ImageArchived: "in an archive"}
