"""What a graph wants to be given and what it gives, whatever its family: halves are cast, a fixed batch is filled up."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.contract.model_info import Graph

_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}

IMAGE_SIDES = 4
"""Of an image's tensor; sizes of boxes, where they are asked for too, have two."""


class Given:
    """Between a family's tensors of one image and those of the graph."""

    def __init__(self, graph: Graph) -> None:
        self._types = {tensor.name: _TYPES.get(tensor.type) for tensor in graph.inputs}
        batch = next((tensor.shape[0] for tensor in graph.inputs if len(tensor.shape) == IMAGE_SIDES), None)
        self.batch = batch if isinstance(batch, int) and batch > 1 else 1
        """Images that the graph takes at once; all but the first are empty."""

    def inputs(self, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Fit one image's tensors to the graph."""
        return {
            name: self._fill(values.astype(self._types.get(name) or values.dtype, copy=False))
            for name, values in tensors.items()
        }

    def outputs(self, names: Sequence[str], values: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Give what belongs to the one image, by name; halves become floats."""
        return {name: self._first(one) for name, one in zip(names, values, strict=True)}

    def _fill(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.batch == 1 or values.shape[0] == self.batch:
            return values
        filled = np.zeros((self.batch, *values.shape[1:]), values.dtype)
        filled[0] = values[0]
        return filled

    def _first(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.batch > 1 and values.shape[:1] == (
            self.batch,
        ):  # exporters leave it open, or keep the 1 it was traced with
            values = values[:1]
        return values.astype(np.float32) if values.dtype == np.float16 else values
