"""The files of a summary, each in one stated order so that the same answer is the same bytes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from shoal.tables.session import Database

_TIME = "'%Y-%m-%dT%H:%M:%SZ'"

COUNTS = f"""
    SELECT bin, strftime(bin_start, {_TIME}) AS bin_start, strftime(bin_end, {_TIME}) AS bin_end, camera, deployment,
        taxon, aphia_id, images, images_with, detections, mean_per_image, sd_per_image, share_with, maxn, maxn_key,
        mean_confidence, censored_images
    FROM counts ORDER BY counts.bin, counts.bin_start, camera, deployment NULLS FIRST, taxon
"""

FAILURES = f"""
    SELECT key, etag, size_bytes, strftime(last_modified, {_TIME}) AS last_modified, fate, reason
    FROM accounted
    WHERE fate IN ('failed', 'changed', 'gone', 'unsettled') OR fate = 'reused' AND status = 'failed'
    ORDER BY key
"""

DETECTIONS = """
    SELECT detections.key, detections.etag, images.use, camera, deployment, captured_at, width, height,
        taxon, aphia_id, class_id, class_name, confidence, x1, y1, x2, y2
    FROM detections JOIN images USING (key)
    ORDER BY detections.key, detections.position
"""


@dataclass(frozen=True)
class ExportedFile:
    """One file of a summary, on disk and ready to upload."""

    path: Path
    content_type: str

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def export_counts(database: Database) -> ExportedFile:
    """Write counts.csv: every series with its effort."""
    return _export(database, COUNTS, "counts.csv", "FORMAT csv, HEADER", "text/csv")


def export_failures(database: Database) -> ExportedFile:
    """Write failures.csv: every image that is in no number, and why; pending ones are counted, not listed."""
    return _export(database, FAILURES, "failures.csv", "FORMAT csv, HEADER", "text/csv")


def export_detections(database: Database) -> ExportedFile:
    """Write detections.parquet: every box that counts, with the use of its image."""
    options = "FORMAT parquet, COMPRESSION zstd"
    return _export(database, DETECTIONS, "detections.parquet", options, "application/vnd.apache.parquet")


def _export(database: Database, query: str, name: str, options: str, content_type: str) -> ExportedFile:
    path = database.folder / name
    database.copy(query, path, options)
    return ExportedFile(path, content_type)
