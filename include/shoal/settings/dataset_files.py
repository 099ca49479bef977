"""Dataset files: where they lie, which there are, and one of them read, with one line for each mistake in it."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from shoal.contract.errors import ConfigError, one_line, shown
from shoal.contract.plugged_in import plugged_in
from shoal.settings.checkout import EXAMPLES, embedded_root, find_checkout
from shoal.settings.dataset import EXPORTS_BY_MONTH, EXPORTS_OF_WHEELS, Dataset
from shoal.settings.field_types import BY_HAND
from shoal.written.yaml_text import read_yaml

DATASETS_VARIABLE = "SHOAL_DATASETS"
AIRFLOW_VARIABLE = "AIRFLOW__SHOAL__DATASETS_FOLDER"
"""How Airflow reads `datasets_folder` of its section [shoal] from the environment."""

SUFFIXES = {".yaml", ".yml"}

MOST_LINES = 20
"""Mistakes of one file that are named."""

_ANNOTATED = "include/datasets/obsea.yaml" if find_checkout() else EXAMPLES / "obsea.yaml"


def said_folder() -> Path | None:
    """Find the folder of dataset files that the environment names, for Shoal or as Airflow reads it."""
    said = os.environ.get(DATASETS_VARIABLE) or os.environ.get(AIRFLOW_VARIABLE)
    return Path(said) if said else None


def datasets_folder(configured: Callable[[], str] = str) -> Path:
    """Find the one folder of dataset files: what the environment says, else Airflow's configuration, else the embedded one.

    Everything that looks for a dataset file asks here: commands, DAGs and pages alike. `make demo` and `make up` have their
    Airflow's environment say the embedded one.

    Args:
        configured: Reads `datasets_folder` of section [shoal] of Airflow's configuration; asked where the environment says none.

    Raises:
        ConfigError: Nobody says where they are, and nothing was ever made here.
    """
    if (folder := said_folder()) is not None:
        return folder
    if named := configured():
        return Path(named)
    if (folder := embedded_datasets(embedded_root())).is_dir():
        return folder
    raise ConfigError(
        f"Nothing says where the dataset files are, and there is no {folder} - make one there: python -m shoal init; or set "
        f"{DATASETS_VARIABLE}, or datasets_folder in section [shoal] of Airflow's configuration"
    )


def embedded_datasets(root: Path) -> Path:
    """Name the folder of dataset files in the folder of all that is embedded."""
    return root / "datasets"


def dataset_files(folder: Path) -> list[Path]:
    """List the dataset files of a folder in name order; what editors leave beside them is none (`.#reef.yaml`, `reef.yaml~`)."""
    return sorted(path for path in folder.glob("*.*") if path.suffix.lower() in SUFFIXES and path.name[0] not in ".#~")


def left_behind(folder: Path) -> list[Path]:
    """List the dataset files in a checkout's `include/datasets` that were read there once, and are not in the embedded folder.

    Links to the examples, and copies of them, are none. Where somebody names a folder, nothing else was ever read.

    Args:
        folder: The folder that is read.
    """
    checkout = find_checkout()
    if checkout is None or folder.resolve() != embedded_datasets(embedded_root()).resolve():
        return []
    read = {path.stem for path in dataset_files(folder)}
    there = dataset_files(checkout / "include/datasets")
    return [path for path in there if path.stem not in read and not _is_example(path)]


def _is_example(path: Path) -> bool:
    if path.resolve().parent == EXAMPLES.resolve():
        return True
    example = EXAMPLES / path.name
    try:
        return example.is_file() and path.read_bytes() == example.read_bytes()
    except OSError:
        return False


def load_dataset(path: Path) -> Dataset:
    """Read one dataset file; its name without the ending names the dataset.

    Raises:
        ConfigError: Not readable, not YAML or not valid, or not the only one of its name; one line per mistake, with the
            field's path.
    """
    _need_one_file(path)
    try:
        with path.open("rb") as file:
            data = read_yaml(file, "keep lists of keys short, by patterns of source.ignore")
    except ConfigError as err:
        raise ConfigError(f"Dataset file {path.name} cannot be read: {err}") from err
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as err:
        raise ConfigError(f"Dataset file {path.name} cannot be read: {shown(one_line(err), 400)}") from err
    if data is None:
        raise ConfigError(f"Dataset file {path.name} is empty - start from {_ANNOTATED}")
    if not isinstance(data, dict):
        raise ConfigError(f"Dataset file {path.name} is no YAML mapping - start from {_ANNOTATED}")
    try:
        if "name" in data:
            raise ConfigError(f"Dataset file {path.name}: name: no such field - the file's own name names the dataset")
        dataset = Dataset.model_validate({**data, "name": path.stem}, context=BY_HAND)
    except ValidationError as err:
        lines = [_explain(path.name, error) for error in err.errors()[:MOST_LINES]]
        more = (
            [f"Dataset file {path.name}: … and {err.error_count() - MOST_LINES} more"]
            if len(lines) < err.error_count()
            else []
        )
        raise ConfigError("\n".join([*lines, *more])) from err
    _need_installed(dataset.exports, path.name)
    return dataset


def _need_one_file(path: Path) -> None:
    """Refuse a name that two files have, also where a disk tells no case apart: one of the two would be taken in silence."""
    same = [other.name for other in dataset_files(path.parent) if other.stem.lower() == path.stem.lower()]
    if len(same) > 1:
        raise ConfigError(
            f"Dataset files {' and '.join(shown(name, 80) for name in same)} are of one name - keep one of them, or rename"
        )


def _need_installed(exports: tuple[str, ...], file_name: str) -> None:
    """Look at a file that people write, not at stored settings: a wheel may be gone when an old plan is read."""
    for name in set(exports) - set(EXPORTS_BY_MONTH):
        if name not in (there := plugged_in(EXPORTS_OF_WHEELS)):
            raise ConfigError(
                f"Dataset file {file_name}: exports: no installed wheel brings an export {name!r} - "
                f"there are {', '.join([*EXPORTS_BY_MONTH, *there])}; else install its wheel here, or see "
                "python -m shoal export --help"
            )


def _explain(file_name: str, error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the file"
    field = re.sub(r"^clock\.others\.(\d+)", lambda found: f"clock.{int(found[1]) + 1}", field)  # as in the file's list
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"no such field - {_meant(error['loc'])}"
    elif error["type"] == "missing":
        message = f"missing - add it, see {_ANNOTATED}"
    elif error["type"] == "string_pattern_mismatch":
        message = f"is not a name of this kind, which must match {error['ctx']['pattern']}"
    elif error["type"] == "float_parsing" and re.fullmatch(r"-?\d+,\d+", str(error["input"])):
        message = "a number has a decimal point, no comma"
    elif error["type"] == "invalid_key":
        with_point = f"0.{error['input']}"
        message = f"no such field - in {{…}} a decimal comma begins a new one: write numbers with a point, such as {with_point}"
    elif error["type"] == "tuple_type":
        message = "is a list, also of one - write it in [ ]"
    said = "" if error["type"] in {"extra_forbidden", "missing", "value_error"} else f" (is {error['input']!r:.80})"
    return f"Dataset file {file_name}: {shown(field, 120)}: {shown(message)}{said}"


def _meant(place: tuple[str | int, ...]) -> str:
    """Say which field a misspelt one may be: of those that can stand there, or of another group if it is one of its."""
    *groups, wrong = place
    fields = _fields_at(Dataset, groups)
    if meant := get_close_matches(str(wrong), fields, 1, cutoff=0.65):
        return f"did you mean {meant[0]}?"
    elsewhere = [name for name, group in _groups(Dataset) if str(wrong) in group.model_fields and name not in groups]
    if len(elsewhere) == 1:
        return f"it belongs to {elsewhere[0]}: write it there"
    return f"there are {', '.join(fields)}" if fields else "remove it or correct its name"


def _fields_at(model: type[BaseModel], place: Iterable[str | int]) -> list[str]:
    """List the fields of the group at a place of a dataset file; a place in a list, and a name in a mapping, are passed over."""
    for step in place:
        if (field := model.model_fields.get(str(step))) is not None and (
            found := _model_in(field.annotation)
        ) is not None:
            model = found
    return [field.alias or name for name, field in model.model_fields.items() if (model, name) != (Dataset, "name")]


def _groups(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        if (group := _model_in(field.annotation)) is not None:
            yield name, group


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the group that a field holds: itself, or in a list, a mapping or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
