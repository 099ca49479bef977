"""One page of ListObjectsV2, read in one pass over the five fields that are needed.

The client's own parser looks every field of every object up by itself and takes many times as long: most of a listing.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote_plus, unquote_to_bytes
from xml.etree import ElementTree as ET

from shoal.contract.errors import StoreError
from shoal.contract.rows import ARCHIVES, RESTORED
from shoal.stores.listed import ListedObject
from shoal.stores.plain_page import PlainPage, cut_plain_page

_MINIO_WALK = b"[minio_cache:"
"""In the tokens of MinIO: the walk over its drives that a listing goes on with."""

TIME_VERSION = "time:"
"""How the version of an object begins where the store tells no ETag: when it was last modified follows."""

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What Python reads a byte as that is no UTF-8."""

MOST_BYTES = 2**63
"""Sizes are stored as 64-bit integers with a sign."""


@dataclass(frozen=True)
class ListingPage:
    """Objects of one page, folders left out, and the token of the next page; None at the end.

    Attributes:
        objects: In the server's order.
        next_token: Asks for the next page.
        folders: What a delimiter made one of: prefixes that end with it.
        markers: How many keys were left out, as they end with a slash and stand for a folder.
    """

    objects: list[ListedObject]
    next_token: str | None
    folders: tuple[str, ...] = ()
    markers: int = 0


def names_walk(token: str) -> bool:
    """Whether a continuation token is of MinIO, which reads ahead for a listing itself, and begins anew for each folder."""
    try:
        return _MINIO_WALK in base64.b64decode(token)
    except ValueError:
        return False


def parse_page(data: bytes) -> ListingPage:
    """Read a ListBucketResult.

    Raises:
        StoreError: It is none, or an object lacks a field.
    """
    try:
        plain = cut_plain_page(data)
        root = plain.around if plain else ET.fromstring(data)  # noqa: S314 - it comes from the store whose keys we hold
        namespace = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        fields = {f"{namespace}{name}": name for name in ("Key", "ETag", "Size", "LastModified", "StorageClass")}
        is_encoded = root.findtext(f"{namespace}EncodingType") == "url"
        objects = list(_read_plain(plain) if plain else _read_objects(root, namespace, fields, is_encoded=is_encoded))
        markers = len(plain.objects if plain else root.findall(f"{namespace}Contents")) - len(objects)
        named = [element.text or "" for element in root.iterfind(f"{namespace}CommonPrefixes/{namespace}Prefix")]
        folders = tuple(_text(name) if is_encoded else name for name in named)
    except (ET.ParseError, KeyError, ValueError, OverflowError) as err:
        raise StoreError(
            f"The store's listing cannot be read ({type(err).__name__}: {err}) - see the store's log"
        ) from err
    if root.tag != f"{namespace}ListBucketResult":
        # Taken for a listing without objects, it would be a bucket whose images are all gone.
        raise StoreError(f"The store's listing cannot be read (it is a {root.tag} document) - see the store's log")
    if (root.findtext(f"{namespace}IsTruncated") or "").lower() != "true":
        return ListingPage(objects, None, folders, markers)
    token = root.findtext(f"{namespace}NextContinuationToken")
    if not token:
        raise StoreError(
            "The store's listing goes on and does not say where (no NextContinuationToken) - see the store's log"
        )
    return ListingPage(objects, token, folders, markers)


def _read_plain(page: PlainPage) -> Iterator[ListedObject]:
    """Read the objects that were cut out of a page, as `_read_objects` does."""
    listed = ListedObject._make  # each object costs: no name is looked up for it twice, nothing is called for nothing
    for _, quoted, written, etag, size, storage_class in page.objects:
        key = _text(quoted) if "%" in quoted or "+" in quoted else quoted
        if key[-1:] != "/":
            modified = _utc(written)
            yield listed((key, etag or time_version(modified), int(size), modified, storage_class or None))


def _read_objects(
    root: ET.Element, namespace: str, fields: Mapping[str, str], *, is_encoded: bool
) -> Iterator[ListedObject]:
    """Read the objects of a page, folders left out."""
    tags: list[str] = []
    for element in root.iterfind(f"{namespace}Contents"):
        own = [child.tag for child in element]
        if (
            own != tags
        ):  # the objects of a page have the same fields in one order, with hardly an exception: looked up once
            tags, places = own, {fields[tag]: place for place, tag in enumerate(own) if tag in fields}
            key_at, size_at, modified_at = places["Key"], places["Size"], places["LastModified"]
            etag_at, class_at = places.get("ETag"), places.get("StorageClass")
        key = element[key_at].text or ""
        if is_encoded:
            key = _text(key)
        if key.endswith("/"):
            continue
        modified = _utc(element[modified_at].text or "")
        etag = "" if etag_at is None else (element[etag_at].text or "").replace('"', "")
        storage_class = None if class_at is None else element[class_at].text or None
        if storage_class in ARCHIVES and _is_restored(element, namespace):
            storage_class += RESTORED
        size_bytes = _size(element[size_at].text or "")
        yield ListedObject(key, etag or time_version(modified), size_bytes, modified, storage_class)


def _text(quoted: str) -> str:
    """Read a key that is encoded for an address; of one that is no UTF-8 each such byte is shown, see `NOT_TEXT`."""
    if "%" not in quoted and "+" not in quoted:
        return quoted
    folder, slash, name = quoted.rpartition("/")  # no character's bytes hold a slash's
    return _decode_folder(folder) + slash + (_decode(name) if "%" in name or "+" in name else name)


def _decode(quoted: str) -> str:
    key = unquote_plus(quoted)
    if "\ufffd" not in key:  # it stands for such a byte, or is itself in the key
        return key
    exact = unquote_to_bytes(quoted.replace("+", " ")).decode("utf-8", "surrogateescape")
    return _NO_TEXT.sub(lambda byte: f"\ufffd%{ord(byte[0]) - 0xDC00:02X}", exact)


_decode_folder = lru_cache(maxsize=256)(_decode)
"""Keys that follow each other lie in the same folder."""


def time_version(modified: datetime) -> str:
    """Write the version of an object without an ETag: with none at all, an overwritten one would keep its row for ever."""
    return f"{TIME_VERSION}{modified.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def _size(text: str) -> int:
    """Read a size in bytes; no object has fewer than none, and none has more than fits into a row.

    Raises:
        ValueError: It is none.
    """
    size_bytes = int(text)
    if not 0 <= size_bytes < MOST_BYTES:
        raise ValueError(f"a size of {size_bytes} bytes")
    return size_bytes


def _is_restored(element: ET.Element, namespace: str) -> bool:
    """Tell whether an object of an archive has a copy that can be read, see API_RestoreStatus of Amazon S3."""
    status = element.find(f"{namespace}RestoreStatus")
    if status is None or not status.findtext(f"{namespace}RestoreExpiryDate"):
        return False
    return (status.findtext(f"{namespace}IsRestoreInProgress") or "").lower() == "false"


def _utc(text: str) -> datetime:
    """Read a time; one without a zone is UTC, as S3 defines it, and one with an offset is brought there."""
    modified = datetime.fromisoformat(text)
    if modified.tzinfo is UTC:  # as nearly all
        return modified
    return modified.replace(tzinfo=UTC) if modified.tzinfo is None else modified.astimezone(UTC)
