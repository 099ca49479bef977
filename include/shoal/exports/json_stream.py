"""JSON with lists as long as an answer, written element by element; the same content is the same bytes."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shoal.exports.whole_file import text_of


def json_text(value: Any) -> str:
    """Write a value in one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write_list(part: Path, elements: Iterable[Any]) -> int:
    """Write a list, an element a line; return how many."""
    with text_of(part) as file:
        file.write("[")
        count = _write_elements(file, elements)
        file.write("]\n")
    return count


def write_object(part: Path, fields: Mapping[str, Any]) -> dict[str, int]:
    """Write an object, a field a line.

    Args:
        part: The file.
        fields: Its fields; what is an iterator is written as a list, an element a line.

    Returns:
        How many elements each such list had.
    """
    counts = {}
    with text_of(part) as file:
        for number, (name, value) in enumerate(fields.items()):
            file.write(f"{',' if number else '{'}\n{json_text(name)}:")
            if hasattr(value, "__next__"):
                file.write("[")
                counts[name] = _write_elements(file, value)
                file.write("]")
            else:
                file.write(json_text(value))
        file.write("\n}\n")
    return counts


def _write_elements(file: Any, elements: Iterable[Any]) -> int:
    count = 0
    for element in elements:
        file.write(f"{',' if count else ''}\n{json_text(element)}")
        count += 1
    file.write("\n")
    return count
