"""Whether an answer carries the object that was listed: by its ETag, or when it was last modified, and by its length."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from shoal.contract.units import utc_text
from shoal.stores.images import ImageChanged
from shoal.stores.s3_listing import TIME_VERSION

WHOLE_SECOND = timedelta(seconds=1)


def unquoted(etag: str) -> str:
    """Drop the quotes around an ETag, and the mark of a weak one."""
    return etag.removeprefix("W/").strip('"')


def need_same(key: str, headers: Mapping[str, str], version: str, size_bytes: int) -> bool:
    """Compare an answer with what was listed, before its body is read; return whether it tells its version, too.

    Raises:
        ImageChanged: It is of another object.
    """
    if version.startswith(TIME_VERSION):
        checked = _need_same_time(key, headers, version)
    else:
        etag = unquoted(headers.get("ETag", ""))
        checked = bool(etag)
        if checked and etag != unquoted(version):
            raise ImageChanged(f"{key}: ETag {etag}, listed {unquoted(version)}")
    length = length_of(headers)
    if length is not None and length != size_bytes:
        raise ImageChanged(f"{key}: {length} bytes, listed {size_bytes}")
    return checked


def _need_same_time(key: str, headers: Mapping[str, str], version: str) -> bool:
    """Compare when an object was last modified; return whether the answer tells it.

    Raises:
        ImageChanged: At another time.
    """
    try:
        modified = parsedate_to_datetime(headers["Last-Modified"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return False
    listed = datetime.fromisoformat(version.removeprefix(TIME_VERSION))
    if abs(modified - listed) >= WHOLE_SECOND:  # a header has no fraction, a listing may have one
        raise ImageChanged(f"{key}: last modified {utc_text(modified)}, listed {version.removeprefix(TIME_VERSION)}")
    return True


def length_of(headers: Mapping[str, str]) -> int | None:
    """Read the length that an answer announces; None where it announces none, or what is no number."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None
