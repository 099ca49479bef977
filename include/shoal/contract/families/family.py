"""What Shoal has to know of a kind of model files: how to tell them, and where the code lies that runs them."""

from typing import Protocol

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_info import Graph, ModelInfo


class NotOfFamilyError(ModelRefusedError):
    """The file is of another family; the next one is asked."""


class Family(Protocol):
    """One layout of graphs, such as YOLOv8's; both sides ask it, so it needs the standard library only.

    Attributes:
        version: Raised when the same model can give another box; part of the variant's identity for other people's
            families, Shoal's own are under `PIPELINE_VERSION`.
        task: Name in `TASKS`.
        codec: `module:Class` of the worker's half, a `shoal_worker.families.codec.Codec`.

    One that lets a card name outputs says which, in `roles`: some of `shoal.contract.read_card.OUTPUTS`. Else none may be named.
    """

    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def task(self) -> str: ...  # noqa: D102
    @property
    def codec(self) -> str: ...  # noqa: D102

    def understand(self, graph: Graph) -> ModelInfo:
        """Read a graph of this family.

        Raises:
            NotOfFamilyError: It is none.
            ModelRefusedError: It is one that cannot be run: no other family is asked; in one line with a way out.
        """
        ...
