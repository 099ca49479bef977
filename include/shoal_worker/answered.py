"""What is said of a single image, in one line of JSON: by `predict` and by `serve`."""

from typing import Any

from shoal.contract.rows import Status
from shoal.contract.shown_keys import shown_json

_UNKNOWN = ("reason", "detail", "damaged", "width", "height")


def answer_line(image: str, column: str, status: Status, **known: Any) -> str:
    """Write what became of an image.

    Args:
        image: What people call it.
        column: Where the model's task writes what it finds: null where nothing was looked at.
        status: What became of it.
        known: What else is known, by name.
    """
    answer = {"image": image, "status": status, **dict.fromkeys(_UNKNOWN), **known}
    return shown_json({**answer, column: answer.get(column)})
