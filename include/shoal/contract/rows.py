"""Columns of every Parquet object Shoal stores, as DuckDB types, and the words used in them."""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """What became of one image."""

    PROCESSED = "processed"
    FAILED = "failed"
    CHANGED = "changed"
    """The object's ETag or size is no longer the listed one; the next run lists it anew."""
    GONE = "gone"
    DENIED = "denied"
    """The store refused this object while the same login read another one in the same attempt."""


class Reason(StrEnum):
    """Why an image is `failed`: always a property of its bytes, never of the infrastructure."""

    EMPTY = "empty"
    NOT_IMAGE = "not_image"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    TOO_COMPLEX = "too_complex"
    UNSUPPORTED = "unsupported"
    KILLED_WORKER = "killed_worker"
    REFUSED_BY_SERVICE = "refused_by_service"
    """By a program beside the worker, which answered for another image right after."""


FATES = ("reused", "processed", "failed", "changed", "gone", "archived", "denied", "unsettled", "pending")
"""What becomes of every listed image in one run: exactly one of them (guarantee G1)."""

ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects must be restored before they can be read, by
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html. Ceph, OVH and Scaleway use the same words.
GLACIER_IR, STANDARD_IA, ONEZONE_IA, NEARLINE, COLDLINE are read at once; ARCHIVE is such a class of one vendor and not of another
(Google's is read at once), and of INTELLIGENT_TIERING the listing does not tell the tier: there reading decides."""

RESTORED = " (restored)"
"""What stands behind the class of an object in an archive where the listing says that a restored copy can be read: such an
object is read like any other."""

RESTORE = (
    "restore them, then run again - Amazon's listing tells which are restored, other stores need a copy in a class that is read "
    "at once"
)
"""The way out of an archive, wherever somebody is told of images in one."""

NO_IMAGES = frozenset({Reason.EMPTY, Reason.NOT_IMAGE})
"""Known for what they are: they say nothing of how images are decoded, so no shard ends because of them."""

DETECTION_TYPE = "STRUCT(class_id INTEGER, confidence FLOAT, x1 FLOAT, y1 FLOAT, x2 FLOAT, y2 FLOAT)"
"""One box: `xyxy` in pixels of the image as decoded (EXIF rotation applied), origin top left."""

EXIF_TYPE = "STRUCT(local_time TIMESTAMP, offset_minutes SMALLINT, make VARCHAR, model VARCHAR, serial VARCHAR)"
"""What a camera wrote into its image: DateTimeOriginal with its fraction, OffsetTimeOriginal, Make, Model, BodySerialNumber.
Texts are printable and at most 64 characters; a time that no calendar has is NULL."""

LISTING_COLUMNS = {
    "key": "VARCHAR",
    "object_version": "VARCHAR",
    "size_bytes": "BIGINT",
    "last_modified": "TIMESTAMP",
    "storage_class": "VARCHAR",
}
"""The files of a listing: the bucket as one run froze it; times are UTC. `object_version` is an ETag, without quotes,
or what else the store tells a version by; `storage_class` is the store's word, NULL where it says none."""

MANIFEST_COLUMNS = {**LISTING_COLUMNS, "shard": "INTEGER"}
"""`manifest.parquet`: the images one run is to infer, with their shard."""

ROW_COLUMNS = {
    "key": "VARCHAR",
    "object_version": "VARCHAR",
    "size_bytes": "BIGINT",
    "content_sha256": "VARCHAR",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "detail": "VARCHAR",
    "damaged": "VARCHAR",
    "width": "INTEGER",
    "height": "INTEGER",
    "exif": EXIF_TYPE,
    "detections": f"{DETECTION_TYPE}[]",
    "masks": "VARCHAR[]",
    "keypoints": "FLOAT[][]",
    "angles": "FLOAT[]",
    "reclassified": "STRUCT(class_id INTEGER, confidence FLOAT)[]",
    "class_scores": "FLOAT[]",
    "files": "VARCHAR[]",
    "max_det_reached": "BOOLEAN",
    "luma_mean": "FLOAT",
    "luma_std": "FLOAT",
    "luma_grid": "UTINYINT[]",
    "sharpness": "FLOAT",
    "dhash": "UBIGINT",
    "seconds": "FLOAT",
    "version_checked": "BOOLEAN",
    "copied_from_version": "VARCHAR",
    "worker_version": "VARCHAR",
    "run_key": "VARCHAR",
    "attempt": "VARCHAR",
    "ledger": "VARCHAR",
}
"""Parts and ledgers: one row per image, facts of its bytes and the model only.

`detail` is what the decoder or the store said of an image, harmless words about a processed one included; `damaged` what
the decoder said of one whose pixels were decoded all the same and are not those that were written, NULL for a whole one.
`exif` is NULL where the image has none.

`detections` is NULL unless the status is `processed`, and `[]` when the model saw nothing. Beside it, in its order and NULL
where the model gives none: `masks` (COCO RLE), `keypoints` (x, y, visibility of each), `angles` (radians), `reclassified` (class
and score by a second model). `class_scores` are a classifier's, by class_id; `files` the keys of what a service stored besides.

`luma_*` are of the 8-bit luma, `luma_grid` its means in 4 x 4 fields, row by row; `sharpness` is the variance of its
Laplacian. `dhash` is the difference hash: the luma averaged into 8 rows of 9 fields; a bit for each field and its right
neighbour, row by row from the highest bit on, 1 where the right one is brighter. All of them are of the decoded image
halved until its long side is below 1280 px.

`seconds` is decoding plus inference. `object_version` and `size_bytes` are the listed ones. `copied_from_version` names
the row's origin where an operator said that new versions mean the same bytes. `ledger` is the name of the ledger that a row
was first written to; NULL in parts.
"""

FORMAT_1_NAMES = {
    "object_version": "etag",
    "version_checked": "etag_checked",
    "copied_from_version": "copied_from_etag",
}
"""Columns that had another name in format 1; columns that it did not have are NULL."""


def ddl(columns: dict[str, str]) -> str:
    """Write columns as the body of a `CREATE TABLE` statement."""
    return ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())


def select_rows(replaced: Mapping[str, str], table: str) -> str:
    """Write what selects `ROW_COLUMNS` of a table, some of them replaced.

    Args:
        replaced: SQL expressions by column.
        table: Where the others come from.
    """
    return ", ".join(f"{replaced.get(name, f'{table}.{name}')} AS {name}" for name in ROW_COLUMNS)
