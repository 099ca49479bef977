-- What became of every listed image in one run: exactly one fate each (guarantee G1).
--   reused     settled before this run (its row was frozen by the plan) and not in the manifest
--   processed, failed, changed, gone    this run's own row
--   unsettled  in the manifest, without a row of this run, for whatever reason
--   pending    in scope, not settled, not in this run's manifest
-- A failure that this run was told to retry, and left to a later one, is pending too.
-- Variables: run_key, retry_reasons.
CREATE OR REPLACE TABLE accounted AS
WITH own AS (
    SELECT DISTINCT key, etag FROM stored_rows WHERE run_key = getvariable('run_key')
), settled AS (
    SELECT DISTINCT key, etag FROM stored_rows WHERE settles(status, reason)
)
SELECT
    clocked.key, clocked.etag, clocked.size_bytes, clocked.last_modified,
    clocked.camera, clocked.captured_at, clocked.clock_flag,
    manifest.shard,
    CASE
        WHEN manifest.key IS NULL THEN if(settled.key IS NULL, 'pending', 'reused')
        WHEN own.key IS NULL THEN 'unsettled'
        ELSE rows.status
    END AS fate,
    rows.* EXCLUDE (key, etag, size_bytes)
FROM clocked
LEFT JOIN manifest ON manifest.key = clocked.key AND manifest.etag = clocked.etag
LEFT JOIN own ON own.key = clocked.key AND own.etag = clocked.etag
LEFT JOIN settled ON settled.key = clocked.key AND settled.etag = clocked.etag
LEFT JOIN rows ON rows.key = clocked.key AND rows.etag = clocked.etag;
