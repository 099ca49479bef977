"""Values that exporters write as text into a model's metadata, in Python or in JSON: a number, a text, a flat list or dictionary.

Nobody writes more, and a reader of more is open to texts that are made for it: `ast.literal_eval` can end a process.
"""

import ast
import json
import re
from typing import NamedTuple

Scalar = str | int | float | bool | None

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'[^'\\\n]*(?:\\.[^'\\\n]*)*'|"[^"\\\n]*(?:\\.[^"\\\n]*)*")"""
    r"""|(?P<number>[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,3})?)(?![\w.])"""
    r"""|(?P<word>None|True|False|null|true|false)\b|(?P<sign>[\[\](){}:,]))""",
    re.DOTALL | re.ASCII,
)
_WORDS: dict[str, Scalar] = {
    "None": None, "null": None, "True": True, "true": True, "False": False, "false": False
}  # fmt: skip
_CLOSING = {"[": "]", "(": ")", "{": "}"}


class Pairs(NamedTuple):
    """A dictionary as it stands there, keys that occur twice too."""

    items: tuple[tuple[Scalar, Scalar], ...]


Flat = Scalar | tuple[Scalar, ...] | Pairs


class UnreadableError(ValueError):
    """The text is none of these values."""


def read_flat(text: str) -> Flat:
    """Read a value.

    Raises:
        UnreadableError: It is none of these.
    """
    tokens = _tokens(text)
    if not tokens:
        raise UnreadableError
    kind, first = tokens[0]
    if kind != "sign":
        if len(tokens) > 1:
            raise UnreadableError
        return _scalar(tokens[0])
    if first not in _CLOSING or tokens[-1] != ("sign", _CLOSING[first]):
        raise UnreadableError
    inner = tokens[1:-1]
    if inner and inner[-1] == ("sign", ","):
        inner = inner[:-1]
    return Pairs(_pairs(inner)) if first == "{" else _list(inner)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise UnreadableError
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


def _list(tokens: list[tuple[str, str]]) -> tuple[Scalar, ...]:
    """Read `a, b, c`."""
    if any(comma != ("sign", ",") for comma in tokens[1::2]) or (tokens and len(tokens) % 2 == 0):
        raise UnreadableError
    return tuple(_scalar(token) for token in tokens[::2])


def _pairs(tokens: list[tuple[str, str]]) -> tuple[tuple[Scalar, Scalar], ...]:
    """Read `a: b, c: d`."""
    if any(colon != ("sign", ":") for colon in tokens[1::4]) or any(comma != ("sign", ",") for comma in tokens[3::4]):
        raise UnreadableError
    if tokens and len(tokens) % 4 != 3:
        raise UnreadableError
    return tuple((_scalar(key), _scalar(value)) for key, value in zip(tokens[::4], tokens[2::4], strict=True))


def _scalar(token: tuple[str, str]) -> Scalar:
    kind, text = token
    if kind == "word":
        return _WORDS[text]
    if kind == "number":
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    if kind == "text":
        return _text(text)
    raise UnreadableError


def _text(quoted: str) -> str:
    """Read a quoted text as JSON, else as Python."""
    for read in (json.loads, ast.literal_eval):
        try:
            return str(read(quoted))
        except (ValueError, SyntaxError):
            continue
    raise UnreadableError
