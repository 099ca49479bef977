"""failures.csv: every image that is in no number, and why; pending and archived ones are counted, not listed.

An image that failed in an earlier run has the same line as one that failed in this one: the same answer is the same file.
"""

from shoal.exports.table_file import CSV, CSV_TYPE, TIME, TableFile

FAILURES = TableFile(
    name="failures",
    file="failures.csv",
    query=f"""
    SELECT key, object_version, size_bytes, strftime(last_modified, {TIME}) AS last_modified,
        CASE fate WHEN 'reused' THEN 'failed' ELSE fate END AS fate, reason, detail
    FROM accounted
    WHERE fate IN ('failed', 'changed', 'gone', 'denied', 'unsettled') OR fate = 'reused' AND status = 'failed'
    ORDER BY key
""",
    options=CSV,
    content_type=CSV_TYPE,
    needs_complete=False,
)
