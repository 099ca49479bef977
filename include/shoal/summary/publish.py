"""Store what a run found: its files first, `summary.json` last, so that readers see no summary or a whole one (G3)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.run_layout import RunLayout
from shoal.exports.explore import write_explore
from shoal.exports.write import Exported
from shoal.results.summary_files import EXPLORE_FILE, SummaryFile, beside
from shoal.stores.object_store import ObjectStore
from shoal.stores.shared_files import SharedFiles
from shoal.summary.balance import Balance


@dataclass(frozen=True)
class Found:
    """What a run found, and where the files of it lie.

    Attributes:
        balance: The first balance.
        result: As summary.json holds it.
        run: Likewise.
        folder: Key prefix of the report and what lies beside it.
        files: All files of the answer.
    """

    balance: Balance
    result: Mapping[str, Any]
    run: Mapping[str, Any]
    folder: str
    files: tuple[SummaryFile, ...]


def store_exports(exported: Exported, folder: str, shared: SharedFiles) -> tuple[SummaryFile, ...]:
    """Upload exports into a folder.

    Args:
        exported: What was written.
        folder: Its key prefix, see `export_folder`.
        shared: What the variant's runs share.
    """
    files = []
    for file in exported.files:
        shared.put(file.path, folder + file.path.name, file.content_type)
        files.append(beside(folder, file.path.name, file.sha256, file.path.stat().st_size))
    return tuple(files)


def store_explore(explore: Mapping[str, Any], layout: VariantLayout, shared: SharedFiles, folder: Path) -> SummaryFile:
    """Upload what a person looks through first, named by its content.

    Args:
        explore: As `exports.explore` reads it.
        layout: The variant.
        shared: What the variant's runs share.
        folder: Scratch folder.
    """
    path = folder / EXPLORE_FILE
    path.write_bytes(write_explore(explore))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    key = layout.explore(sha256)
    shared.put(path, key, "application/json")
    return SummaryFile("explore", None, key, sha256, path.stat().st_size)


def export_folder(exported: Exported, own_folder: str, layout: VariantLayout) -> str:
    """Say where exports go: of a complete run into a folder named by their content, which runs share; else into the run's own.

    The links of the report lead to what lies in the same folder.

    Args:
        exported: What was written.
        own_folder: Key prefix that no other run or attempt uses.
        layout: The variant.
    """
    answer = exported.answer
    return layout.export_folder(canonical_sha256(dict(answer.files))) if answer.complete else own_folder


def write_summary(results: ObjectStore, run: RunLayout, found: Found) -> dict[str, Any]:
    """Write `summary.json` over files that all lie there."""
    summary = {
        "format_version": FORMAT_VERSION,
        "complete": found.balance.complete,
        "result": found.result,
        "result_sha256": canonical_sha256(found.result),
        "run": found.run,
        "folder": found.folder,
        "files": [file.to_json() for file in in_order(found.files)],
    }
    results.write_json(run.summary, summary)
    return summary


def in_order(files: Iterable[SummaryFile]) -> list[SummaryFile]:
    """Sort files by table and month; those that are no month of a table come first, by name."""
    return sorted(files, key=lambda file: (file.month is not None, file.table, file.month or "", file.key))
