"""Images that cannot be read for their names, by nobody or by pods that mount the bucket: said before anything is inferred."""

from shoal.contract.errors import shown
from shoal.stores.images import NOT_TEXT, why_not_text
from shoal.stores.mounted_names import MAYBE_UNSHOWN, NAME_BYTES, why_unshown
from shoal.tables.session import Database

BATCH = 10_000
"""Keys that are in memory at once."""


def read_name_words(database: Database, *, mounts: bool) -> tuple[str, ...]:
    """Say which images of a listing cannot be read for their names.

    Reads: listing

    Args:
        database: A session with the listing.
        mounts: Whether pods read the bucket as a mount.
    """
    unshown = read_unshown_names(database) if mounts else ()
    return (*read_names_without_text(database), *unshown)


def read_names_without_text(database: Database) -> tuple[str, ...]:
    """Say how many images of a listing have keys that are no UTF-8, with one of them; nothing where all are.

    Reads: listing
    """
    count, first = database.run(
        "SELECT count(*), min(key) FROM listing WHERE contains(key, '\ufffd%') AND regexp_matches(key, ?)",
        [NOT_TEXT.pattern],
    ).fetchall()[0]
    if not count:
        return ()
    images, them = _images_with_names(count)
    line = (
        f'{count} {images} that are no UTF-8 and will be denied: "{shown(first, 200)}" - rename {them} (files of a folder: '
        f"convmv -f latin1 -t utf8 -r FOLDER), or put {them} into source.ignore"
    )
    return (line,)


def read_unshown_names(database: Database) -> tuple[str, ...]:
    """Say how many images of a listing no mount can show, with one of them and why; nothing where all can be read.

    Reads: listing
    """
    longest = "list_max(list_transform(string_split(key, '/'), lambda part: strlen(part)))"
    query = f"SELECT key FROM listing WHERE regexp_matches(key, ?) OR (strlen(key) > ? AND {longest} > ?)"
    candidates = database.run(query, [MAYBE_UNSHOWN, NAME_BYTES, NAME_BYTES])
    count, first = 0, ""
    while batch := candidates.fetchmany(BATCH):
        unshown = [key for (key,) in batch if why_unshown(key) and not why_not_text(key)]
        count += len(unshown)
        first = min([*unshown, *([first] if first else [])], default="")
    if not count:
        return ()
    images, them = _images_with_names(count)
    line = (
        f'{count} {images} that a mounted bucket cannot show and will be denied: "{shown(first, 200)}" '
        f"{why_unshown(first)} - read {them} with cluster.pod.transfer: direct, or put {them} into source.ignore"
    )
    return (line,)


def _images_with_names(count: int) -> tuple[str, str]:
    """Write what so many images are called in a sentence, and afterwards."""
    return ("image has a name", "it") if count == 1 else ("images have names", "them")
