"""What an ONNX file and its card say, read without running it."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import Understood, understand
from shoal.contract.model_file import describe_bytes
from shoal.contract.model_info import Graph
from shoal.contract.onnx_file import read_onnx
from shoal.contract.protobuf import Data
from shoal.models.dropped import Dropped, read_dropped
from shoal.written.model_folder import read_model


def inspect_model(path: Path) -> Understood:
    """Read what an ONNX file and its card say, without running it; its weights are not read.

    Raises:
        ModelRefusedError: Not an ONNX file, or of no family that Shoal runs.
    """
    return understand(read_graph(path))


def read_graph(path: Path) -> Graph:
    """Read what an ONNX file and its card say, whatever its family.

    Raises:
        ModelRefusedError: Not an ONNX file, or what belongs beside it is not there or is no such thing.
    """
    with _opened(path) as data:
        return read_model(data, path.parent)


def find_dropped(path: Path, graph: Graph) -> Dropped | None:
    """Read which boxes a model file that was read drops itself; None where it drops none that would be stored."""
    with _opened(path) as data:
        return read_dropped(data, graph)


def name_outside(path: Path) -> list[str]:
    """Name the files of weights that belong beside an ONNX file.

    Raises:
        ModelRefusedError: Not an ONNX file, or one names what is no file beside it.
    """
    with _opened(path) as data:
        return sorted(read_onnx(data).outside)


@contextmanager
def _opened(path: Path) -> Iterator[Data]:
    if path.stat().st_size == 0:
        raise ModelRefusedError(describe_bytes(b"", 0))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data
