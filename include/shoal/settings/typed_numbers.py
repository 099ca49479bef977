"""Numbers as people type them: read where they mean one thing only, refused with what to write where they do not."""

import re
from typing import Any

CONF_PATTERN = r"^\s*(0?[.,](0[5-9]|[1-9])[0-9]*|1([.,]0*)?)?\s*$(?!\n)"
"""Texts that mean a confidence from 0.05 to 1, with a point or a comma, or nothing; Airflow's form asks for it."""

LIMIT_PATTERN = r"^\s*([0-9]*[1-9][0-9]*)?\s*$(?!\n)"
"""Texts that mean a count of at least one, or nothing."""

WHAT_CONF_IS = "write a number from 0.05 to 1, such as 0.5 or 0,5"
WHAT_LIMIT_IS = "write a whole number above 0 in digits only, such as 10000"

LONGEST_LIMIT = 15
"""Digits: more than any bucket holds, and still exact in JSON."""

_DECIMAL = re.compile(r"[0-9]*[.,]?[0-9]+|[0-9]+[.,]")
_PERCENT = re.compile(r"([0-9]{1,3}(?:[.,][0-9]+)?)\s*%")
_GROUPED = re.compile(r"[0-9]{1,3}(?:[.,'_\u2019\s\u00a0\u202f][0-9]{3})+")


def read_conf(value: Any) -> Any:
    """Read a confidence: a number, or a text with a point or a comma.

    A single comma cannot be anything but the decimal one: no confidence is above 1, so none has thousands.

    Raises:
        ValueError: It is no number; what to write stands behind the dash.
    """
    if isinstance(value, bool):
        raise ValueError(f"no number - {WHAT_CONF_IS}")  # noqa: TRY004 - pydantic takes ValueErrors
    if not isinstance(value, str):
        return value
    text = value.strip()
    if percent := _PERCENT.fullmatch(text):
        raise ValueError(f"a share of a hundred - write {float(percent[1].replace(',', '.')) / 100:g}")
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"no number - {WHAT_CONF_IS}")
    return float(text.replace(",", "."))


def read_limit(value: Any) -> Any:
    """Read a count of images: a whole number, or a text of digits.

    Groups of three digits are refused rather than understood: 10.000 is ten thousand to some and ten to others.

    Raises:
        ValueError: It is no whole number; what to write stands behind the dash.
    """
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"no whole number - {WHAT_LIMIT_IS}")
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _GROUPED.fullmatch(text):
        digits = re.sub(r"[^0-9]", "", text)
        raise ValueError(f"one number to some and another to others - write {digits}, or a smaller one, in digits only")
    # Python reads digits of every script and underscores between them; only these are plain to everybody.
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError(f"no whole number - {WHAT_LIMIT_IS}")
    if len(text) > LONGEST_LIMIT:
        raise ValueError(f"more images than there can be - {WHAT_LIMIT_IS}")
    return int(text)
