"""What a graph wants to be given and what it gives, whatever its family: halves are cast, a fixed batch is filled up."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import most_at_once
from shoal.contract.model_info import EXPORT_HINT, Graph

_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}

Tensors = Mapping[str, NDArray[Any]]
"""What goes into a graph or comes out of it, by name."""


class Given:
    """Between a family's tensors of images, one by one, and those of the graph."""

    def __init__(self, graph: Graph) -> None:
        self._types = {tensor.name: _TYPES.get(tensor.type) for tensor in graph.inputs}
        self.most = most_at_once(graph)
        """Images that the graph takes at once; None where it leaves that open."""
        self.batch = self.most or 1
        """Images that it always takes; those that there are not are empty."""

    def inputs(self, images: Sequence[Tensors]) -> dict[str, NDArray[Any]]:
        """Lay the tensors of images together, and fit them to the graph.

        Args:
            images: Those of each; of one shape.
        """
        return {
            name: self._fill(values.astype(self._types.get(name) or values.dtype, copy=False))
            for name, values in ((name, _joined([image[name] for image in images])) for name in images[0])
        }

    def outputs(
        self, names: Sequence[str], values: Sequence[NDArray[Any]], images: int
    ) -> list[dict[str, NDArray[Any]]]:
        """Give what belongs to each image, by name; halves become floats.

        Raises:
            ModelRefusedError: An output is not one of so many images.
        """
        given: list[dict[str, NDArray[Any]]] = [{} for _ in range(images)]
        for name, one in zip(names, values, strict=True):
            floats = one.astype(np.float32) if one.dtype == np.float16 else one
            for place, part in enumerate(self._apart(name, floats, images)):
                given[place][name] = part
        return given

    def _fill(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.batch == 1 or values.shape[0] >= self.batch:
            return values
        filled = np.zeros((self.batch, *values.shape[1:]), values.dtype)
        filled[: len(values)] = values
        return filled

    def _apart(self, name: str, values: NDArray[Any], images: int) -> list[NDArray[Any]]:
        if images == 1 and (self.batch == 1 or values.shape[:1] != (self.batch,)):
            return [values]  # exporters leave it open, or keep the 1 it was traced with
        if values.shape[:1] != (max(images, self.batch),):
            raise ModelRefusedError(
                f"Model output {name} has shape {list(values.shape)} for {images} images - {EXPORT_HINT}"
            )
        return [values[place : place + 1] for place in range(images)]


def _joined(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return values[0] if len(values) == 1 else np.concatenate(values)
