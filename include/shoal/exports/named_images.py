"""How packages name an image: by an identifier that follows from key and version, and by an address; and which may be shown.

The same answer names each image the same, in every package.
"""

from shoal.exports.export import Answer
from shoal.exports.shown_people import view_people
from shoal.tables.session import Database

_UUID = """
CREATE OR REPLACE MACRO uuid_of(text) AS
    substr(sha256(text), 1, 8) || '-' || substr(sha256(text), 9, 4) || '-4' || substr(sha256(text), 14, 3) || '-'
    || substr('89ab', (strpos('0123456789abcdef', substr(sha256(text), 17, 1)) - 1) % 4 + 1, 1)
    || substr(sha256(text), 18, 3) || '-' || substr(sha256(text), 21, 12)
"""
"""The first 16 bytes of a sha256 with the bits that RFC 9562 sets in a UUID of version 4; no process of chance is in it."""

_ADDRESS = """
CREATE OR REPLACE MACRO address_of(key) AS
    getvariable('media_url') || replace(replace(url_encode(key), '%2F', '/'), '..', '%2E%2E')
"""
"""Every byte of a key that an address may not hold is written as %XX: also `..`, which readers take for the folder above."""

_NAMED = """
CREATE OR REPLACE VIEW named_images AS
SELECT uuid_of(key || chr(10) || object_version) AS image_id, address_of(key) AS address,
    use = 'used' AND (key, object_version) NOT IN (FROM people) AS public, (key, object_version) IN (FROM people) AS people,
    regexp_extract(key, '[^/]*$') AS file_name, media_type(key) AS media_type, images.*
FROM images
"""
"""Of an image that is not used nobody may know what it shows."""

_MEDIA_TYPE = """
CREATE OR REPLACE MACRO media_type(key) AS
    CASE lower(regexp_extract(key, '[.]([^.]*)$', 1))
        WHEN 'png' THEN 'image/png' WHEN 'webp' THEN 'image/webp' WHEN 'tif' THEN 'image/tiff' WHEN 'tiff' THEN 'image/tiff'
        WHEN 'bmp' THEN 'image/bmp' WHEN 'gif' THEN 'image/gif' WHEN 'avif' THEN 'image/avif' WHEN 'jp2' THEN 'image/jp2'
        ELSE 'image/jpeg'
    END
"""


def name_images(database: Database, answer: Answer) -> None:
    """Make the view `named_images`: `images` with image_id, address, public, people, file_name and media_type.

    Args:
        database: Holds the views of `view_answer`.
        answer: Whose plan names the bucket, and how its images are reached.

    Raises:
        ConfigError: The answer does not tell which images show people.
    """
    database.set_variable("media_url", media_url(answer))
    view_people(database, answer)
    for statement in (_UUID, _ADDRESS, _MEDIA_TYPE, _NAMED):
        database.run(statement)


def media_url(answer: Answer) -> str:
    """Tell what stands before an image's key in its address."""
    said = answer.described.publish.media_url
    return f"{said.rstrip('/')}/" if said else answer.plan.settings.source.uri
