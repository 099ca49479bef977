"""Where every stored object lies; those of one run, `run_layout` says. No other module builds a key.

<results>/<dataset>/current.json
                    releases.json
                    listings/<run_key>.json   files/<month>-<sha16>.parquet
                    samples/   labels/   trainings/   estimates/   reviews/<sha16>.json .parquet
                    repeats/<sha16>.json
                    cited/<run_key>.json
                    <model>-<version>-<variant12>/variant.json   approval.json
                                                  parts/   ledger/   files/   answer/<table>/month=<YYYY-MM>/ …
                                                  runs/<run_key>/plan.json …
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shoal.contract.minted_names import RUN_KEY, is_time
from shoal.contract.run_layout import RunLayout

FORMAT_VERSION = 2
"""`format_version` of every JSON object stored; readers refuse a higher one. Format 1 is read, never continued."""

NO_MONTH = "0000-00"
"""Stands for the month in the name of a file that is of no single one: of several, or of moments that no month is named for."""

FOLDER = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Of a variant: `<model>-<version>-<variant12>`, whose names the dataset file allows no other characters."""

CONTENT = 16
"""Hexadecimal digits of a sha256 that name what is named by its content."""

Evidence = Literal["samples", "labels", "trainings", "estimates", "reviews"]
"""What is kept of people's labels: who was drawn, what was seen, what a model learnt from, what follows, and who tests it."""


@dataclass(frozen=True)
class VariantLayout:
    """Objects of one variant below `<dataset>/<model>-<version>-<variant12>/`.

    Attributes:
        root: Key prefix, ends with a slash.
    """

    root: str

    @property
    def variant(self) -> str:
        """The variant's preimage and class names."""
        return f"{self.root}variant.json"

    @property
    def approval(self) -> str:
        """What a person answered when asked whether to infer with this variant."""
        return f"{self.root}approval.json"

    @property
    def parts(self) -> str:
        """Prefix of rows that are in no ledger yet."""
        return f"{self.root}parts/"

    @property
    def ledgers(self) -> str:
        """Prefix of the ledgers."""
        return f"{self.root}ledger/"

    @property
    def files(self) -> str:
        """Prefix of what services made of images besides."""
        return f"{self.root}files/"

    def file_of_image(self, key: str, sha256: str, name: str) -> str:
        """One file that a service made of an image besides; another one of the same image and name has another content.

        Args:
            key: The image's key.
            sha256: Of the file's bytes.
            name: Its name, as `stored_names.FILE_NAME` has it.
        """
        return f"{self.files}{hashlib.sha256(key.encode()).hexdigest()[:CONTENT]}/{sha256[:CONTENT]}-{name}"

    @property
    def runs(self) -> str:
        """Prefix of all runs."""
        return f"{self.root}runs/"

    @property
    def answer(self) -> str:
        """Prefix of what answers consist of: named by its content, so that runs with one answer share it."""
        return f"{self.root}answer/"

    def answer_file(self, table: str, month: str, sha256: str) -> str:
        """One month of one table of an answer.

        Args:
            table: Its name.
            month: `2026-06`, see `summary.answer_tables`.
            sha256: Of the file's bytes.
        """
        return f"{self.answer}{table}/month={month}/{sha256[:CONTENT]}.parquet"

    def export_folder(self, sha256: str) -> str:
        """The report of a complete run and what lies beside it.

        Args:
            sha256: Of the names and sha256 of all of its files.
        """
        return f"{self.answer}exports/{sha256[:CONTENT]}/"

    def export_month(self, name: str, sha256: str) -> str:
        """One month of an export that the dataset file asks for.

        Args:
            name: Of the export.
            sha256: Of the names and sha256 of its files.
        """
        return f"{self.answer}exports/{name}/{sha256[:CONTENT]}/"

    def explore(self, sha256: str) -> str:
        """What a person looks through first of a complete run, see `exports.explore`.

        Args:
            sha256: Of its bytes.
        """
        return f"{self.answer}explore/{sha256[:CONTENT]}.json"

    def part(self, run_key: str, shard: int, attempt: str, seq: int) -> str:
        """One immutable batch of rows by one attempt at one shard."""
        return f"{self.part_prefix(run_key, shard, attempt)}{seq:04d}.parquet"

    def run_parts(self, run_key: str) -> str:
        """Prefix of all parts of one run."""
        return f"{self.parts}{run_key}-"

    def part_prefix(self, run_key: str, shard: int, attempt: str) -> str:
        """Prefix of all parts of one attempt at one shard."""
        return f"{self.parts}{run_key}-{shard:04d}-{attempt}-"

    def ledger(self, run_key: str, attempt: str) -> str:
        """The rows one finished run settled."""
        return f"{self.ledgers}{run_key}-{attempt}.parquet"

    def run(self, run_key: str) -> RunLayout:
        """Objects of one run."""
        return RunLayout(f"{self.runs}{run_key}/")

    def runs_with(self, name: str, keys: Iterable[str]) -> list[str]:
        """Pick from keys the runs that have an object of this name, such as summary.json; the oldest first."""
        found = (re.fullmatch(rf"{re.escape(self.runs)}({RUN_KEY})/{re.escape(name)}", key) for key in keys)
        return sorted(match[1] for match in found if match and is_time(match[1]))


@dataclass(frozen=True)
class DatasetLayout:
    """Objects of one dataset below `<results prefix><dataset>/`.

    Attributes:
        prefix: The results prefix, empty or ending with a slash.
        dataset: Name of the dataset.
    """

    prefix: str
    dataset: str

    @property
    def root(self) -> str:
        """Prefix of everything of this dataset."""
        return f"{self.prefix}{self.dataset}/"

    def lies_among(self, source_prefix: str) -> bool:
        """Whether results would be written among the images, given that both are in one bucket."""
        return self.root.startswith(source_prefix)

    @property
    def current(self) -> str:
        """Which run is the dataset's answer."""
        return f"{self.root}current.json"

    @property
    def listings(self) -> str:
        """Prefix of the listings."""
        return f"{self.root}listings/"

    @property
    def releases(self) -> str:
        """Notice of a model version that is newer than the one the dataset names."""
        return f"{self.root}releases.json"

    @property
    def repeats(self) -> str:
        """Prefix of what people said of repeat detections."""
        return f"{self.root}repeats/"

    def repeat(self, sha256: str) -> str:
        """What a person said of one thing that stands in a camera's picture.

        Args:
            sha256: Of what is told in it.
        """
        return f"{self.repeats}{sha256[:CONTENT]}.json"

    def listing(self, run_key: str) -> str:
        """The bucket as one run froze it: when, what was left out, and which files hold its images."""
        return f"{self.listings}{run_key}.json"

    @property
    def all_cited(self) -> str:
        """Prefix of what says which runs papers cite."""
        return f"{self.root}cited/"

    def cited(self, run_key: str) -> str:
        """What says that a run is cited."""
        return f"{self.all_cited}{run_key}.json"

    def evidence(self, kind: Evidence) -> str:
        """Prefix of samples, of labels, of what models were trained on, of what follows from labels, or of reviews."""
        return f"{self.root}{kind}/"

    def evidence_file(self, kind: Evidence, sha256: str, ending: str) -> str:
        """One of them: what it says of itself (`json`), or its lines (`parquet`).

        Args:
            kind: Which.
            sha256: Of the file's bytes, or the first digits of it.
            ending: Of its name.
        """
        return f"{self.evidence(kind)}{sha256[:CONTENT]}.{ending}"

    def variant(self, directory: str) -> VariantLayout:
        """Objects of one variant."""
        return VariantLayout(f"{self.root}{directory}/")

    def variants(self, folders: Iterable[str]) -> list[VariantLayout]:
        """Pick from the folders below `root` those that may be a variant's."""
        return [self.variant(folder) for folder in folders if re.fullmatch(FOLDER, folder)]


def listed_months(listing: str) -> str:
    """Prefix of the images of a listing and of those beside it; earlier releases put those of each beside its JSON.

    Args:
        listing: Key of the listing.
    """
    return f"{listing[: listing.rfind('/') + 1]}files/"


def listed_month(listing: str, month: str | None, sha256: str) -> str:
    """The images of a listing whose objects were last modified in one month; several listings may share it.

    Args:
        listing: Key of a listing that names it.
        month: `2026-06`; None for images of several months.
        sha256: Of the file's bytes.
    """
    return f"{listed_months(listing)}{month or NO_MONTH}-{sha256[:CONTENT]}.parquet"
