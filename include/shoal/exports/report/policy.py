"""The scripts of a report, and the policy that lets a browser run these and nothing else, wherever the page is opened."""

import base64
import hashlib
from pathlib import Path

_HERE = Path(__file__).parent

_BUNDLE, _CHARTS, _REPORT, _COMPARISON = (
    (_HERE / name).read_text(encoding="utf-8")
    for name in ("vega/bundle.min.js", "charts.js", "report.js", "comparison.js")
)

SCRIPTS = (_BUNDLE, _CHARTS, _REPORT)
"""What draws the charts of a report, in the order in which they run."""

COMPARISON_SCRIPTS = (_BUNDLE, _CHARTS, _COMPARISON)
"""Likewise of two answers side by side; a report that holds both has the last of these after its own."""


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


SCRIPT_SOURCES = " ".join(map(_hash, dict.fromkeys(SCRIPTS + COMPARISON_SCRIPTS)))
"""These scripts, for a Content-Security-Policy: a name that got into the page as a script would not run."""

POLICY = (
    f"default-src 'none'; script-src {SCRIPT_SOURCES}; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'"
)
"""For the page itself, as somebody opens it from a disk."""
