"""The one judge of a model card's values: what stands in `model.yaml`, once YAML has made values of it.

Every sentence names the line to write.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from shoal.contract.errors import ModelRefusedError, shown
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_info import LONGEST_NAME, MAX_SIDE, MAX_STRIDE, MOST_CLASSES, Resize

LONGEST_LICENCE = 200
LONGEST_CITATION = 4000
"""Characters of them."""

OUTPUTS = ("boxes", "scores", "labels", "prototypes")
"""What an output may be; each family asks for those that it has."""

FIELDS = tuple(one.name for one in fields(Card))

_MOST_SHOWN = 60
_LEAST_STD = 1e-6


class _WrongError(Exception):
    """What is expected instead of a value."""


def read_card(values: Any) -> Card:
    """Read a card.

    Args:
        values: What YAML made of the file.

    Raises:
        ModelRefusedError: It is no card, or says what no model has.
    """
    if values is None:
        return Card()
    if not isinstance(values, Mapping):
        raise ModelRefusedError(
            f"{CARD_FILE} is no card: {_show(values)} stands there - write lines such as names: [fish, crab]"
        )
    for name in values:
        if name not in FIELDS:
            raise ModelRefusedError(f"{CARD_FILE} has no field {_show(name)} - {_near(str(name), FIELDS)}")
    read = {name: _read(name, values[name]) for name in FIELDS if values.get(name) is not None}
    if ("mean" in read) != ("std" in read):
        said, other, usual = ("mean", "std", [1, 1, 1]) if "mean" in read else ("std", "mean", [0, 0, 0])
        raise ModelRefusedError(
            f"{CARD_FILE} says {said} and no {other} - write {other}: {usual} where nothing is to be done"
        )
    return Card(**read)


def _read(name: str, value: Any) -> Any:
    try:
        return _READERS[name](value)
    except _WrongError as err:
        raise ModelRefusedError(f"{CARD_FILE} has {name}: {_show(value)} - {err}") from err


def _near(name: str, known: Sequence[str]) -> str:
    meant = get_close_matches(name.lower().replace("license", "licence"), known, 1)
    return f"did you mean {meant[0]}?" if meant else f"there are {', '.join(known)}"


def _show(value: Any) -> str:
    return shown(repr(value), _MOST_SHOWN)


def _text(most: int, example: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > most or not _is_text(value):
            raise _WrongError(f"write a text of up to {most} characters, such as {example}")
        return value.strip()

    return read


def _is_text(value: str) -> bool:
    """Whether it can be written down: half of a character cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _names(value: Any) -> tuple[str, ...]:
    """Read class names: a list, or by number as data.yaml of ultralytics has them."""
    wanted = 'write names: [fish, crab], or by number from 0, and quotes around names such as "no" and "12"'
    if isinstance(value, Mapping):
        numbers = range(len(value))
        if any(type(number) is not int for number in value) or set(value) != set(numbers):
            raise _WrongError(f"the numbers have a hole, or do not begin at 0 - {wanted}")
        value = [value[number] for number in numbers]
    if not isinstance(value, list) or not value:
        raise _WrongError(wanted)
    if len(value) > MOST_CLASSES:
        raise _WrongError(f"{len(value):,} classes, Shoal takes up to {MOST_CLASSES:,}")
    for number, name in enumerate(value):
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not _is_text(name):
            raise _WrongError(f"class {number} is {_show(name)}, no text of up to {LONGEST_NAME} characters; {wanted}")
    return tuple(value)


def _imgsz(value: Any) -> tuple[int, int]:
    sides = [value, value] if isinstance(value, int) else value
    if not isinstance(sides, list) or len(sides) != 2 or not all(_is_number(side, 1, MAX_SIDE) for side in sides):
        raise _WrongError(f"write imgsz: 640, or [height, width], of 1 to {MAX_SIDE} px")
    return sides[0], sides[1]


def _is_number(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _stride(value: Any) -> int:
    if not _is_number(value, 1, MAX_STRIDE):
        raise _WrongError(f"write a number of px from 1 to {MAX_STRIDE}: 32, or 64 of a model with P6")
    return int(value)


def _resize(value: Any) -> str:
    known = [str(one) for one in Resize]
    if value not in known:
        raise _WrongError(f"there are {', '.join(known)}")
    return str(value)


def _channels(what: str, least: float, usual: str) -> Callable[[Any], tuple[float, float, float]]:
    def read(value: Any) -> tuple[float, float, float]:
        numbers = value if isinstance(value, list) and len(value) == 3 else []
        if not numbers or not all(
            isinstance(number, int | float) and not isinstance(number, bool) for number in numbers
        ):
            raise _WrongError(f"write three numbers, of red, green and blue, such as {what}: {usual}")
        if not all(least <= number <= 1 for number in numbers):
            raise _WrongError(
                f"each is of pixels in 0..1, so {'above 0' if least else 'from 0'} and up to 1; divide those of 0..255 by 255, as"
                f" in {what}: {usual}"
            )
        red, green, blue = (float(number) for number in numbers)
        return red, green, blue

    return read


def _outputs(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value or not all(isinstance(name, str) for name in value.values()):
        raise _WrongError(
            "write what an output is and its name in the graph, such as outputs: {boxes: dets, scores: labels}"
        )
    for what in value:
        if what not in OUTPUTS:
            raise _WrongError(f"no output is {_show(what)}; {_near(str(what), OUTPUTS)}")
    return dict(value)


def _background(value: Any) -> int:
    if not _is_number(value, -1, MOST_CLASSES):
        raise _WrongError("write the number of a column of the scores, from 0, or -1 for the last one")
    return int(value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "family": _text(100, "yolov5"),
    "names": _names,
    "imgsz": _imgsz,
    "stride": _stride,
    "resize": _resize,
    "mean": _channels("mean", 0.0, "[0.485, 0.456, 0.406]"),
    "std": _channels("std", _LEAST_STD, "[0.229, 0.224, 0.225]"),
    "outputs": _outputs,
    "background": _background,
    "licence": _text(LONGEST_LICENCE, "AGPL-3.0"),
    "citation": _text(LONGEST_CITATION, "Autor, A. (2026). A model of fish. https://doi.org/…"),
}
