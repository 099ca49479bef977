"""`--json`: one object on standard output with keys that stay; what is told beside it goes to standard error."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import Any, TextIO

from shoal.cli._tell import tell
from shoal.contract.shown_keys import shown_json

_OUTPUT: ContextVar[TextIO | None] = ContextVar("standard output, kept for the object", default=None)


def add_json(parser: ArgumentParser) -> None:
    """Describe the option."""
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/commands.md)")


@contextmanager
def nothing_but_the_object() -> Iterator[None]:
    """Keep standard output for `print_json`: Airflow, once it is imported, logs to what is standard output then."""
    before = _OUTPUT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _OUTPUT.reset(before)


def print_json(found: Mapping[str, Any]) -> None:
    """Print the object in one line: letters as they are, what a terminal would take for an order as JSON's escapes."""
    print(shown_json(found), file=_OUTPUT.get() or sys.stdout, flush=True)


def note(line: str) -> None:
    """Say something beside the object."""
    tell(line, aside=True)
