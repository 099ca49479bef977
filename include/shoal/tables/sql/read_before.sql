-- The smallest image that was read before and can be read again: of the listing, not in an archive, where there is one; else one
-- that another scope may still hold, for a run over a folder that is refused as a whole.
-- Variable: archives.
CREATE OR REPLACE VIEW read_before AS
SELECT stored_rows.key, stored_rows.object_version, stored_rows.size_bytes
FROM stored_rows
LEFT JOIN listing USING (key, object_version)
WHERE stored_rows.status = 'processed'
  AND NOT coalesce(list_contains(getvariable('archives'), listing.storage_class), false)
ORDER BY listing.key IS NULL, stored_rows.size_bytes, stored_rows.key, stored_rows.object_version
LIMIT 1;
