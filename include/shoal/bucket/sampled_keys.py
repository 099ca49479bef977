"""The first images of a bucket, for whoever wants to know how they are named and not which there are."""

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from shoal.bucket.sieve import ListingCounts, Sieve, write_line
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.units import counted
from shoal.settings.source import Source
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ImageStore
from shoal.tables.session import Database

SEARCHED_OBJECTS = 100_000
"""So far one looks on for the first image: a hundred requests."""


@dataclass(frozen=True)
class Sample:
    """The first images.

    Attributes:
        images: As the listing shows them, in key order.
        seen: Objects that were looked at, other ones included.
        whole: Whether there are no more objects.
        counts: What a plan would say of those that were looked at.
    """

    images: tuple[ListedObject, ...]
    seen: int
    whole: bool
    counts: ListingCounts

    def describe(self) -> str:
        """Say how many images were found, and how far one looked."""
        return f"{counted(len(self.images), 'image')} among the first {counted(self.seen, 'object')}"


def sample_images(bucket: ImageStore, source: Source, most: int) -> Sample:
    """Look at the first objects.

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        most: Objects to look at; more, up to `SEARCHED_OBJECTS`, where no image is among them.

    Raises:
        ConfigError: No such bucket, or access denied.
        StoreError: The store does not answer.
    """
    lines, looked_at = io.StringIO(), dict[str, ListedObject]()
    sieve, whole, unlisted = Sieve(source, lines, io.StringIO()), True, Counter[str]()
    listed = bucket.list_objects(source.prefix, unlisted=unlisted)
    for item in islice(listed, max(most, SEARCHED_OBJECTS) + 1):
        if len(looked_at) >= (most if sieve.images else SEARCHED_OBJECTS):
            whole = False
            break
        looked_at[item.key] = item
        sieve.add(item)
    counts = replace(sieve.finish(), unlisted=dict(unlisted))
    images = tuple(looked_at[json.loads(line)["key"]] for line in lines.getvalue().splitlines())
    return Sample(images, len(looked_at), whole, counts)


def fill_listing(database: Database, images: Sequence[ListedObject]) -> None:
    """Make the images the table `listing`, as a frozen listing would be.

    Makes: listing
    """
    path = database.folder / "sample.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(map(write_line, images))
    database.run(
        "CREATE OR REPLACE TABLE listing AS SELECT * FROM "
        f"read_json(?, format = 'newline_delimited', columns = {LISTING_COLUMNS})",
        [str(path)],
    )
    path.unlink()
