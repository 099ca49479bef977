"""What the key of a stored object tells: `layout` builds keys, this reads them back."""

import re
from dataclasses import dataclass
from enum import StrEnum

from shoal.contract.layout import ATTEMPT, RUN_KEY, DatasetLayout

_PART = re.compile(rf"(?P<run_key>{RUN_KEY})-(?P<shard>\d{{4,}})-(?P<attempt>{ATTEMPT})-(?P<seq>\d{{4,}})\.parquet")
_LEDGER = re.compile(rf"(?P<run_key>{RUN_KEY})-(?P<attempt>{ATTEMPT})\.parquet")
_LISTING = re.compile(rf"listings/(?P<run_key>{RUN_KEY})\.(?:json|parquet)")
_LISTED_MONTH = re.compile(r"listings/files/\d{4}-\d{2}-[0-9a-f]{16}\.parquet")
_OF_RUN = re.compile(
    rf"(?P<variant>[^/]+)/runs/(?P<run_key>{RUN_KEY})/(?:"
    rf"(?P<plan>plan\.json)|(?P<summary>summary\.json)|(?P<manifest>(?:manifest|remaining-\d{{4,}}-{ATTEMPT})\.parquet)"
    rf"|(?P<attempt>attempts/[^/]+\.json|(?:crashed|trying)-\d{{4,}}-{ATTEMPT}\.json)|(?P<file>summary-{ATTEMPT}/[^/]+))"
)
_ROWS = re.compile(rf"[^/]+/(?:parts/{_PART.pattern}|ledger/[^/]+\.parquet)")
_RECORD = re.compile(r"[^/]+\.json|[^/]+/(?:variant|approval)\.json")


class Kind(StrEnum):
    """What a stored object is, as its key tells."""

    LISTING = "listing"
    """What a listing tells of itself, or the images in it."""
    SHARED = "shared"
    """A month of a listing, named by its content, as later releases write it: many listings may name it."""
    MANIFEST = "manifest"
    """Also what a repeated shard still had to do."""
    FILE = "file"
    """In a folder that one summarize attempt wrote."""
    ATTEMPT = "attempt"
    PLAN = "plan"
    SUMMARY = "summary"
    ROWS = "rows"
    """A part or a ledger."""
    RECORD = "record"
    """current.json, variant.json and the like."""
    OTHER = "other"


@dataclass(frozen=True)
class StoredName:
    """What the key of a dataset's object tells.

    Attributes:
        kind: What it is.
        run_key: The run it belongs to; empty for rows, records and others.
        variant: Folder of the run's variant; empty for a listing.
        folder: Key prefix of the summary folder a file lies in.
    """

    kind: Kind
    run_key: str = ""
    variant: str = ""
    folder: str = ""


def read_name(layout: DatasetLayout, key: str) -> StoredName:
    """Tell what a key below a dataset's `root` is; what Shoal did not name is OTHER."""
    name = key.removeprefix(layout.root)
    if listing := _LISTING.fullmatch(name):
        return StoredName(Kind.LISTING, listing["run_key"])
    if _LISTED_MONTH.fullmatch(name):
        return StoredName(Kind.SHARED)
    if found := _OF_RUN.fullmatch(name):
        folder = key.rsplit("/", 1)[0] + "/" if found.lastgroup == "file" else ""
        return StoredName(Kind(found.lastgroup or ""), found["run_key"], found["variant"], folder)
    if _ROWS.fullmatch(name):
        return StoredName(Kind.ROWS)
    return StoredName(Kind.RECORD if _RECORD.fullmatch(name) else Kind.OTHER)


@dataclass(frozen=True)
class PartName:
    """The facts a part's name carries."""

    run_key: str
    shard: int
    attempt: str
    seq: int


def parse_part(key: str) -> PartName | None:
    """Read the name of a part; None when `key` is not one."""
    match = _PART.fullmatch(key.rsplit("/", 1)[-1])
    if match is None:
        return None
    return PartName(match["run_key"], int(match["shard"]), match["attempt"], int(match["seq"]))


def parse_ledger_run(key: str) -> str | None:
    """Read the run_key of the run that wrote a ledger; None when `key` is not a ledger."""
    match = _LEDGER.fullmatch(key.rsplit("/", 1)[-1])
    return match["run_key"] if match else None
