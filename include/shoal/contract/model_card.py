"""What `model.yaml` beside a model file says of it, where the file itself does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CARD_FILE = "model.yaml"
"""Name of the card, in the folder of the model file."""


@dataclass(frozen=True)
class Card:
    """A model card; what it says wins over the file's own metadata. None and empty: the card does not say.

    Attributes:
        family: Name of the model's family; no other is asked.
        names: Class names; the position is the class_id.
        imgsz: (height, width) of the input in pixels.
        stride: Largest stride in pixels.
        resize: How an image is brought to that size, a value of `shoal.contract.model_info.Resize`.
        mean: Subtracted from each channel (R, G, B in 0..1) before `std` divides it.
        std: Divides each channel.
        outputs: Names of the graph's outputs by what they are, such as `boxes`.
        background: Column of the scores that stands for no class, from 0; -1 is the last one.
        licence: Of the model.
        citation: How the model is cited.
    """

    family: str | None = None
    names: tuple[str, ...] = ()
    imgsz: tuple[int, int] | None = None
    stride: int | None = None
    resize: str | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    background: int | None = None
    licence: str | None = None
    citation: str | None = None
