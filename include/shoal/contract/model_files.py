"""The files beside a model's graph, its card and its weights: which there have to be, and that they are what they were."""

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal.contract.model_card import CARD_FILE
from shoal.contract.outside_weights import need_plain_name

MOST_CARD_BYTES = 1000**2
"""Bytes of a card that are read: names of twenty thousand classes take less."""

REPLACED = "a released version must not be replaced; upload it under a new version and plan again"
UPLOAD_ORDER = "upload weights and card first, model.onnx last"


@dataclass(frozen=True)
class ModelFile:
    """A file beside a model's graph.

    Attributes:
        name: Its name in the folder of the version.
        sha256: Of its bytes.
        size_bytes: How many they are.
    """

    name: str
    sha256: str
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Write it as a plan holds it."""
        return asdict(self)


def need_name(name: str) -> None:
    """Refuse a name in a plan that is no file's beside a graph: it becomes a path.

    Raises:
        ValueError: It is none.
    """
    if name == CARD_FILE:
        return
    try:
        need_plain_name(name)
    except ModelRefusedError as err:
        raise ValueError(str(err)) from err


def need_files(outside: Mapping[str, int], folder: Path) -> None:
    """Check that the weights which a graph keeps in other files lie beside it.

    Args:
        outside: `Graph.outside`.
        folder: Where the graph's file lies.

    Raises:
        ModelRefusedError: One is missing, is a link or no file, or is too short.
    """
    for name, least in outside.items():
        try:
            found = (folder / name).lstat()
        except OSError as err:
            raise ModelRefusedError(missing(name)) from err
        if not stat.S_ISREG(found.st_mode):
            what = "a link" if stat.S_ISLNK(found.st_mode) else "no file"
            raise ModelRefusedError(
                f"Model keeps weights in {name!r}, which is {what} - put the file itself beside model.onnx"
            )
        if found.st_size < least:
            raise ModelRefusedError(too_short(name, found.st_size, least))


def missing(name: str) -> str:
    """Say in one line that a file of weights is not there."""
    return f"Model keeps weights in {name!r}, which is not beside it - put it into the same folder; {UPLOAD_ORDER}"


def too_short(name: str, size_bytes: int, least: int) -> str:
    """Say in one line that a file of weights ends before the graph's weights do."""
    return (
        f"Model keeps weights in {name!r}, which has {size_bytes} bytes and should have {least} - its upload may have broken "
        f"off, or it is of another model; {UPLOAD_ORDER}"
    )


def read_beside(outside: Mapping[str, int], folder: Path) -> tuple[ModelFile, ...]:
    """Hash what lies beside a graph and belongs to it, in the order of names."""
    names = {*outside, *([CARD_FILE] if (folder / CARD_FILE).exists() else [])}
    return tuple(_read(folder / name) for name in sorted(names))


def check_file(path: Path, expected: str, key: str) -> None:
    """Check that a file is the one the plan was made for.

    Raises:
        ConfigError: It was replaced since.
    """
    check_hash(_read(path).sha256, expected, key)


def check_hash(actual: str, expected: str, key: str) -> None:
    """Check that a file of a model has the hash that the plan was made for.

    Raises:
        ConfigError: It was replaced since.
    """
    if actual != expected:
        raise ConfigError(f"Model {key} has sha256 {actual[:12]}, the plan was made for {expected[:12]} - {REPLACED}")


def _read(path: Path) -> ModelFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return ModelFile(path.name, sha256, file.seek(0, 2))
