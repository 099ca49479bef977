"""One judge of models: what the file says, and whether the worker runs it, asked before anything is planned.

The worker judges in a process of its own, bounded in time and memory: a model may be large, or end whoever runs it. What it
cannot tell is no refusal; it is said.
"""

import hashlib
import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shoal.contract.ask_worker import ask_worker
from shoal.contract.errors import ModelRefusedError, one_line
from shoal.contract.exit_codes import CRASH_SIGNALS, WorkerExit
from shoal.contract.families import Understood, understand
from shoal.contract.model_files import ModelFile, read_beside
from shoal.contract.model_info import EXPORT_HINT, Graph
from shoal.models.dropped import Dropped
from shoal.models.inspect import find_dropped, read_graph

LIMIT_S = 120.0
"""Seconds in which a model has to open and to look at one image."""

_NOT_THIS_MACHINE_S = CRASH_SIGNALS - {signal.SIGILL}
"""What a model's graph brings upon its process; an instruction that this CPU lacks may be there where the pods run."""

_NEEDS = ("onnxruntime", "cv2", "numpy")
_ANSWERS: dict[tuple[str, tuple[ModelFile, ...]], tuple[int, str]] = {}
"""Exit status and last words of trials, or what else was found, by sha256 and what lies beside: a plan comes to one file
more than once."""


@dataclass(frozen=True)
class Judged:
    """A model that Shoal runs.

    Attributes:
        graph: What its file and its card say.
        understood: What its family makes of that.
        sha256: That of its file.
        files: Its card and its files of weights.
        untried: Why the worker was not asked whether it runs; empty where it was.
        dropped: Which boxes its file drops itself; None where it drops none that would be stored.
        scores_sum: What a classifier's scores of a black image sum to; None where that is not known.
    """

    graph: Graph
    understood: Understood
    sha256: str
    files: tuple[ModelFile, ...]
    untried: str
    dropped: Dropped | None = None
    scores_sum: float | None = None


def judge_model(path: Path) -> Judged:
    """Read what a model file and its card say, then let the worker open it and look at one black image.

    Args:
        path: The file; card and weights lie in its folder.

    Raises:
        ModelRefusedError: It is no model Shoal runs.
    """
    graph = read_graph(path)
    understood, files = understand(graph), read_beside(graph.outside, path.parent)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    untried, scores_sum = _try_model(path, sha256, files)
    return Judged(graph, understood, sha256, files, untried, find_dropped(path, graph), scores_sum)


def _try_model(path: Path, sha256: str, files: tuple[ModelFile, ...]) -> tuple[str, float | None]:
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        return f"not run for trial: {', '.join(missing)} is not installed here - pip install 'shoal[worker]'", None
    if (sha256, files) not in _ANSWERS:
        _ANSWERS[sha256, files] = _ask_worker(path)
    code, words = _ANSWERS[sha256, files]
    if code == WorkerExit.CONFIG:
        raise ModelRefusedError(words)
    if -code in _NOT_THIS_MACHINE_S:
        name = signal.Signals(-code).name
        raise ModelRefusedError(f"Model ends whoever runs it on one black image: {name} - {EXPORT_HINT}")
    return ("", _read_number(words)) if code == 0 else (f"not run for trial: {words}", None)


def _read_number(words: str) -> float | None:
    """Read what the worker printed; a library may have said something, too."""
    try:
        return float(words.rpartition("\n")[2])
    except ValueError:
        return None


def _ask_worker(path: Path) -> tuple[int, str]:
    try:
        done = ask_worker(["try", "--model", str(path.absolute())], LIMIT_S)
    except subprocess.TimeoutExpired:
        return 1, f"it took more than {LIMIT_S:.0f} s"
    except OSError as err:
        return 1, f"no process could be started ({err.strerror})"
    if done.returncode == 0:
        return 0, done.stdout.strip()
    lines = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
    return done.returncode, one_line(lines[-1], 1000)
