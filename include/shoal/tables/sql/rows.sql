-- The one view of rows. Ledgers and parts may hold several rows of one image: after a kill between writing a ledger
-- and deleting its parts, or when two attempts did the same image. Inference is deterministic, so which one is taken
-- does not matter for the numbers; the order only makes it the same one everywhere: settled before unsettled,
-- processed before failed, then the first by (run_key, attempt).
-- Settled is `processed`, or `failed` for a reason of the image's bytes; `changed`, `gone` and `denied` never settle. A run told to
-- retry some reasons reopens those failures: those of runs before the chain that it goes on with. Variables: retry_reasons, retry_before.
CREATE OR REPLACE MACRO settles(status, reason, run_key) AS
    status = 'processed'
    OR status = 'failed' AND NOT (list_contains(getvariable('retry_reasons'), reason) AND run_key < getvariable('retry_before'));

-- Whole ones, so that sums and means do not depend on the order in which threads add them.
CREATE OR REPLACE MACRO microseconds(seconds) AS try_cast(round(seconds * 1000000) AS BIGINT);

-- Most images have one row: only of the others are rows sorted, for with all its columns a row is long.
-- was_settled and is_own: whether any row of the image settles it, and whether any is of this run. Variable: run_key.
-- Of the images from one key to another, both included; NULL is open.
CREATE OR REPLACE MACRO judged_between(least_key, most_key) AS TABLE
WITH asked AS NOT MATERIALIZED (
    SELECT * FROM stored_rows WHERE (least_key IS NULL OR key >= least_key) AND (most_key IS NULL OR key <= most_key)
), several AS MATERIALIZED (
    SELECT key, object_version FROM asked GROUP BY key, object_version HAVING count(*) > 1
), alone AS (
    SELECT *, settles(status, reason, run_key) AS was_settled, run_key = getvariable('run_key') AS is_own
    FROM asked ANTI JOIN several USING (key, object_version)
), first_of_several AS (
    SELECT *,
        bool_or(settles(status, reason, run_key)) OVER (PARTITION BY key, object_version) AS was_settled,
        bool_or(run_key = getvariable('run_key')) OVER (PARTITION BY key, object_version) AS is_own
    FROM asked SEMI JOIN several USING (key, object_version)
    QUALIFY row_number() OVER (
        PARTITION BY key, object_version
        ORDER BY list_position(['processed', 'failed', 'changed', 'gone', 'denied'], status), run_key, attempt
    ) = 1
)
FROM alone UNION ALL FROM first_of_several;

CREATE OR REPLACE VIEW judged_rows AS FROM judged_between(NULL::VARCHAR, NULL::VARCHAR);

CREATE OR REPLACE VIEW rows AS SELECT * EXCLUDE (was_settled, is_own) FROM judged_rows;
