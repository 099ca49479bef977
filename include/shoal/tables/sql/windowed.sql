-- Only the images of a window of capture time, start included, end not. Undated images and those whose clock was never set
-- count where their object was last modified: each image is in exactly one of windows that follow each other.
-- Variables: window_start, window_end; NULL is open.
CREATE OR REPLACE TABLE windowed AS
SELECT key, object_version, size_bytes, last_modified, storage_class
FROM clocked
WHERE coalesce(captured_at, last_modified) >= coalesce(getvariable('window_start')::TIMESTAMP, TIMESTAMP '0001-01-01')
  AND coalesce(captured_at, last_modified) < coalesce(getvariable('window_end')::TIMESTAMP, 'infinity'::TIMESTAMP);
