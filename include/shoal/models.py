"""Model releases: which versions there are, which one is meant, and what its file says."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from google.protobuf.message import DecodeError

from shoal.bucket import BucketClient
from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal.contract.model import EXPORT_HINT, Dim, ModelInfo, read_model_info
from shoal.dataset import Dataset

MODEL_FILE = "model.onnx"
VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


@dataclass(frozen=True)
class ModelRelease:
    """One version of a model, identified by the sha256 of its file."""

    name: str
    version: str
    key: str
    sha256: str
    info: ModelInfo


def natural_order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which v10 follows v9: runs of digits compare as numbers."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|\D+", version))


def choose_version(wanted: str, available: Sequence[str], named_latest: str | None) -> str:
    """Choose a version: the wanted one, or for `latest` what LATEST names, else the highest in natural order.

    Args:
        wanted: A version or `latest`.
        available: Versions that have a model file.
        named_latest: Content of the LATEST object, None when there is none.

    Raises:
        ConfigError: There is no such version.
    """
    version = wanted
    if wanted == "latest":
        version = named_latest or max(available, key=natural_order, default="")
    if version in available:
        return version
    known = ", ".join(sorted(available, key=natural_order)) or "none"
    shown = f"{wanted!r} (LATEST names {version!r})" if wanted == "latest" and named_latest else f"{wanted!r}"
    raise ConfigError(
        f"Model version {shown} not found, there are: {known} - put <version>/{MODEL_FILE} there or choose another"
    )


def read_release(models: BucketClient, dataset: Dataset, version: str | None) -> ModelRelease:
    """Find and inspect the model a run uses.

    Args:
        models: The models bucket.
        dataset: Names the model.
        version: The run's own choice; None takes the dataset's.

    Raises:
        ConfigError: No such version.
        ModelRefusedError: The file is not a model Shoal runs.
    """
    root = f"{dataset.models.prefix}{dataset.model.name}/"
    files = (re.fullmatch(rf"([^/]+)/{re.escape(MODEL_FILE)}", key[len(root) :]) for key in models.list_keys(root))
    latest = models.find_bytes(f"{root}LATEST")
    try:
        chosen = choose_version(
            version or dataset.model.version,
            # A folder that is no name of a version, such as "v2 (old)", is none.
            [match[1] for match in files if match and re.fullmatch(VERSION, match[1])],
            latest.decode().strip() if latest else None,
        )
    except ConfigError as err:
        raise ConfigError(f"{models.uri(root)}: {err}") from err
    key = f"{root}{chosen}/{MODEL_FILE}"
    with TemporaryDirectory(prefix="shoal-model-") as folder:
        path = Path(folder) / MODEL_FILE
        models.download(key, path)
        try:
            info = inspect_model(path)
        except ModelRefusedError as err:
            raise ModelRefusedError(f"{models.uri(key)}: {err}") from err
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelRelease(dataset.model.name, chosen, key, sha256, info)


def inspect_model(path: Path) -> ModelInfo:
    """Read what an ONNX file says of itself, without running it.

    Raises:
        ModelRefusedError: Not an ONNX file, or not a detection export.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError, OSError) as err:
        raise ModelRefusedError(f"Model file of {path.stat().st_size} bytes is not ONNX - {EXPORT_HINT}") from err
    if not model.graph.output:
        raise ModelRefusedError(f"Model file of {path.stat().st_size} bytes holds no ONNX graph - {EXPORT_HINT}")
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if not inputs:
        raise ModelRefusedError(f"Model graph has no input - {EXPORT_HINT}")
    return read_model_info(metadata, _shape(inputs[0]), [_shape(value) for value in model.graph.output])


def _shape(value: onnx.ValueInfoProto) -> list[Dim]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in dims]
