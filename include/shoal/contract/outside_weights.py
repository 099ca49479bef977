"""Which other files a graph wants its weights from: plain names of its own folder, and how long each has to be.

ONNX Runtime reads from whatever path a graph names, and from a place in memory where the name says so. So a name is judged here,
before anything opens the file. What a tensor may say is https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
"""

import re
from collections.abc import Iterable
from unicodedata import category

from shoal.contract.errors import ModelRefusedError, shown
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.protobuf import BYTES, VARINT, Field, Messages

MOST_FILES = 100
"""Files of weights beside a graph: exporters write one."""

LONGEST_FILE_NAME = 200
"""Bytes of the name of such a file."""

_DIMS, _ELEMENT, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 13, 14
_KEY, _VALUE = 1, 2
_LONGEST_ENTRY = 4096
"""Bytes of what is said of a file that are read: longer than any name that is taken."""

_MOST_SIZE = 1 << 60
"""No disk holds so many elements: a tensor of more is said to need as many."""

_BITS = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
    15: 128,
}
"""Bits of an element by the number of its type; texts have no length of their own, and later types are not known."""

_ONE_FILE = "export it again, or write it with onnx.save(model, 'model.onnx', save_as_external_data=True)"


def read_outside(messages: Messages, start: int, end: int) -> tuple[str, int] | None:
    """Read which file a tensor takes its values from, and how many bytes that must have at least; None where it is the graph.

    Raises:
        ModelRefusedError: It says half of it, names a place that is no file beside the graph, or bytes that no file has.
    """
    said: dict[str, str] = {}
    dims, bits, flagged, mentioned = 1, 0, False, False
    for one in messages.fields(start, end):
        if one.number == _DIMS:
            dims = _times(messages, one, dims)
        elif one.number == _ELEMENT and one.wire == VARINT:
            bits = _BITS.get(one.value, 0)
        elif one.number == _EXTERNAL_DATA and one.wire == BYTES:
            mentioned = True
            _take(said, messages, one)
        elif one.number == _DATA_LOCATION and one.wire == VARINT:
            flagged = one.value != 0
    if not flagged and not mentioned:
        return None
    name = said.get("location", "")
    if not flagged or not name:
        raise ModelRefusedError(
            f"Model says by half that it keeps weights in another file, {shown(name, 80)!r} - {_ONE_FILE}"
        )
    need_plain_name(name)
    return name, _number(said, "offset") + max(_number(said, "length"), (dims * bits + 7) // 8)


def need_plain_name(name: str) -> None:
    """Refuse a file of weights that is none beside the graph.

    Raises:
        ModelRefusedError: The name is a path, hidden, the graph's own or none that every disk and store takes.
    """
    plain = (
        len(name.encode(errors="replace")) <= LONGEST_FILE_NAME
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
        and re.search(r'[/\\:*?"<>|]', name) is None
        and all(
            (category(character)[0] not in "CZ" and character != "\ufffd") or character == " " for character in name
        )
    )
    if not plain:
        raise ModelRefusedError(
            f"Model keeps weights in another file, {shown(name, 80)!r}, which is no plain name of a file beside it - {_ONE_FILE}"
        )
    if name.casefold() in {MODEL_FILE, CARD_FILE}:
        raise ModelRefusedError(f"Model keeps weights in {name!r}, which is no file of weights - {_ONE_FILE}")


def add_outside(found: dict[str, int], one: tuple[str, int] | None) -> None:
    """Note what a tensor needs beside what others do.

    Raises:
        ModelRefusedError: There are more files than any model has, or two whose names differ in capitals alone.
    """
    if one is None:
        return
    name, size = one
    if name not in found and name.casefold() in {other.casefold() for other in found}:
        raise ModelRefusedError(
            f"Model keeps weights in two files that are called {name!r} but for capitals - {_ONE_FILE}"
        )
    found[name] = max(found.get(name, 0), size)
    if len(found) > MOST_FILES:
        raise ModelRefusedError(
            f"Model keeps weights in more than {MOST_FILES} files - {_ONE_FILE[:-1]}, all_tensors_to_one_file=True)"
        )


def weights_elsewhere(names: Iterable[str]) -> str:
    """Say in one line that a graph was given alone, and keeps weights in other files."""
    return (
        f"Model keeps weights in another file, {next(iter(names))!r}, and was given without - put it beside model.onnx"
    )


def _take(said: dict[str, str], messages: Messages, one: Field) -> None:
    entry: dict[int, bytes] = {}
    for part in messages.fields(one.start, one.end):
        if part.wire != BYTES or part.number in entry:  # parsers differ in which of two they take
            raise ModelRefusedError(
                f"Model keeps weights in another file, and says twice, or in no text, what is said once of it - {_ONE_FILE}"
            )
        entry[part.number] = messages.text(part, _LONGEST_ENTRY)
    key = entry.get(_KEY, b"").decode(errors="replace")
    if key not in {"location", "offset", "length", "checksum"} or key in said:
        raise ModelRefusedError(
            f"Model keeps weights in another file, and says {shown(key, 40)!r} of it, unknown or said before - {_ONE_FILE}"
        )
    said[key] = entry.get(_VALUE, b"").decode(errors="replace")


def _number(said: dict[str, str], key: str) -> int:
    text = said.get(key) or "0"
    if re.fullmatch(r"[0-9]{1,18}", text) is None:
        raise ModelRefusedError(
            f"Model keeps weights in another file, {said['location']!r}, at {key} {shown(text, 40)!r}, no number of bytes - "
            f"{_ONE_FILE}"
        )
    return int(text)


def _times(messages: Messages, one: Field, dims: int) -> int:
    """Multiply by the lengths of a tensor's sides, which stand one by one or packed."""
    sides = [one.value] if one.wire == VARINT else list(messages.varints(one)) if one.wire == BYTES else []
    for side in sides:
        dims = min(dims * side, _MOST_SIZE)
    return dims
