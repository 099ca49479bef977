"""What a compacted ledger says of itself: which ledgers it took, and what those had taken.

It stands in the Parquet file's own metadata, so it is there exactly when the rows are. Plans name ledgers by the names of their
day; rows keep the name of the ledger that they were first written to. The two are joined here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shoal.contract.errors import ContractError, shown
from shoal.contract.json_bounds import RECORD_BYTES, read_object, too_large
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.stored_json import reading, take
from shoal.contract.stored_names import parse_ledger_run
from shoal.tables.session import Database

METADATA_KEY = "shoal_took"
"""Name of the entry in the file's metadata."""

MOST_NAMES = 20_000
"""Ledgers that one stands for: fifty years of nights; with what these took in turn they are below the bound of such JSON."""


@dataclass(frozen=True)
class Lineage:
    """What one ledger stands for.

    Attributes:
        name: The ledger's name, without its ending.
        took: Names that each compacted ledger took, its own among them; empty for a ledger that a summary wrote.
    """

    name: str
    took: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_compacted(self) -> bool:
        """Whether it was made of other ledgers."""
        return bool(self.took)

    @property
    def firsts(self) -> frozenset[str]:
        """Names that its rows have in column `ledger`."""
        return self.firsts_of(self.name) or frozenset({self.name})

    def firsts_of(self, name: str) -> frozenset[str]:
        """Names that the rows have which came from a ledger of this name; none where it took none of that name."""
        known = {*self.took, *(child for children in self.took.values() for child in children)}
        found, seen, left = set(), set(), [name] if name in known else []
        while left:
            one = left.pop()
            if one in seen:
                continue
            seen.add(one)
            if one in self.took:
                left += self.took[one]
            else:
                found.add(one)
        return frozenset(found)

    def to_json(self) -> str:
        """Write what its file says."""
        took = {name: list(children) for name, children in sorted(self.took.items())}
        return json.dumps({"format_version": FORMAT_VERSION, "took": took}, separators=(",", ":"))


def ledger_name(key: str) -> str:
    """Name a ledger as rows and metadata do."""
    return key.rpartition("/")[2].removesuffix(".parquet")


def join(name: str, taken: Iterable[Lineage]) -> Lineage:
    """Say what a ledger stands for that took others."""
    taken = sorted(taken, key=lambda one: one.name)
    took = {child: children for one in taken for child, children in one.took.items()}
    return Lineage(name, {**took, name: tuple(one.name for one in taken)})


def read_lineages(database: Database, keys: Iterable[str]) -> dict[str, Lineage]:
    """Read what ledgers stand for, by key; their footers only.

    Raises:
        ContractError: One says what nobody of this release wrote.
        StoreError: The results bucket does not answer.
    """
    by_uri = {database.uri(key): key for key in keys}
    if not by_uri:
        return {}
    database.set_variable("lineage_files", list(by_uri))
    found = dict(
        database.run(
            "SELECT file_name, decode(value) FROM parquet_kv_metadata(getvariable('lineage_files')) "
            f"WHERE key = '{METADATA_KEY}'::BLOB"
        ).fetchall()
    )
    return {key: _parse(key, found.get(uri)) for uri, key in by_uri.items()}


def _parse(key: str, told: str | None) -> Lineage:
    name = ledger_name(key)
    if told is None:
        return Lineage(name)
    with reading(f"What ledger {shown(key)} says that it took", "restore it from an older version or a backup"):
        if len(told) > RECORD_BYTES:
            raise ValueError(too_large(len(told), RECORD_BYTES))
        try:
            stored = read_object(told.encode())
        except ContractError as err:  # which is the reason alone
            raise ValueError(str(err)) from err
        if stored["format_version"] > FORMAT_VERSION:
            raise ContractError(f"Ledger {shown(key)} is of format {stored['format_version']} - upgrade Shoal")
        took = {parent: tuple(children) for parent, children in take(stored, "took", dict).items()}
        names = {*took, *(child for children in took.values() for child in children)}
        if name not in took or any(
            not isinstance(one, str) or parse_ledger_run(f"{one}.parquet") is None for one in names
        ):
            raise ValueError("it names what is no ledger, or not itself")
    return Lineage(name, took)
