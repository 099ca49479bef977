-- The one view of rows. Ledgers and parts may hold several rows of one image: after a kill between writing a ledger
-- and deleting its parts, or when two attempts did the same image. Inference is deterministic, so which one is taken
-- does not matter for the numbers; the order only makes it the same one everywhere: settled before unsettled,
-- processed before failed, then the first by (run_key, attempt).
CREATE OR REPLACE VIEW rows AS
SELECT *
FROM stored_rows
QUALIFY row_number() OVER (
    PARTITION BY key, etag
    ORDER BY list_position(['processed', 'failed', 'changed', 'gone'], status), run_key, attempt
) = 1;
