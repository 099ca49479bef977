"""The columns of the answer's tables, as docs/formats.md has them: files of later releases may have more."""

_OF_IMAGE = {
    "camera": "VARCHAR",
    "deployment": "VARCHAR",
    "captured_at": "TIMESTAMP",
}

IMAGES = {
    "key": "VARCHAR",
    "object_version": "VARCHAR",
    "size_bytes": "BIGINT",
    "last_modified": "TIMESTAMP",
    "content_sha256": "VARCHAR",
    "use": "VARCHAR",
    "reason": "VARCHAR",
    **_OF_IMAGE,
    "clock_source": "INTEGER",
    "clock_flag": "VARCHAR",
    "event": "VARCHAR",
    "width": "INTEGER",
    "height": "INTEGER",
    "luma_mean": "FLOAT",
    "luma_std": "FLOAT",
    "luma_grid": "UTINYINT[]",
    "sharpness": "FLOAT",
    "dhash": "UBIGINT",
    "damaged": "VARCHAR",
    "max_det_reached": "BOOLEAN",
    "detections": "INTEGER",
    "class_id": "INTEGER",
    "class_name": "VARCHAR",
    "class_score": "FLOAT",
}

DETECTIONS = {
    "key": "VARCHAR",
    "object_version": "VARCHAR",
    "use": "VARCHAR",
    **_OF_IMAGE,
    "width": "INTEGER",
    "height": "INTEGER",
    "position": "INTEGER",
    "taxon": "VARCHAR",
    "aphia_id": "INTEGER",
    "class_id": "INTEGER",
    "class_name": "VARCHAR",
    "role": "VARCHAR",
    "confidence": "FLOAT",
    "x1": "FLOAT",
    "y1": "FLOAT",
    "x2": "FLOAT",
    "y2": "FLOAT",
    "repeat": "VARCHAR",
    "area_px": "FLOAT",
    "mask": "VARCHAR",
    "keypoints": "FLOAT[]",
    "angle": "FLOAT",
    "reclassified": "STRUCT(class_id INTEGER, confidence FLOAT)",
    "first_class_name": "VARCHAR",
}

COUNTS_SHORT = {
    "camera": "VARCHAR",
    "deployment": "VARCHAR",
    "taxon": "VARCHAR",
    "bin_start": "TIMESTAMP",
    "images": "BIGINT",
    "images_with": "BIGINT",
    "detections": "BIGINT",
    "censored_images": "BIGINT",
}

COUNTS_LONG = {
    "camera": "VARCHAR",
    "deployment": "VARCHAR",
    "taxon": "VARCHAR",
    "aphia_id": "INTEGER",
    "bin_start": "TIMESTAMP",
    "bin_end": "TIMESTAMP",
    "images": "BIGINT",
    "camera_days": "DOUBLE",
    "images_with": "BIGINT",
    "detections": "BIGINT",
    "mean_per_image": "DOUBLE",
    "sd_per_image": "DOUBLE",
    "maxn": "BIGINT",
    "maxn_key": "VARCHAR",
    "mean_confidence": "DOUBLE",
    "censored_images": "BIGINT",
}

GAPS = {
    "camera": "VARCHAR",
    "deployment": "VARCHAR",
    "gap_start": "TIMESTAMP",
    "gap_end": "TIMESTAMP",
    "cause": "VARCHAR",
    "usual_pause_s": "BIGINT",
}

TABLES = {
    "images": IMAGES,
    "detections": DETECTIONS,
    "below": DETECTIONS,
    "counts-30min": COUNTS_SHORT,
    "counts-hour": COUNTS_SHORT,
    "counts-day": COUNTS_LONG,
    "counts-month": COUNTS_LONG,
    "gaps": GAPS,
}
"""Columns by table; a view is named as its table, with `_` for `-`."""

WIDTHS = {"30min": "INTERVAL 30 MINUTE", "hour": "INTERVAL 1 HOUR", "day": None, "month": None}
"""Bins by width, and how long those are that tell no end."""
