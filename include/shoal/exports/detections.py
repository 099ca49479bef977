"""detections.parquet: every box that counts, with the use of its image."""

from shoal.exports.table_file import PARQUET, PARQUET_TYPE, TableFile

DETECTIONS = TableFile(
    name="detections",
    file="detections.parquet",
    query="""
    SELECT detections.key, detections.object_version, images.use, camera, deployment, captured_at, width, height,
        taxon, aphia_id, class_id, class_name, confidence, x1, y1, x2, y2
    FROM detections JOIN images USING (key)
    ORDER BY detections.key, detections.position
""",
    options=PARQUET,
    content_type=PARQUET_TYPE,
    needs_complete=True,
)
