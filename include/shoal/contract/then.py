"""A second model in a row: a classifier looks at what is in each box of the first one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shoal.contract.errors import ModelRefusedError
from shoal.contract.tasks.classify import CLASSIFY

LEAST_SIDE_PX = 2.0
"""A box that is narrower or lower in its image is not looked at: there is nothing to see."""

SHARES_SUM = 1.01
"""Scores that sum to more are no shares of one whole: added up they would say nothing."""


def need_boxes(first: object, task: str, asks: str = "model.then") -> None:
    """Check that a first model finds boxes.

    Args:
        first: What it is called.
        task: What it is for.
        asks: What a second model is asked for by.

    Raises:
        ModelRefusedError: It does not.
    """
    if task == CLASSIFY.name:
        raise ModelRefusedError(
            f"{asks} looks at boxes, and {first} finds none: it is for task {task!r} - leave {asks} out, or let the first model "
            "be one that finds boxes"
        )


def need_classifier(second: object, task: str, asks: str = "model.then") -> None:
    """Check that a second model says what is in a crop.

    Args:
        second: What it is called.
        task: What it is for.
        asks: What it is asked for by.

    Raises:
        ModelRefusedError: It does not.
    """
    if task != CLASSIFY.name:
        raise ModelRefusedError(
            f"{asks} {second} is for task {task!r}, and what looks at crops is a classifier (task {CLASSIFY.name!r}) - "
            "name a classifier"
        )


@dataclass(frozen=True)
class RollUp:
    """What a box is called where the best class of the second model is unsure.

    Attributes:
        min_conf: The score that a name needs: the best class, else the lowest taxon above whose classes reach it together.
        ancestors: Taxa above the second model's classes that are none of them; their class ids follow its own.
        parents: What stands above each class and each ancestor, by class_id; None where nothing does.
    """

    min_conf: float
    ancestors: tuple[str, ...]
    parents: tuple[int | None, ...]


@dataclass(frozen=True)
class Then:
    """What of a second model can change a stored class or score, but for its bytes.

    Attributes:
        imgsz: Input (height, width) of the second model in pixels.
        pad: Share of a box's longer side by which a crop is wider on each of its four sides.
        square: Whether the shorter side is made as long as the longer one.
        classes: Class ids of the first model whose boxes are looked at; None for all.
        roll_up: None where the best class is taken whatever its score.
        family: `<name>/<version>` of a model family from somebody's wheel; None for Shoal's own.
    """

    imgsz: tuple[int, int]
    pad: float
    square: bool
    classes: tuple[int, ...] | None = None
    roll_up: RollUp | None = None
    family: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as job and variant hold it: what is not asked for is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Then":
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no such thing.
        """
        roll_up, classes = stored.get("roll_up"), stored.get("classes")
        read: dict[str, Any] = {
            **stored,
            "imgsz": tuple(stored["imgsz"]),
            "classes": None if classes is None else tuple(classes),
            "roll_up": None if roll_up is None else _read_roll_up(roll_up),
        }
        return cls(**read)


def _read_roll_up(stored: Mapping[str, Any]) -> RollUp:
    ancestors, parents = tuple(stored["ancestors"]), tuple(stored["parents"])
    if any(parent is not None and not 0 <= parent < len(parents) for parent in parents) or len(ancestors) > len(
        parents
    ):
        raise ValueError("roll_up names parents that are none")
    return RollUp(float(stored["min_conf"]), ancestors, parents)
