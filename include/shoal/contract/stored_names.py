"""What the key of a stored object tells: `layout` and `run_layout` build keys, this reads them back.

What is not named so is not Shoal's and is never read: whoever may write to the bucket chooses names.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from shoal.contract.errors import ContractError, shown
from shoal.contract.layout import CONTENT, FOLDER, DatasetLayout, VariantLayout
from shoal.contract.minted_names import ATTEMPT, RUN_KEY, is_time
from shoal.contract.run_layout import RunLayout

FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}"
"""Of a file beside a summary, whichever export wrote it."""

_PART = re.compile(
    rf"(?P<run_key>{RUN_KEY})-(?P<shard>[0-9]{{4,}})-(?P<attempt>{ATTEMPT})-(?P<seq>[0-9]{{4,}})\.parquet"
)
_LEDGER = re.compile(rf"(?P<run_key>{RUN_KEY})-(?P<attempt>{ATTEMPT})\.parquet")
_NOTE = re.compile(rf"(?P<noted_shard>[0-9]{{4,}})-(?P<noted_attempt>{ATTEMPT})\.json")
_LISTING = re.compile(rf"listings/(?P<run_key>{RUN_KEY})\.(?:json|parquet)")
_MONTH = r"[0-9]{4}-[0-9]{2}"
_LISTED_MONTH = re.compile(rf"listings/files/{_MONTH}-[0-9a-f]{{{CONTENT}}}\.parquet")
TABLE_NAME = r"[a-z][a-z0-9-]{0,62}"
"""Of a table of an answer."""

_ANSWER_FILE = re.compile(
    rf"answer/(?P<table>{TABLE_NAME})/month=(?P<month>{_MONTH})/(?P<content>[0-9a-f]{{{CONTENT}}})\.parquet"
)
_EXPLORE = re.compile(rf"answer/explore/[0-9a-f]{{{CONTENT}}}\.json")
_EXPORT_MONTH = re.compile(rf"answer/exports/(?P<name>{TABLE_NAME})/[0-9a-f]{{{CONTENT}}}/(?P<file>{FILE_NAME})")
_EXPORT_FOLDER = re.compile(rf"answer/exports/[0-9a-f]{{{CONTENT}}}/")
_OF_ANSWER = re.compile(
    rf"{FOLDER}/(?:answer/{TABLE_NAME}/month={_MONTH}/[0-9a-f]{{{CONTENT}}}\.parquet|{_EXPLORE.pattern}"
    rf"|{_EXPORT_FOLDER.pattern}{FILE_NAME}|answer/exports/{TABLE_NAME}/[0-9a-f]{{{CONTENT}}}/{FILE_NAME})"
)
_SHARED = re.compile(rf"{_LISTED_MONTH.pattern}|{_OF_ANSWER.pattern}")
_SHELF = re.compile(rf"listings/files/|{FOLDER}/answer/{TABLE_NAME}/")
_NAMED_LISTING = re.compile(rf"(?:.*/)?(?P<name>{_LISTING.pattern}|{_LISTED_MONTH.pattern})", re.DOTALL)
_OF_RUN = re.compile(
    rf"(?P<variant>{FOLDER})/runs/(?P<run_key>{RUN_KEY})/(?:"
    rf"(?P<plan>plan\.json)|(?P<summary>summary\.json)|(?P<manifest>(?:manifest|remaining-[0-9]{{4,}}-{ATTEMPT})\.parquet)"
    rf"|(?P<attempt>(?:attempts|progress)/{_NOTE.pattern}|(?:crashed|trying)-[0-9]{{4,}}-{ATTEMPT}\.json)"
    rf"|(?P<file>summary-{ATTEMPT}/{FILE_NAME}))"
)
_PLACE = re.compile(
    rf"(?P<root>(?:.*/)?)(?P<variant>{FOLDER})/runs/(?P<run_key>{RUN_KEY})/(?:plan|summary)\.json", re.DOTALL
)
_OF_VARIANT = re.compile(rf"(?:.*/)?(?P<variant>{FOLDER})/(?:runs/{RUN_KEY}|answer|ledger|parts)/.*", re.DOTALL)
_ROWS = re.compile(rf"{FOLDER}/(?:parts/{_PART.pattern}|ledger/[^/]+\.parquet)")
_FILE_OF_IMAGE = re.compile(rf"{FOLDER}/files/[0-9a-f]{{{CONTENT}}}/[0-9a-f]{{{CONTENT}}}-{FILE_NAME}")
_EVIDENCE = re.compile(rf"(?:samples|labels|trainings|estimates|reviews)/[0-9a-f]{{{CONTENT}}}\.(?:json|parquet)")
_REPEAT = re.compile(rf"(?:.*/)?repeats/(?P<content>[0-9a-f]{{{CONTENT}}})\.json", re.DOTALL)
_RECORD = re.compile(
    rf"{FOLDER}\.json|{FOLDER}/(?:variant|approval)\.json|repeats/[0-9a-f]{{{CONTENT}}}\.json|cited/{RUN_KEY}\.json"
)


class Kind(StrEnum):
    """What a stored object is, as its key tells."""

    LISTING = "listing"
    """What a listing tells of itself, or the images in it."""
    SHARED = "shared"
    """Named by its content: a month of a listing, a month of a table or of an export of an answer, explore, an export. Many
    listings, or many summaries, may name it; it is of no run."""
    MANIFEST = "manifest"
    """Also what a repeated shard still had to do."""
    FILE = "file"
    """In a folder that one summarize attempt of a run wrote for this run alone."""
    ATTEMPT = "attempt"
    """What one attempt at one shard left beside its rows: why it failed, how far it was, which image it tried."""
    PLAN = "plan"
    SUMMARY = "summary"
    ROWS = "rows"
    """A part or a ledger."""
    IMAGE_FILE = "image_file"
    """What a service made of an image besides: rows name it."""
    EVIDENCE = "evidence"
    """A sample, people's labels, what a model was trained on, or what a reviewer tests: named by its content, and of no run."""
    RECORD = "record"
    """current.json, variant.json and the like, and what people said of repeat detections."""
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
    if (listing := _LISTING.fullmatch(name)) and is_time(listing["run_key"]):
        return StoredName(Kind.LISTING, listing["run_key"])
    if _SHARED.fullmatch(name):
        return StoredName(Kind.SHARED)
    if (found := _OF_RUN.fullmatch(name)) and is_time(found["run_key"]):
        folder = key.rsplit("/", 1)[0] + "/" if found.lastgroup == "file" else ""
        return StoredName(Kind(found.lastgroup or ""), found["run_key"], found["variant"], folder)
    if _ROWS.fullmatch(name):
        return StoredName(Kind.ROWS)
    alone = {Kind.IMAGE_FILE: _FILE_OF_IMAGE, Kind.EVIDENCE: _EVIDENCE, Kind.RECORD: _RECORD}
    return StoredName(next((kind for kind, names in alone.items() if names.fullmatch(name)), Kind.OTHER))


def read_repeat(key: str) -> str | None:
    """Read from its key what names a person's word on a repeat detection; None where it is no such key."""
    found = _REPEAT.fullmatch(key)
    return found["content"] if found else None


@dataclass(frozen=True)
class PartName:
    """The facts a part's name carries."""

    run_key: str
    shard: int
    attempt: str
    seq: int


@dataclass(frozen=True)
class RunPlace:
    """Where a run's objects lie, as the key of one of them tells.

    Attributes:
        root: Prefix of everything of the dataset.
        variant: Folder of the variant.
        run_key: The run.
    """

    root: str
    variant: str
    run_key: str

    def is_listing(self, key: str) -> bool:
        """Whether a key is that of a listing of the dataset."""
        return is_listing(self.root, key)

    @property
    def layout(self) -> VariantLayout:
        """The variant's objects."""
        return VariantLayout(f"{self.root}{self.variant}/")


def read_run_place(key: str) -> RunPlace | None:
    """Read where a run lies from the key of its plan.json or summary.json; None when it is not one."""
    match = _PLACE.fullmatch(key)
    return RunPlace(match["root"], match["variant"], match["run_key"]) if match else None


def need_own_variant(place: RunPlace, key: str, named: str) -> None:
    """Check that what a plan or summary names is of the variant in whose folder that lies.

    Args:
        place: Where it lies.
        key: Its key.
        named: Folder of the variant it is of, or a key below that.

    Raises:
        ContractError: The folder of another variant was copied to here, or renamed.
    """
    below = _OF_VARIANT.fullmatch(named)
    variant = below["variant"] if below else named
    if variant != place.variant and re.fullmatch(FOLDER, variant):
        raise ContractError(
            f"{shown(key)} is of {shown(variant, 200)}/ and lies in {place.variant}/: that folder was copied or renamed - "
            f"rename it back, or move {place.root}{place.variant}/ out of the dataset's folder"
        )


def is_listing(root: str, key: str) -> bool:
    """Whether a key is that of a listing of the dataset whose objects begin with `root`, or of its images."""
    return key.startswith(root) and _LISTING.fullmatch(key[len(root) :]) is not None


def is_part(layout: VariantLayout, key: str) -> bool:
    """Whether a key is that of a part of the variant, and not of something that begins or ends like one."""
    return key.startswith(layout.parts) and _PART.fullmatch(key[len(layout.parts) :]) is not None


def is_ledger(layout: VariantLayout, key: str) -> bool:
    """Whether a key is that of a ledger of the variant, and not of something that begins or ends like one."""
    return key.startswith(layout.ledgers) and _LEDGER.fullmatch(key[len(layout.ledgers) :]) is not None


def is_summary_folder(run: RunLayout, folder: str) -> bool:
    """Whether a key prefix is that of a folder which a summarize attempt of the run wrote."""
    return re.fullmatch(rf"{re.escape(run.root)}summary-{ATTEMPT}/", folder) is not None


def is_export_folder(layout: VariantLayout, folder: str) -> bool:
    """Whether a key prefix is that of a folder of exports which runs of the variant share."""
    return folder.startswith(layout.root) and _EXPORT_FOLDER.fullmatch(folder[len(layout.root) :]) is not None


def export_of_month(layout: VariantLayout, key: str) -> str | None:
    """Name the export that a file is a month of, by its key; None when it is none of the variant."""
    match = _EXPORT_MONTH.fullmatch(key[len(layout.root) :]) if key.startswith(layout.root) else None
    return match["name"] if match else None


def is_month_of_export(key: str) -> bool:
    """Whether a key is that of a month of an export, of whichever dataset."""
    return re.fullmatch(rf"(?:.*/)?{FOLDER}/{_EXPORT_MONTH.pattern}", key, re.DOTALL) is not None


def is_explore(key: str) -> bool:
    """Whether a key is that of what a person looks through first of an answer, of whichever dataset."""
    return re.fullmatch(rf"(?:.*/)?{FOLDER}/{_EXPLORE.pattern}", key, re.DOTALL) is not None


@dataclass(frozen=True)
class AnswerFileName:
    """The facts that the name of a month of an answer's table carries.

    Attributes:
        table: Its name.
        month: `2026-06`.
        content: The first digits of the sha256 of its bytes.
    """

    table: str
    month: str
    content: str


def parse_answer_file(layout: VariantLayout, key: str) -> AnswerFileName | None:
    """Read the name of a month of an answer's table; None when `key` is none of the variant."""
    match = _ANSWER_FILE.fullmatch(key[len(layout.root) :]) if key.startswith(layout.root) else None
    return AnswerFileName(match["table"], match["month"], match["content"]) if match else None


def is_evidence(layout: DatasetLayout, key: str) -> bool:
    """Whether a key is that of a sample, of labels or of a training set of the dataset."""
    return key.startswith(layout.root) and _EVIDENCE.fullmatch(key[len(layout.root) :]) is not None


def is_month_of_listings(key: str) -> bool:
    """Whether a key is that of a month of images that listings share, of whichever dataset."""
    return re.fullmatch(rf"(?:.*/)?{_LISTED_MONTH.pattern}", key, re.DOTALL) is not None


def is_file_of_answers(key: str) -> bool:
    """Whether a key is that of a file that the summaries of runs share, of whichever dataset."""
    return re.fullmatch(rf"(?:.*/)?{_OF_ANSWER.pattern}", key, re.DOTALL) is not None


def shelf_of(layout: DatasetLayout, key: str) -> str:
    """Say below which prefix those like it lie, of something shared: a listing's months, one table's, or the exports."""
    found = _SHELF.match(key.removeprefix(layout.root))
    return layout.root + (found[0] if found else "")


def is_failed_attempt(run: RunLayout, key: str) -> bool:
    """Whether a key is that of a note on an attempt of the run that failed."""
    return key.startswith(run.attempts) and _NOTE.fullmatch(key[len(run.attempts) :]) is not None


def parse_progress(run: RunLayout, key: str) -> tuple[int, str] | None:
    """Read of which shard and attempt of the run a key is the progress; None when it is not one."""
    match = _NOTE.fullmatch(key[len(run.progress) :]) if key.startswith(run.progress) else None
    return (int(match["noted_shard"]), match["noted_attempt"]) if match else None


def listing_below(root: str, key: str) -> str | None:
    """Say where a dataset's listing, or a file of its images, lies that something of the dataset names; None for other names.

    A folder that was copied as a whole, to another name or prefix, names its listings by where they were: they lie in it, too.

    Args:
        root: Begins the keys of the dataset now.
        key: What is named.
    """
    name = _NAMED_LISTING.fullmatch(key)
    return root + name["name"] if name else None


def listing_file_of(listing: str, key: str) -> str | None:
    """Say where a file lies that a listing names, as `listing_below`; None where it can be none of its files.

    Args:
        listing: Key of the listing.
        key: Of what it names.
    """
    return listing_below(listing[: listing.rfind("listings/")], key) if key.endswith(".parquet") else None


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
