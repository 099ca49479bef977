"""A frozen listing as every reader takes it: when the bucket was listed, and which files hold its images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.minted_names import run_time
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.stored_json import picked, reading
from shoal.contract.stored_names import listing_file_of
from shoal.contract.units import read_time
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

ASKED_FOR = 3
"""Up to so many files are asked for one by one."""


@dataclass(frozen=True)
class FrozenAt:
    """A listing, and when it was made.

    Attributes:
        key: Its object in the results bucket.
        listed_at: When the bucket was listed, by its store's clock, UTC.
    """

    key: str
    listed_at: datetime

    @classmethod
    def of(cls, key: str, listed_at: str | None) -> "FrozenAt":
        """Read it from plan.json or current.json; those of earlier releases know the time in the name only.

        Raises:
            ContractError: That is no time.
        """
        with reading(f"What names listing {shown(key, 200)}", "restore it"):
            return cls(key, read_time(listed_at) if listed_at else run_time(PurePosixPath(key).stem))

    @classmethod
    def of_answer(cls, current: Mapping[str, Any]) -> "FrozenAt":
        """Read it from current.json."""
        return cls.of(current["listing"], current.get("listed_at"))

    def is_news_to(self, known: "FrozenAt") -> bool:
        """Whether this one tells what another one cannot know."""
        return self.key != known.key and self.listed_at >= known.listed_at


@dataclass(frozen=True)
class ListingFile:
    """One Parquet object of a listing.

    Attributes:
        key: Its key in the results bucket.
        sha256: What its bytes hash to; None in a listing of an earlier release, which is that file and nothing else.
        images: Images in it; None there, too.
        month: `2026-06`: the month in which all its objects were last modified; None where it holds several.
    """

    key: str
    sha256: str | None = None
    images: int | None = None
    month: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write one entry of `files`."""
        return {"month": self.month, "key": self.key, "sha256": self.sha256, "images": self.images}


def read_files(results: ObjectStore, key: str) -> tuple[ListingFile, ...]:
    """Read which files hold the images of a listing; none where the listing is gone.

    Raises:
        ContractError: It is not what its format promises.
        StoreError: The results bucket does not answer.
    """
    if key.endswith(".parquet"):  # of an earlier release
        return (ListingFile(key),)
    stored = results.find_json(key)
    return () if stored is None else parse_files(key, stored)


def parse_files(key: str, stored: Mapping[str, Any]) -> tuple[ListingFile, ...]:
    """Take from a listing which files hold its images.

    Raises:
        ContractError: It is not what its format promises, or names what is no such file: nobody else's is read.
    """
    with reading(f"Listing {key!r}", "start a new run"):
        return tuple(replace(file, key=_place_of(file, key)) for file in picked(ListingFile, stored["files"]))


def _place_of(file: ListingFile, listing: str) -> str:
    place = listing_file_of(listing, file.key)
    if place is None:
        raise ValueError(f"it names {shown(file.key, 200)!r} as a file of its images")
    return place


def find_files(results: ObjectStore, key: str) -> list[str]:
    """Name the files that hold the images of a listing; none where the listing is gone."""
    return [file.key for file in read_files(results, key)]


def find_whole(results: ObjectStore, key: str) -> list[str]:
    """Name the files that hold the images of a listing; none where the listing or one of them is gone."""
    files = find_files(results, key)
    return [] if find_missing(results, files) else files


def find_missing(results: ObjectStore, files: Sequence[str]) -> list[str]:
    """Name the files of a listing that are not there: hundreds of months are looked up in a list of their folder, at once."""
    if len(files) <= ASKED_FOR:
        return [key for key in files if not results.has(key)]
    there = {key for folder in {key[: key.rfind("/") + 1] for key in files} for key in results.list_keys(folder)}
    return [key for key in files if key not in there]


def load_images(database: Database, files: Sequence[str]) -> None:
    """Make the images of a frozen listing the table `listing`, in key order: by an image's number one of several comes first.

    Makes: listing

    Args:
        database: A session on the results bucket.
        files: Keys of the listing's files, each of which is in key order.
    """
    database.view_parquet("stored_listing", files, LISTING_COLUMNS)
    order = " ORDER BY key" if len(files) > 1 else ""
    database.run(f"CREATE OR REPLACE TABLE listing AS SELECT * FROM stored_listing{order}")
    database.run("DROP VIEW stored_listing")
