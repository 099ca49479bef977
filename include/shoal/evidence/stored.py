"""Samples, labels and training sets as they lie beside the runs: JSON that says what it is, and its lines in Parquet."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import ContractError, shown
from shoal.contract.json_bounds import need_readable
from shoal.contract.layout import CONTENT, DatasetLayout, Evidence
from shoal.contract.plain_keys import only_named
from shoal.contract.stored_json import reading, take
from shoal.contract.stored_names import is_evidence
from shoal.evidence.design import Design, parse_design
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

DRAWN = {
    "key": "VARCHAR",
    "content_sha256": "VARCHAR",
    "probability": "DOUBLE",
    "number": "INTEGER",
    "name": "VARCHAR",
    "twice": "BOOLEAN",
}
"""Columns of a sample."""

FRAME = {"mark": "UBIGINT", "group_number": "INTEGER"}
"""Columns of the frame of a sample: every image that could be drawn, and which line of its JSON's `groups` it is of."""

LABELS = {
    "key": "VARCHAR",
    "content_sha256": "VARCHAR",
    "person": "VARCHAR",
    "imported_at": "TIMESTAMP",
    "labelled_at": "TIMESTAMP",
    "sample": "VARCHAR",
    "blind": "BOOLEAN",
    "position": "INTEGER",
    "label": "VARCHAR",
    "individuals": "INTEGER",
    "x1": "DOUBLE",
    "y1": "DOUBLE",
    "x2": "DOUBLE",
    "y2": "DOUBLE",
}
"""Columns of labels: a line for each look of somebody at an image (position -1), and for each box or number."""

TRAININGS = {"key": "VARCHAR", "content_sha256": "VARCHAR", "part": "VARCHAR"}
"""Columns of a training set."""


@dataclass(frozen=True)
class Import:
    """Labels that came in together.

    Attributes:
        name: The 16 digits that they lie under.
        json: All that they say of themselves.
    """

    name: str
    json: Mapping[str, Any]

    @property
    def lines_key(self) -> str:
        """Key of their lines."""
        return str(self.json["lines"]["key"])


@dataclass(frozen=True)
class TrainingSet:
    """What was written for a model to learn from.

    Attributes:
        name: The 16 digits that it lies under.
        version: Of the model that learnt from it; None where nobody has said.
        days_share: Days whose number is below this are not used to judge that version.
        lines_key: Key of its images.
    """

    name: str
    version: str | None
    days_share: float
    lines_key: str


def read_designs(results: ObjectStore, layout: DatasetLayout, names: Collection[str] | None = None) -> list[Design]:
    """Read samples, in the order in which they were drawn.

    Args:
        results: The results bucket.
        layout: The dataset.
        names: Of these; None for all there are. Likewise below.

    Raises:
        ContractError: One is gone, or is not what its format promises.
    """
    designs = [
        parse_design(name, stored, key) for name, key, stored in read_evidence(results, layout, "samples", names)
    ]
    return sorted(designs, key=lambda one: (str(one.json["drawn_at"]), one.name))


def read_imports(results: ObjectStore, layout: DatasetLayout, names: Collection[str] | None = None) -> list[Import]:
    """Read what labels say of themselves, in the order in which they came in."""
    found = []
    for name, key, stored in read_evidence(results, layout, "labels", names):
        with reading(f"Labels {key}", "restore them from a copy of the bucket"):
            take(take(stored, "lines", dict), "key", str)
            take(stored, "imported_at", str)
        found.append(Import(name, stored))
    return sorted(found, key=lambda one: (one.json["imported_at"], one.name))


def read_trainings(
    results: ObjectStore, layout: DatasetLayout, names: Collection[str] | None = None
) -> list[TrainingSet]:
    """Read training sets."""
    found = []
    for name, key, stored in read_evidence(results, layout, "trainings", names):
        with reading(f"Training set {key}", "restore it from a copy of the bucket"):
            share = float(take(stored, "days_share", float))
            found.append(TrainingSet(name, stored["version"], share, take(take(stored, "lines", dict), "key", str)))
    return found


def store_lines(database: Database, layout: DatasetLayout, kind: Evidence, query: str) -> dict[str, Any]:
    """Write the lines of something as Parquet named by its content, and say what was written."""
    path = database.folder / "evidence.parquet"
    written = database.write_parquet(query, path)
    key = layout.evidence_file(kind, written.sha256, "parquet")
    database.results.upload(path, key)
    path.unlink()
    return {"key": key, "rows": written.rows, "sha256": written.sha256}


def store_json(results: ObjectStore, layout: DatasetLayout, kind: Evidence, value: Mapping[str, Any]) -> str:
    """Write what something says of itself, named by its content, and return the 16 digits; its lines lie there already.

    Raises:
        ContractError: It is larger than its readers take.
    """
    data = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    key = layout.evidence_file(kind, sha256, "json")
    need_readable(key, data)
    results.write_bytes(key, data, "application/json")
    return sha256[:CONTENT]


def list_names(results: ObjectStore, layout: DatasetLayout, kind: Evidence) -> tuple[str, ...]:
    """Name all of a kind that there are."""
    folder = layout.evidence(kind)
    keys = only_named(results.list_keys(folder), folder, lambda key: is_evidence(layout, key))
    return tuple(sorted(key.removeprefix(folder).removesuffix(".json") for key in keys if key.endswith(".json")))


def read_evidence(
    results: ObjectStore, layout: DatasetLayout, kind: Evidence, names: Collection[str] | None = None
) -> list[tuple[str, str, dict[str, Any]]]:
    """Read what all of a kind, or those with these names, say of themselves: name, key and JSON.

    Raises:
        ContractError: One is gone, or has other bytes than those that it is named by.
    """
    found = []
    for name in list_names(results, layout, kind) if names is None else sorted(names):
        key = layout.evidence_file(kind, name, "json")
        if not is_evidence(layout, key):
            raise ContractError(f"{shown(name, 60)!r} names nothing of {kind} - restore summary.json")
        data = results.read_bytes(key)
        if hashlib.sha256(data).hexdigest()[:CONTENT] != name:
            without = (
                "; without one move it out, and verify tells it of each run that names it" if names is None else ""
            )
            raise ContractError(
                f"{key} was changed after it was written: its name is not of its bytes - restore it from a copy of the "
                f"bucket{without}"
            )
        found.append((name, key, results.read_json(key)))
    return found
