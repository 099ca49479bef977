"""The scripts of a report, and the policy that lets a browser run these and nothing else, wherever the page is opened."""

import base64
import hashlib
from pathlib import Path

_HERE = Path(__file__).parent

SCRIPTS = tuple((_HERE / name).read_text(encoding="utf-8") for name in ("vega/bundle.min.js", "report.js"))
"""What draws the charts, in the order in which they run."""


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


SCRIPT_SOURCES = " ".join(map(_hash, SCRIPTS))
"""These scripts, for a Content-Security-Policy: a name that got into the page as a script would not run."""

POLICY = (
    f"default-src 'none'; script-src {SCRIPT_SOURCES}; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'"
)
"""For the page itself, as somebody opens it from a disk."""
