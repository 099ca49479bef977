-- What became of every listed image in one run: exactly one fate each (guarantee G1).
--   reused     settled before this run (its row was frozen by the plan) and not in the manifest
--   processed, failed, changed, gone    this run's own row
--   unsettled  in the manifest, without a row of this run, for whatever reason
--   archived   in an archive of the store's, not settled and not in the manifest
--   pending    in scope, not settled, not in this run's manifest
-- A failure that this run was told to retry, and left to a later one, is pending too.
-- Piece by piece of the listing (tables/pieces.py): of two joins one after the other, each of whole rows with all that a model found,
-- memory is never enough for a large bucket at once. A piece asks for the rows between its least and its greatest key.
-- Tables: listing, times, manifest. Macros: rows.sql. Variables: archives; piece_start and piece_end, numbers of the listing, piece_least and piece_most, keys.
CREATE OR REPLACE MACRO accounted_piece() AS TABLE
WITH clocked AS (
    SELECT key, object_version, size_bytes, last_modified, storage_class, camera, deployment, captured_at, clock_source::INTEGER AS clock_source, clock_flag
    FROM (
        SELECT *, rowid + 1 AS n FROM listing WHERE rowid >= getvariable('piece_start') AND rowid < getvariable('piece_end')
    ) AS listed
    JOIN (FROM times WHERE n > getvariable('piece_start') AND n <= getvariable('piece_end')) AS times USING (n)
)
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
LEFT JOIN (
    SELECT key, object_version, shard FROM manifest WHERE key >= getvariable('piece_least') AND key <= getvariable('piece_most')
) AS manifest ON manifest.key = clocked.key AND manifest.object_version = clocked.object_version
LEFT JOIN judged_between(getvariable('piece_least'), getvariable('piece_most')) AS rows
    ON rows.key = clocked.key AND rows.object_version = clocked.object_version;
