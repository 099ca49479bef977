-- Listed images without a settled row: what a run, or a repeated shard, still has to infer.
-- A failure that the run reopened stays open until the run has judged the image itself.
-- Reads stored_rows, not rows: whether any settling row exists needs no choice between them.
-- What lies in an archive can be read by nobody, and is open only when it was restored.
-- Variables: retry_reasons, retry_before, run_key, archives.
CREATE OR REPLACE VIEW unsettled_images AS
SELECT listing.*
FROM listing
WHERE NOT EXISTS (
    SELECT 1
    FROM stored_rows
    WHERE stored_rows.key = listing.key
      AND stored_rows.object_version = listing.object_version
      AND (settles(stored_rows.status, stored_rows.reason, stored_rows.run_key)
           OR stored_rows.status = 'failed' AND stored_rows.run_key = getvariable('run_key'))
);

CREATE OR REPLACE VIEW open_images AS
SELECT * FROM unsettled_images WHERE NOT coalesce(list_contains(getvariable('archives'), storage_class), false);
