-- Open images whose key is settled under another ETag: `object_version` is the listed one, `from_version` the one whose row may be copied,
-- NULL where no settled row of that key has the listed size. An upload of the same bytes, or a bucket that was moved, gives
-- every object a new ETag and leaves its size.
-- Variables: retry_reasons, retry_before.
CREATE OR REPLACE TABLE moved_images AS
SELECT open_images.key, open_images.object_version, open_images.size_bytes,
    min(stored_rows.object_version) FILTER (stored_rows.size_bytes = open_images.size_bytes) AS from_version
FROM open_images
JOIN stored_rows ON stored_rows.key = open_images.key AND stored_rows.object_version <> open_images.object_version
WHERE settles(stored_rows.status, stored_rows.reason, stored_rows.run_key)
GROUP BY ALL;
