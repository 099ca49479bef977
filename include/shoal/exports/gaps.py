"""gaps.csv: when nobody looked, and why that is known."""

from shoal.exports.table_file import CSV, CSV_TYPE, TIME, TableFile

GAPS = TableFile(
    name="gaps",
    file="gaps.csv",
    query=f"""
    SELECT camera, deployment, strftime(gap_start, {TIME}) AS gap_start, strftime(gap_end, {TIME}) AS gap_end, cause,
        usual_pause_s
    FROM gaps ORDER BY gaps.camera, gaps.gap_start, gaps.gap_end
""",
    options=CSV,
    content_type=CSV_TYPE,
    needs_complete=True,
)
