"""From a service's JSON to boxes or scores, by the mapping of its dataset file; what it gives else is told, never guessed.

A mapping gives, for `detect`, a list of objects: `class` (a name or its place), `confidence` (0 to 1), and one of `xyxy`, `xywh`
(left, top, width, height), `cxcywh` (centre, width, height), in pixels of the image as it is shown, or with `unit: 'share'` as
shares of its sides. For `classify` an object of scores by name, or a list of them. Where the answer names its image, the mapping
may give `{image: …, found: …}`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import jmespath
import numpy as np
from jmespath.exceptions import JMESPathError

from shoal.contract.errors import ConfigError, first_line, one_line, shown
from shoal.contract.inference import Inference
from shoal.contract.service import Service
from shoal_worker.families import chosen
from shoal_worker.families.probabilities import ROUNDING
from shoal_worker.services.asking import SAID, RefusedError, same_file
from shoal_worker.tasks.classify import Scores
from shoal_worker.tasks.found import Found

SIDES = 4
_PLACES = ("xyxy", "xywh", "cxcywh")
_FIELDS = frozenset(("class", "confidence", "unit", *_PLACES))
_UNITS = ("px", "share")
_ENVELOPE = frozenset(("image", "found"))

SLACK_PX = 0.01
"""How far the right or lower side may lie before the other one: sums of floats do not come out even."""

BESIDE_PX = 1.0
"""How far beside the image a box may lie, which is then dropped: programs count pixels from 0 or from 1."""


class AnswerMapping:
    """A service's mapping, compiled."""

    def __init__(self, service: Service, inference: Inference) -> None:
        """Compile it.

        Raises:
            ConfigError: It is no JMESPath.
        """
        try:
            self._path = jmespath.compile(service.mapping)
        except JMESPathError as err:
            raise ConfigError(
                f"worker.service.mapping is no JMESPath: {one_line(err, SAID)} - see https://jmespath.org"
            ) from err
        self._names = service.names
        self._ids = {name: number for number, name in enumerate(service.names)}
        self._task = service.task
        self._inference = inference
        # What a service rounds to exactly the lowest confidence counts; what a graph gives has to score more, as in ultralytics.
        self._below = float(np.nextafter(np.float32(inference.stored_conf), np.float32(0)))

    def read(self, answer: Any, name: str, image_hw: tuple[int, int]) -> Found:
        """Make of an answer what a row holds.

        Args:
            answer: The service's JSON.
            name: The file's name that it was shown.
            image_hw: (height, width) of the image in pixels.

        Raises:
            ConfigError: The mapping does not give what it has to.
            RefusedError: The answer is of another image, or its numbers are none.
        """
        try:
            given = self._path.search(answer)
        except (JMESPathError, TypeError, ValueError, RecursionError) as err:
            raise _fault(f"fails: {first_line(err)[:SAID]}", answer) from err
        if isinstance(given, dict) and given.keys() == _ENVELOPE:
            if not (isinstance(given["image"], str) and same_file(given["image"], name)):
                raise RefusedError(f"the answer is of {_came(given['image'])}, the image is {name}")
            given = given["found"]
        if given is None:
            raise _fault("gave nothing (null): write it so that an image with nothing on it gives `[]`", answer)
        return self._read_boxes(given, image_hw, answer) if self._task == "detect" else self._read_scores(given, answer)

    def _read_boxes(self, given: Any, image_hw: tuple[int, int], answer: Any) -> Found:
        if not isinstance(given, list):
            raise _fault(f"gave {_came(given)}, not a list of boxes", answer)
        count = len(given)
        ids, confidence = np.zeros(count, np.int64), np.zeros(count, np.float64)
        boxes, shares = np.zeros((count, SIDES), np.float64), False
        for number, one in enumerate(given):
            if not isinstance(one, dict):
                raise _fault(f"gave {_came(one)}, not an object with class, confidence and xyxy", answer)
            if unknown := one.keys() - _FIELDS:
                raise _fault(
                    f"gave a box with {shown(min(unknown), 60)!r}, its fields are {', '.join(sorted(_FIELDS))}",
                    answer,
                )
            ids[number] = self._class(one.get("class"), answer)
            confidence[number] = _probability(one.get("confidence"), answer)
            is_share = _unit(one, answer) == "share"
            shares = shares or is_share
            boxes[number] = _corners(one, answer, image_hw[::-1] if is_share else (1, 1))
        counts = confidence > self._below
        _need_inside(boxes[counts], image_hw)
        if not shares:
            way_out = "write `unit: 'share'` in the mapping's objects"
            chosen.refuse_parts(boxes[counts].astype(np.float32), image_hw, way_out)
        inside = ~_beside(boxes, image_hw, 0.0)
        return self._keep(boxes[inside], confidence[inside], ids[inside], image_hw)

    def _keep(self, boxes: Any, confidence: Any, ids: Any, image_hw: tuple[int, int]) -> Found:
        limits = np.tile(image_hw[::-1], 2).astype(np.float64)
        clipped = np.clip(boxes, 0, limits).astype(np.float32)
        scores = np.clip(confidence, 0, 1).astype(np.float32)
        most = self._inference.max_det
        kept, _ = chosen.keep(clipped, scores, ids, self._below, most)
        # A graph's lines fill up; a service tells all that it found.
        more = len(kept) >= most
        return chosen.detections(clipped[kept], scores[kept], ids[kept], len(self._names), more=more)

    def _class(self, named: Any, answer: Any) -> int:
        if isinstance(named, float) and named.is_integer():  # arrays of floats hold classes, too
            named = int(named)
        if isinstance(named, str) and named in self._ids:
            return self._ids[named]
        if isinstance(named, int) and not isinstance(named, bool) and 0 <= named < len(self._names):
            return named
        if isinstance(named, str | int) and not isinstance(named, bool):
            names = shown(", ".join(self._names), SAID)
            raise _fault(f"gave class {_came(named)}, worker.service.names are {names}", answer)
        raise _fault(f"gave {_came(named)} as a class, not a name or its place", answer)

    def _read_scores(self, given: Any, answer: Any) -> Found:
        scores = np.full(len(self._names), np.nan, np.float32)
        if isinstance(given, list):
            if len(given) != len(self._names):
                raise _fault(f"gave {len(given)} scores, worker.service.names are {len(self._names)}", answer)
            places: Iterable[tuple[int, Any]] = enumerate(given)
        elif isinstance(given, dict):
            places = ((self._class(name, answer), score) for name, score in given.items())
        else:
            raise _fault(f"gave {_came(given)}, not scores by name", answer)
        for place, score in places:
            if score is not None:
                scores[place] = _probability(score, answer)
        return Scores(scores)


def _probability(value: Any, answer: Any) -> float:
    number = _number(value, "a confidence", answer)
    if not -ROUNDING <= number <= 1 + ROUNDING:
        raise _fault(f"gave confidence {number:g}, it is to be from 0 to 1", answer)
    return min(max(number, 0.0), 1.0)


def _number(value: Any, what: str, answer: Any) -> float:
    """Take a number.

    Raises:
        ConfigError: It is of another type.
        RefusedError: It is not finite: of this image, the model has computed none.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _fault(f"gave {_came(value)} as {what}, not a number", answer)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RefusedError(f"its answer has {number} as {what}")
    return number


def _unit(one: Mapping[str, Any], answer: Any) -> str:
    unit = one.get("unit")
    if unit is None:
        return "px"
    if unit not in _UNITS:
        raise _fault(f"gave unit {_came(unit)}, there are {', '.join(_UNITS)}", answer)
    return str(unit)


def _corners(one: Mapping[str, Any], answer: Any, unit: tuple[int, int]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Read the corners of a box in px, given those of its unit across and down."""
    said = [name for name in _PLACES if one.get(name) is not None]
    if len(said) != 1:
        which = f"{' and '.join(said)}, one of them is needed" if said else f"none of {', '.join(_PLACES)}"
        raise _fault(f"gave a box with {which}", answer)
    value = one[said[0]]
    if not isinstance(value, list) or len(value) != SIDES:
        raise _fault(f"gave {_came(value)} as {said[0]}, not four numbers", answer)
    a, b, c, d = (_number(side, said[0], answer) for side in value)
    if said[0] == "cxcywh":
        a, b = a - c / 2, b - d / 2
    if said[0] != "xyxy":
        c, d = a + c, b + d
    a, b, c, d = a * unit[0], b * unit[1], c * unit[0], d * unit[1]
    if c < a - SLACK_PX or d < b - SLACK_PX:
        raise _fault(f"gave {said[0]} {value}, whose right or lower side comes first", answer)
    return np.array((a, b, max(a, c), max(b, d)))


def _beside(boxes: Any, image_hw: tuple[int, int], slack_px: float) -> Any:
    """Say which boxes show nothing of the image, by more than this."""
    height, width = image_hw[0] + slack_px, image_hw[1] + slack_px
    return (boxes[:, 0] >= width) | (boxes[:, 1] >= height) | (boxes[:, 2] <= -slack_px) | (boxes[:, 3] <= -slack_px)


def _need_inside(boxes: Any, image_hw: tuple[int, int]) -> None:
    """Refuse boxes beside the image: whoever scaled it, or turned it another way, means other pixels.

    Raises:
        RefusedError: One is.
    """
    height, width = image_hw
    if (beside := _beside(boxes, image_hw, BESIDE_PX)).any():
        box = [round(float(side), 1) for side in boxes[beside][0]]
        raise RefusedError(f"its box {box} lies beside the image of {width} x {height} px (as its EXIF turns it)")


def _came(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return shown(text, 120)


def _fault(what: str, answer: Any) -> ConfigError:
    return ConfigError(
        f"worker.service.mapping {what} - the answer was {_came(answer)}; mend worker.service.mapping or names"
    )
