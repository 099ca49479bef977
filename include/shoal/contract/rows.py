"""Columns of every Parquet object Shoal stores, as DuckDB types, and the words used in them."""

from enum import StrEnum


class Status(StrEnum):
    """What became of one image."""

    PROCESSED = "processed"
    FAILED = "failed"
    CHANGED = "changed"
    """The object's ETag or size is no longer the listed one; the next run lists it anew."""
    GONE = "gone"


class Reason(StrEnum):
    """Why an image is `failed`: always a property of its bytes, never of the infrastructure."""

    EMPTY = "empty"
    NOT_IMAGE = "not_image"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    KILLED_WORKER = "killed_worker"


DETECTION_TYPE = "STRUCT(class_id INTEGER, confidence FLOAT, x1 FLOAT, y1 FLOAT, x2 FLOAT, y2 FLOAT)"
"""One box: `xyxy` in pixels of the image as decoded (EXIF rotation applied), origin top left."""

LISTING_COLUMNS = {
    "key": "VARCHAR",
    "etag": "VARCHAR",
    "size_bytes": "BIGINT",
    "last_modified": "TIMESTAMP",
}
"""`listings/<run_key>.parquet`: the bucket as one run froze it; times are UTC."""

MANIFEST_COLUMNS = {**LISTING_COLUMNS, "shard": "INTEGER"}
"""`manifest.parquet`: the images one run is to infer, with their shard."""

ROW_COLUMNS = {
    "key": "VARCHAR",
    "etag": "VARCHAR",
    "size_bytes": "BIGINT",
    "content_sha256": "VARCHAR",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "width": "INTEGER",
    "height": "INTEGER",
    "detections": f"{DETECTION_TYPE}[]",
    "max_det_reached": "BOOLEAN",
    "luma_mean": "FLOAT",
    "luma_std": "FLOAT",
    "sharpness": "FLOAT",
    "seconds": "FLOAT",
    "etag_checked": "BOOLEAN",
    "copied_from_etag": "VARCHAR",
    "worker_version": "VARCHAR",
    "run_key": "VARCHAR",
    "attempt": "VARCHAR",
}
"""Parts and ledgers: one row per image, facts of its bytes and the model only.

`detections` is NULL unless the status is `processed`, and `[]` when the model saw nothing. `seconds` is decoding
plus inference. `luma_*` are of the 8-bit luma, `sharpness` is the variance of its Laplacian, both of the decoded
image halved until its long side is below 1280 px. `etag` and `size_bytes` are the listed ones. `copied_from_etag` names
the row's origin where an operator said that new ETags mean the same bytes.
"""


def ddl(columns: dict[str, str]) -> str:
    """Write columns as the body of a `CREATE TABLE` statement."""
    return ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
