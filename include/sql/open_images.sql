-- Listed images without a settled row: what a run, or a repeated shard, still has to infer.
-- Settled is a row `processed`, or `failed` for a reason of the image's bytes; `changed` and `gone` never settle.
-- A run told to retry some reasons reopens those failures until it has judged the image itself.
-- Reads stored_rows, not rows: whether any settling row exists needs no choice between them.
-- Variables: retry_reasons, run_key.
CREATE OR REPLACE VIEW open_images AS
SELECT listing.*
FROM listing
WHERE NOT EXISTS (
    SELECT 1
    FROM stored_rows
    WHERE stored_rows.key = listing.key
      AND stored_rows.etag = listing.etag
      AND (stored_rows.status = 'processed'
           OR stored_rows.status = 'failed'
              AND (NOT list_contains(getvariable('retry_reasons'), stored_rows.reason)
                   OR stored_rows.run_key = getvariable('run_key')))
);
