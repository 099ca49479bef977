-- The one view of rows. Ledgers and parts may hold several rows of one image: after a kill between writing a ledger
-- and deleting its parts, or when two attempts did the same image. Inference is deterministic, so which one is taken
-- does not matter for the numbers; the order only makes it the same one everywhere: settled before unsettled,
-- processed before failed, then the first by (run_key, attempt).
-- Settled is `processed`, or `failed` for a reason of the image's bytes; `changed`, `gone` and `denied` never settle. A run told to
-- retry some reasons reopens those failures. Variable: retry_reasons.
CREATE OR REPLACE MACRO settles(status, reason) AS
    status = 'processed' OR status = 'failed' AND NOT list_contains(getvariable('retry_reasons'), reason);

-- Whole ones, so that sums and means do not depend on the order in which threads add them.
CREATE OR REPLACE MACRO microseconds(seconds) AS try_cast(round(seconds * 1000000) AS BIGINT);

CREATE OR REPLACE VIEW rows AS
SELECT *
FROM stored_rows
QUALIFY row_number() OVER (
    PARTITION BY key, object_version
    ORDER BY list_position(['processed', 'failed', 'changed', 'gone', 'denied'], status), run_key, attempt
) = 1;
