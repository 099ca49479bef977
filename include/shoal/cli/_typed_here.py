"""Commands as a person has to type them where this one was started."""

import os
import re
import sys
from pathlib import Path

_AS_WRITTEN = re.compile(r"(?<![/\w])python -m shoal\b")


def as_typed(text: str) -> str:
    """Name the interpreter of a checkout in the commands that a line tells: the system's own knows no Shoal."""
    if not Path(sys.executable).is_relative_to(Path.cwd()):
        return text
    return _AS_WRITTEN.sub(f"{os.path.relpath(sys.executable)} -m shoal", text)
