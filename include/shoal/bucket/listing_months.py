"""The images of a listing as files by month of last modification, named by content: runs share the months that did not change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shoal.contract.layout import listed_month
from shoal.contract.rows import LISTING_COLUMNS
from shoal.stores.shared_files import SharedFiles
from shoal.tables.frozen_listing import ListingFile
from shoal.tables.session import Database

MOST_MONTHS = 480
"""So many months have a file of their own, forty years: who writes objects with any times cannot make a listing of any number."""

_MONTH = "date_trunc('month', last_modified)"


@dataclass(frozen=True)
class _Share:
    """Images that lie in one file.

    Attributes:
        month: As files name it; None for what lies in none of the months that have a file.
        condition: Which images of the table `listing` they are.
        images: How many.
    """

    month: str | None
    condition: str
    images: int


def store_months(database: Database, listing: str, shared: SharedFiles) -> tuple[ListingFile, ...]:
    """Write the images of the table `listing` and upload the files that are new; return all of them.

    The bytes of a file are a function of its images alone.

    Reads: listing

    Args:
        database: A session with the images.
        listing: Key of the listing that will name the files.
        shared: The files that lie there.

    Raises:
        ConfigError: No right to write, or the disk is full.
        StoreError: The store did not take one.
    """
    path, files = database.folder / "month.parquet", []
    for share in _share_images(database):
        # Sorted also where the table is: what lies between the images of a month would else tell where row groups end.
        query = f"SELECT {', '.join(LISTING_COLUMNS)} FROM listing WHERE {share.condition} ORDER BY key"
        rows, sha256 = database.write_parquet(query, path)
        if rows != share.images:
            raise AssertionError(f"{rows} of {share.images} images of {share.month} were written")
        key = listed_month(listing, share.month, sha256)
        shared.put(path, key)
        path.unlink()
        files.append(ListingFile(key, sha256, rows, share.month))
    return tuple(files)


def _share_images(database: Database) -> Iterator[_Share]:
    """Share the images out: each is in exactly one file, and most months of a sane bucket in one of their own."""
    found = database.run(f"SELECT {_MONTH}::TIMESTAMP, count(*) FROM listing GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    own = sorted((start, images) for start, images in found[:MOST_MONTHS] if start is not None)
    for start, images in own:
        yield _Share(_name(start), f"{_MONTH} = {_literal(start)}", images)
    rest = sum(images for _, images in found) - sum(images for _, images in own)
    if rest:
        months = ", ".join(_literal(start) for start, _ in own)
        yield _Share(None, f"coalesce({_MONTH} NOT IN ({months}), true)" if own else "true", rest)


def _name(start: datetime) -> str:
    return f"{start.year:04d}-{start.month:02d}"


def _literal(start: datetime) -> str:
    return f"TIMESTAMP '{_name(start)}-01'"
