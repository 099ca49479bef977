"""One picture looked at by a model, as the worker does it, in a process that may take so much memory, time and nothing else.

Neither the picture nor the model is trusted: the process knows no secret of ours, and is ended where it takes too long.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shoal.contract.asked_process import bare_environment
from shoal.contract.errors import ConfigError, NoAnswerError, one_line, shown
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.units import size_text
from shoal.models.read_release import fetch_version
from shoal.models.versions import WantedModel
from shoal.stores.object_store import ImageStore
from shoal.tables.scratch import scratch_folder

try:
    import resource
except ModuleNotFoundError:  # no Linux: there is no limit to set
    resource = None  # type: ignore[assignment]

LIMIT_S = 60.0
"""Seconds in which the model has to open and to look at the picture."""

MEMORY_BYTES = 3 * 1024**3
"""What the process may hold, libraries and model included."""

MOST_PIXELS = 64_000_000
"""Pixels of a picture, or the dataset's own limit where that is lower."""

THREADS = 2
"""One person waits for one picture."""

_SECOND, _PLANNED = "then", "planned.json"
"""Folder and file beside the first model."""

_NEEDS = ("onnxruntime", "cv2", "numpy")


@dataclass(frozen=True)
class AskedModel:
    """A version that looks.

    Attributes:
        model: Which one, and where it lies.
        version: Its version.
        sha256: That of its file.
    """

    model: WantedModel
    version: str
    sha256: str


@dataclass(frozen=True)
class Asked:
    """How a picture is looked at.

    Attributes:
        model: What looks at it.
        then: What looks at each of the boxes; None for nothing.
        planned: How the run does both, as its plan says it (`job.inference`): the worker reads it.
        conf: Lowest score of a box that is told.
        pixel_limit: Most pixels of the picture.
    """

    model: AskedModel
    then: AskedModel | None
    planned: Mapping[str, Any]
    conf: float
    pixel_limit: int


@contextmanager
def fetched_model(models: ImageStore, asked: Asked) -> Iterator[Path]:
    """Have the model that is to look, or both, in a folder of its own, which goes with it.

    Args:
        models: The models bucket.
        asked: Which one.

    Raises:
        ConfigError: The model cannot be read, or a library is not installed here.
        StoreError: The store does not answer.
    """
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"No model can look at a picture here: {', '.join(missing)} is not installed where Airflow's API server runs - pip "
            "install 'shoal[worker]' there, or python -m shoal model FILE --image PHOTO on your own machine"
        )
    with scratch_folder() as folder:
        _fetch(models, asked.model, folder)
        if asked.then is not None:
            (folder / _SECOND).mkdir()
            _fetch(models, asked.then, folder / _SECOND)
        yield folder


def look_at_picture(folder: Path, asked: Asked, picture: bytes) -> Mapping[str, Any]:
    """Let a model look at a picture; nothing is stored.

    Args:
        folder: Where the model was fetched to.
        asked: How.
        picture: Bytes of an image, whatever they are.

    Returns:
        What `python -m shoal_worker predict` says of it.

    Raises:
        ConfigError: The picture or the model cannot be read.
        NoAnswerError: It took too long.
    """
    (folder / "picture").write_bytes(picture)
    (folder / _PLANNED).write_text(json.dumps(asked.planned), encoding="utf-8")
    options = ["--planned", _PLANNED, "--conf", f"{asked.conf:g}", "--pixel-limit", str(asked.pixel_limit)]
    options += ["--then", str(folder / _SECOND / MODEL_FILE)] if asked.then else []
    return _ask(["predict", "--model", str(folder / MODEL_FILE), *options, str(folder / "picture")], folder)


def _fetch(models: ImageStore, asked: AskedModel, folder: Path) -> None:
    sha256 = fetch_version(models, f"{asked.model.root}{asked.version}/", folder, asked.model.size_limit)
    if sha256 != asked.sha256:
        raise ConfigError(
            f"Model {asked.model.name} {asked.version} has another file now (sha256 {sha256[:12]}…) than the run used "
            f"({asked.sha256[:12]}…) - choose a newer run"
        )


def _ask(words: list[str], folder: Path) -> Mapping[str, Any]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "shoal_worker", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=bare_environment(THREADS),
        start_new_session=True,
        cwd=folder,
    )
    _bound(process.pid)
    try:
        told, said = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise NoAnswerError(
            f"The model took more than {LIMIT_S:.0f} s for this picture - take a smaller one, or "
            "python -m shoal model FILE --image PHOTO"
        ) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    try:
        found: Mapping[str, Any] = json.loads(told)
    except ValueError:
        raise ConfigError(_why(process.returncode, said.decode(errors="replace"))) from None
    if found["status"] != "processed":
        raise ConfigError(
            f"This is no picture that a model is shown: {found.get('reason')} {one_line(found.get('detail'), 200)}".rstrip()
            + " - give a JPEG, PNG or another kind that the dataset has"
        )
    return found


def _bound(process_id: int) -> None:
    if resource is None or not hasattr(resource, "prlimit"):
        return
    with suppress(OSError, ValueError):  # it has ended already
        resource.prlimit(process_id, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        resource.prlimit(process_id, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(process_id, resource.RLIMIT_FSIZE, (0, 0))


def _why(code: int, said: str) -> str:
    if code < 0:
        return (
            f"The model and this picture ended their process ({signal.Signals(-code).name}), which may take "
            f"{size_text(MEMORY_BYTES)} - take a smaller picture, or python -m shoal model FILE --image PHOTO"
        )
    lines = said.strip().splitlines()
    last = lines[-1] if lines else f"its process ended with {code}"
    short = "MemoryError" in said or "bad_alloc" in said or "Failed to allocate" in said
    return f"The model could not look at this picture: {shown(one_line(last, 300))}" + (
        f" - it may take {size_text(MEMORY_BYTES)}" if short else ""
    )
