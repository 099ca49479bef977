"""gaps.parquet and gaps.csv: when nobody looked, and why that is known."""

from shoal.exports.table_file import CSV, CSV_TYPE, PARQUET, PARQUET_TYPE, TIME, TableFile

_ORDER = "ORDER BY gaps.camera, gaps.gap_start, gaps.gap_end"

GAPS = TableFile(
    name="gaps",
    file="gaps.parquet",
    query=f"SELECT camera, deployment, gap_start, gap_end, cause, usual_pause_s FROM gaps {_ORDER}",
    options=PARQUET,
    content_type=PARQUET_TYPE,
    needs_complete=True,
)
GAPS_CSV = TableFile(
    name="gaps_csv",
    file="gaps.csv",
    query=f"""
    SELECT camera, deployment, strftime(gap_start, {TIME}) AS gap_start, strftime(gap_end, {TIME}) AS gap_end, cause,
        usual_pause_s
    FROM gaps {_ORDER}
""",
    options=CSV,
    content_type=CSV_TYPE,
    needs_complete=True,
)
