"""Images that pods which mount the bucket cannot read, since no file can have their name: said before anything is inferred."""

from shoal.contract.errors import shown
from shoal.stores.mounted_names import MAYBE_UNSHOWN, NAME_BYTES, why_unshown
from shoal.tables.session import Database


def read_unshown_names(database: Database) -> tuple[str, ...]:
    """Say how many images of a listing no mount can show, with one of them and why; nothing where all can be read.

    Reads: listing
    """
    query = "SELECT key FROM listing WHERE regexp_matches(key, ?) OR strlen(key) > ? ORDER BY key"
    unshown = [key for (key,) in database.run(query, [MAYBE_UNSHOWN, NAME_BYTES]).fetchall() if why_unshown(key)]
    if not unshown:
        return ()
    images, them = ("image has a name", "it") if len(unshown) == 1 else ("images have names", "them")
    line = (
        f'{len(unshown)} {images} that a mounted bucket cannot show and will be denied: "{shown(unshown[0], 200)}" '
        f"{why_unshown(unshown[0])} - read {them} with cluster.pod.transfer: direct, or put {them} into source.ignore"
    )
    return (line,)
