-- Images from all over the listing, in an order that has nothing to do with their names: a folder that is refused is few of them.
-- Variables: archives, elsewhere_images (how many).
CREATE OR REPLACE VIEW elsewhere AS
SELECT key, object_version, size_bytes
FROM listing
WHERE NOT coalesce(list_contains(getvariable('archives'), storage_class), false)
  AND size_bytes <= 100_000_000  -- a worker holds it whole
ORDER BY md5(key), key, object_version
LIMIT getvariable('elsewhere_images');
