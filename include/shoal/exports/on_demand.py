"""`python -m shoal export`: what a stored run found, in a format that somebody else's tool reads, into a folder or a bucket."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import duckdb

from shoal.answers.find import StoredRun
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.stored_json import reading
from shoal.contract.units import counted
from shoal.evidence.answer_evidence import ESTIMATES_FILE, AnswerEvidence
from shoal.evidence.answer_files import read_file, way_out
from shoal.evidence.estimates.told import tell_taxa
from shoal.exports.days import need_days
from shoal.exports.export import Answer, Export, ListsFiles, Written, holds_estimates, is_of_days
from shoal.exports.loaded_code import LOADED_CODE, release
from shoal.exports.out_folder import BEGUN, TOLD, OutFolder, differences, out_folder
from shoal.results.summary_files import SummaryFile
from shoal.settings.dataset import Dataset
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

_OF_DESCRIPTION = ("taxa", "deployments", "publish")
"""Sections of the dataset file that an export may show: the answer's numbers are of the run's own."""

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".txt": "text/plain; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
}


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        run: Of which run.
        dataset: The dataset file as it is now.
        export: Which export, with what was said about it.
        where: Which part of the answer.
    """

    run: StoredRun
    dataset: Dataset
    export: Export
    where: Where

    def need(self) -> None:
        """Check that the dataset file says what the export needs, and that the run has it, before anything is written.

        Raises:
            ConfigError: They do not.
        """
        if lines := self.export.missing(self.dataset):
            raise ConfigError(
                f"Export {self.export.name} needs what dataset {self.dataset.name} does not say - add to its file: "
                f"{'; '.join(lines)}"
            )
        if is_of_days(self.export):
            need_days(self.export.name, self.run.plan.settings, self.dataset)

    @property
    def estimates(self) -> SummaryFile | None:
        """What labels make of the answer's counts, of an export that holds it; None where there is nothing of it."""
        return self.run.summary.named.get(ESTIMATES_FILE) if holds_estimates(self.export) else None

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the bytes; nothing of a run or of times: the same answer gives the same bytes."""
        summary, described = self.run.summary, self.dataset.model_dump(mode="json", include=set(_OF_DESCRIPTION))
        return {
            "format_version": FORMAT_VERSION,
            "export": self.export.name,
            "options": {one.name: getattr(self.export, one.name) for one in fields(self.export) if one.init},  # type: ignore[arg-type]
            "dataset": summary.dataset,
            "model": asdict(summary.model),
            "result_sha256": summary.result_sha256,
            **({"estimates_sha256": estimates.sha256} if (estimates := self.estimates) else {}),
            "where": self.where.to_json(),
            "described_sha256": canonical_sha256(described),
            "made_by": {"shoal": release(), "code_sha256": LOADED_CODE, "duckdb": duckdb.__version__},
        }


@dataclass(frozen=True)
class Delivered:
    """What was exported.

    Attributes:
        told: export.json.
        place: Where it lies: a folder, or an s3 URI.
        again: Whether all of it lay there already.
    """

    told: Mapping[str, Any]
    place: str
    again: bool


def export_to_folder(database: Database, order: Order, folder: Path) -> Delivered:
    """Write an export into a folder, or what is left of it.

    Raises:
        ConfigError: The dataset file or the folder is not as it must be.
        ContractError: A stored object is not what it must be.
        StoreError: The results bucket does not answer.
    """
    order.need()
    with out_folder(folder, order.identity) as out:
        if out.told is not None:
            _need_unchanged(out, order.export)
            return Delivered(out.told, str(folder), again=True)
        told = _write(database, order, out)
    return Delivered(told, str(folder), again=False)


def export_to_store(database: Database, order: Order, store: ObjectStore, prefix: str) -> Delivered:
    """Write an export below a prefix of a bucket: files on this machine first, each object whole, export.json last.

    Args:
        database: A session on the results bucket; files wait in its folder.
        order: What is asked for.
        store: The bucket to write to.
        prefix: Of the objects, empty or ending with a slash.

    Raises:
        ConfigError: Something else lies there, or it cannot be written.
        ContractError: A stored object is not what it must be.
        StoreError: A bucket does not answer.
    """
    order.need()
    place = store.uri(prefix)
    begun, whole = (store.find_json(prefix + name) for name in (BEGUN, TOLD))
    said = begun or whole
    if said is not None and (differ := differences(said, order.identity)):
        raise ConfigError(f"{place} holds another export ({differ}) - name another prefix: --out")
    if said is None and (other := next(store.list_objects(prefix), None)):
        raise ConfigError(f"{place} holds other objects, such as {shown(other.key, 200)} - name another prefix: --out")
    there = {found.key: found.size_bytes for found in store.list_objects(prefix)}
    if whole is not None and begun is None:
        _need_stored(store, prefix, there, whole, order.export)
        return Delivered(whole, place, again=True)
    store.write_json(prefix + BEGUN, order.identity)
    with out_folder(database.folder / "export", order.identity) as out:
        told = _write(database, order, out)
    files = sorted(path for path in out.path.rglob("*") if path.is_file() and path.name != TOLD)
    for path in (*files, out.path / TOLD):
        key = prefix + path.relative_to(out.path).as_posix()
        # An object is whole, and the same answer gives the same bytes.
        if there.get(key) != path.stat().st_size:
            store.upload(path, key, _TYPES.get(path.suffix, order.export.content_type))
    store.delete([prefix + BEGUN])
    return Delivered(told, place, again=False)


def _write(database: Database, order: Order, out: OutFolder) -> dict[str, Any]:
    run = order.run
    view_answer(database, run.summary, order.where)
    evidence = _read_estimates(database.results, order)
    answer = Answer(run.plan, True, run.summary.result, run.summary.run, dataset=order.dataset, evidence=evidence)
    written = order.export.write(database, answer, out.path, order.where)
    told = {**order.identity, "files": _files(out.path, written), "not_held": _not_held(written)}
    out.finish(told)
    return told


def _read_estimates(results: ObjectStore, order: Order) -> AnswerEvidence | None:
    """Read what labels make of the answer's counts; None where it has nothing of it."""
    if order.estimates is None:
        return None
    summary = order.run.summary
    estimates = read_file(results, summary, ESTIMATES_FILE)
    with reading(order.estimates.key, way_out(summary.dataset)):
        tell_taxa(estimates)
    return AnswerEvidence(estimates=estimates)


def _files(folder: Path, written: Written) -> list[dict[str, Any]]:
    files = []
    for path in sorted(written.files):
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        files.append({"name": name, "sha256": sha256, "bytes": path.stat().st_size, "rows": written.rows.get(name)})
    return files


def _not_held(written: Written) -> dict[str, int]:
    return {what: int(count) for what, count in sorted(written.not_held.items()) if count}


def _need_unchanged(out: OutFolder, export: Export) -> None:
    """Check that the files of an export that was complete are still what it wrote, and those that they list."""
    told = [(file["name"], file["sha256"]) for file in (out.told or {}).get("files", [])]
    for name, sha256 in told:
        _need_file(out, name, sha256)
    for name, read in _lists(export):
        for beside, sha256 in read((out.path / name).read_bytes()):
            _need_file(out, beside, sha256)


def _need_file(out: OutFolder, name: str, sha256: str) -> None:
    path = out.path / name
    try:
        with path.open("rb") as data:
            same = hashlib.file_digest(data, "sha256").hexdigest() == sha256
    except (FileNotFoundError, NotADirectoryError):
        same = False
    if not same:
        raise ConfigError(
            f"{path} is gone or was changed since it was exported - name another --out, or delete {out.path} to export again"
        )


def _need_stored(
    store: ObjectStore, prefix: str, there: Mapping[str, int], whole: Mapping[str, Any], export: Export
) -> None:
    """Check that the objects of an export that was complete are there, as long as they were, and those that they list."""
    gone = [file["name"] for file in whole.get("files", []) if there.get(prefix + file["name"]) != file["bytes"]]
    for name, read in () if gone else _lists(export):
        gone += [beside for beside, _ in read(store.read_bytes(prefix + name)) if prefix + beside not in there]
    if gone:
        raise ConfigError(
            f"{store.uri(prefix + gone[0])} is gone or was changed since it was exported - name another prefix: --out, or delete "
            f"{store.uri(prefix + TOLD)} and what lies beside it to export again"
        )


def _lists(export: Export) -> Iterator[tuple[str, Callable[[bytes], Iterator[tuple[str, str]]]]]:
    """Give the file that tells of others which export.json does not name, and how it is read; of most exports none does."""
    if isinstance(export, ListsFiles):
        yield export.list_name, export.listed


def describe(delivered: Delivered) -> list[str]:
    """Say in words what was exported, and what could not be."""
    told = delivered.told
    files, model = told["files"], told["model"]
    size = sum(file["bytes"] for file in files)
    lines = [
        f"{told['export']} of {told['dataset']}, model {model['name']} {model['version']}, result sha256 {told['result_sha256']}"
    ]
    if any(told["where"].values()):
        lines.append(
            f"only {json.dumps({name: value for name, value in told['where'].items() if value}, ensure_ascii=False)}"
        )
    lines.append(
        f"{counted(len(files), 'file')}, {size} bytes, {'there already' if delivered.again else 'written'}: {delivered.place}"
    )
    lines += [f"not held: {what}: {count}" for what, count in told["not_held"].items()]
    return lines
