-- What became of every listed image in one run: exactly one fate each (guarantee G1).
--   reused     settled before this run (its row was frozen by the plan) and not in the manifest
--   processed, failed, changed, gone    this run's own row
--   unsettled  in the manifest, without a row of this run, for whatever reason
--   archived   in an archive of the store's, not settled and not in the manifest
--   pending    in scope, not settled, not in this run's manifest
-- A failure that this run was told to retry, and left to a later one, is pending too.
-- Variables: run_key, retry_reasons, archives.
CREATE OR REPLACE TABLE accounted AS
SELECT
    clocked.key, clocked.object_version, clocked.size_bytes, clocked.last_modified,
    clocked.camera, clocked.deployment, clocked.captured_at, clocked.clock_source, clocked.clock_flag,
    manifest.shard,
    CASE
        WHEN manifest.key IS NULL AND rows.was_settled THEN 'reused'
        WHEN manifest.key IS NULL AND list_contains(getvariable('archives'), clocked.storage_class) THEN 'archived'
        WHEN manifest.key IS NULL THEN 'pending'
        WHEN rows.is_own IS DISTINCT FROM true THEN 'unsettled'
        ELSE rows.status
    END AS fate,
    rows.* EXCLUDE (key, object_version, size_bytes, was_settled, is_own)
FROM clocked
LEFT JOIN manifest ON manifest.key = clocked.key AND manifest.object_version = clocked.object_version
LEFT JOIN judged_rows AS rows ON rows.key = clocked.key AND rows.object_version = clocked.object_version;
