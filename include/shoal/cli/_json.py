"""`--json`: one object on standard output with keys that stay; what is told beside it goes to standard error."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any


def add_json(parser: ArgumentParser) -> None:
    """Describe the option."""
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/commands.md)")


def print_json(found: Mapping[str, Any]) -> None:
    """Print the object in one line."""
    print(json.dumps(found, ensure_ascii=False))


def note(line: str) -> None:
    """Say something beside the object."""
    print(line, file=sys.stderr, flush=True)
