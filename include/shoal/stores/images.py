"""How the bytes of an image are read: what every source promises, a store or a mount, and what can go wrong."""

import re
from dataclasses import dataclass
from typing import Protocol


class ImageChanged(Exception):  # noqa: N818 - a fact about the object, not an error
    """The object is no longer the one that was listed."""


class ImageGone(Exception):  # noqa: N818 - a fact about the object, not an error
    """The object no longer exists."""


class ImageDenied(Exception):  # noqa: N818 - a fact about the object as long as the same login reads another one
    """The store refuses to give this object."""


class ImageMissing(ImageDenied):
    """The object is not there, as none would be where a disk or share is not mounted: gone, as long as another one is read."""


class ImageUnnamable(ImageDenied):
    """The object has a name that cannot be asked for: whatever the login, it is never read."""


class ImageArchived(Exception):  # noqa: N818 - a fact about the object, not an error
    """The object lies in an archive and must be restored before it can be read."""


@dataclass(frozen=True)
class Fetched:
    """The bytes of one object.

    Attributes:
        data: The whole object.
        version_checked: Whether the bytes were tied to the listed version, or to its size alone.
    """

    data: bytes
    version_checked: bool


class ImageSource(Protocol):
    """Reads whole objects by key; thread-safe."""

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """Read the object that was listed with this key, version and size.

        The version is the ETag, unquoted, of an S3 store; `time:` and when it was last modified where the listing has none;
        `file:`, size and time of last change of a file.

        Raises:
            ImageChanged: Another version or size.
            ImageGone: No such object.
            ImageMissing: Nor, perhaps, any other.
            ImageDenied: The store refuses to give it.
            ImageUnnamable: It has a name that cannot be asked for.
            ImageArchived: It must be restored first.
            StoreError: Store, mount or network failed: says nothing about the image.
            ConfigError: Wrong bucket or credentials.
        """


NOT_TEXT = re.compile("\ufffd%[0-9A-F]{2}")
"""How a listing shows a byte of a key that is no UTF-8, as names on old disks have them: such keys stay apart."""


def why_not_text(key: str) -> str:
    """Say why a key cannot be asked for that is no UTF-8; empty where it is."""
    return "is no UTF-8, as every key has to be" if NOT_TEXT.search(key) else ""


def refuse_segments(key: str, refused: frozenset[str], way_out: str) -> None:
    """Refuse a key that would name another object once its path is normalised.

    Raises:
        ImageUnnamable: A part of the key between slashes is among `refused`, or it is no UTF-8. A store that is asked for all
            others reads them.
    """
    if reason := why_not_text(key):
        raise ImageUnnamable(f"Key {key!r} {reason} - {way_out}")
    if not refused.isdisjoint(key.split("/")):
        raise ImageUnnamable(f"Key {key!r} cannot be read: its path would be normalised to another one - {way_out}")
