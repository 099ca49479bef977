"""What an ONNX file says of itself, read without running it."""

import mmap
from pathlib import Path

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import Understood, understand
from shoal.contract.model_file import describe_bytes
from shoal.contract.onnx_file import read_onnx


def inspect_model(path: Path) -> Understood:
    """Read what an ONNX file says of itself, without running it; its weights are not read.

    Raises:
        ModelRefusedError: Not an ONNX file, or of no family that Shoal runs.
    """
    if path.stat().st_size == 0:
        raise ModelRefusedError(describe_bytes(b"", 0))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        graph = read_onnx(data)
    return understand(graph)
