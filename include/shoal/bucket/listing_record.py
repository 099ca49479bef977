"""`listings/<run_key>.json`: what a listing tells of itself, beside the files that hold its images."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shoal.bucket.directory_sizes import LargestDirectory
from shoal.bucket.sieve import ListingCounts
from shoal.contract.errors import ShoalError
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.stored_json import checked, reading, take
from shoal.contract.units import read_time, utc_text
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore, ObjectStore
from shoal.tables.frozen_listing import ListingFile, parse_files


@dataclass(frozen=True)
class Moment:
    """A time, and whose clock told it.

    Attributes:
        at: UTC, whole seconds.
        by_store: Whether it is the image store's; else this machine's, because that one tells none.
    """

    at: datetime
    by_store: bool

    @classmethod
    def now(cls, bucket: ImageStore) -> "Moment":
        """Ask the store that lists the images; its answers have a Date."""
        try:
            return cls(bucket.read_clock().replace(microsecond=0), by_store=True)
        except ShoalError:  # a store that does not answer at all, or refuses, says so to the listing
            return cls(datetime.now(UTC).replace(microsecond=0), by_store=False)


@dataclass(frozen=True)
class ListedAnew:
    """What of a listing was listed, where the rest was taken from another one.

    Attributes:
        of: Key of that one.
        whole_at: When everything was listed last, and what is no image was counted; by the store's clock, UTC.
        folders: What begins with one of these was listed.
    """

    of: str
    whole_at: datetime
    folders: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {"of": self.of, "whole_at": utc_text(self.whole_at), "folders": list(self.folders)}

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "ListedAnew":
        """Read it."""
        return cls(take(stored, "of", str), read_time(stored["whole_at"]), tuple(take(stored, "folders", list)))


@dataclass(frozen=True)
class ListingRecord:
    """What is known of a listing beside its images.

    Attributes:
        moment: When it began.
        identity: What decides which objects it holds, as one hash: two listings with the same one are of the same objects.
        scope: The part of that which people read.
        counts: What it saw, windows aside.
        largest: Its largest directory.
        files: Where its images lie.
        ground: See `ImageStore.ground`; empty also in listings of earlier releases.
        anew: What of it was listed; None where all was, and in listings of earlier releases.
    """

    moment: Moment
    identity: str
    scope: Mapping[str, Any]
    counts: ListingCounts
    largest: LargestDirectory
    files: tuple[ListingFile, ...]
    ground: tuple[str, ...] = ()
    anew: ListedAnew | None = None

    @property
    def whole_at(self) -> datetime:
        """When everything in it was listed, at the latest."""
        return self.moment.at if self.anew is None else self.anew.whole_at

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "format_version": FORMAT_VERSION,
            "listed_at": utc_text(self.moment.at),
            "listed_at_by": "store" if self.moment.by_store else "machine",
            "scope": dict(self.scope),
            "scope_sha256": self.identity,
            "counts": self.counts.to_json(),
            "largest_directory": {"name": self.largest.name, "entries": self.largest.entries},
            "files": [file.to_json() for file in self.files],
            **({"ground": list(self.ground)} if self.ground else {}),
            **({"anew": self.anew.to_json()} if self.anew else {}),
        }

    @classmethod
    def read(cls, results: ObjectStore, key: str) -> "ListingRecord | None":
        """Read it; None where it is gone.

        Raises:
            ContractError: It is not what its format promises.
        """
        stored = results.find_json(key)
        if stored is None:
            return None
        with reading(f"Listing {key!r}", "start a new run"):
            largest = stored["largest_directory"]
            moment = Moment(read_time(stored["listed_at"]), stored["listed_at_by"] == "store")
            return checked(
                cls(
                    moment,
                    stored["scope_sha256"],
                    stored["scope"],
                    checked(ListingCounts.of(stored["counts"])),
                    LargestDirectory(take(largest, "name", str), take(largest, "entries", int)),
                    parse_files(key, stored),
                    tuple(take(stored, "ground", list)) if "ground" in stored else (),
                    ListedAnew.parse(stored["anew"]) if "anew" in stored else None,
                )
            )


def scope_of(source: Source, prefix: str, limit: int | None) -> dict[str, Any]:
    """Say which objects a listing holds, as people read it."""
    return {
        **_place_of(source),
        "prefix": prefix,
        "limit": limit,
        "suffixes": sorted(source.suffixes),
        "ignore": list(source.ignore),  # in their order: the last line that matches decides
    }


def _place_of(source: Source) -> dict[str, str]:
    if source.path:
        return {"path": source.path}
    place = {"remote_path": source.remote_path} if source.kind == "rclone" else {"bucket": source.bucket}
    return {"conn_id": source.conn_id, **place}
