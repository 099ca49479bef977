"""counts.csv: every series with its effort."""

from shoal.exports.table_file import CSV, CSV_TYPE, TIME, TableFile

COUNTS = TableFile(
    name="counts",
    file="counts.csv",
    query=f"""
    SELECT bin, strftime(bin_start, {TIME}) AS bin_start, strftime(bin_end, {TIME}) AS bin_end, camera, deployment,
        taxon, aphia_id, images, images_with, detections, mean_per_image, sd_per_image, share_with, maxn, maxn_key,
        mean_confidence, censored_images
    FROM counts ORDER BY counts.bin, counts.bin_start, camera, deployment NULLS FIRST, taxon
""",
    options=CSV,
    content_type=CSV_TYPE,
    needs_complete=True,
)
