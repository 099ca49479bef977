"""Services of the tests: OSCAR's scripts as people write them, and who is left of what a service started."""

import os
from pathlib import Path
from typing import Any

from shoal.contract.service import OSCAR, Service

NAMES = ("dark", "bright")

BRIGHTNESS = """#!/bin/sh
# Tells dark pictures from bright ones, and keeps a thumbnail of each.
set -e
python3 - <<'PYTHON'
import json, os, pathlib
data = pathlib.Path(os.environ["INPUT_FILE_PATH"]).read_bytes()
out = pathlib.Path(os.environ["TMP_OUTPUT_DIR"])
name = os.path.basename(os.environ["INPUT_FILE_PATH"])
(out / "head.bin").write_bytes(data[:16])
dark = 0.25 if len(data) % 2 else 0.75
(out / "answer.json").write_text(json.dumps({"photo": name, "scores": {"dark": dark, "bright": 1 - dark}}))
PYTHON
"""

MAPPING = "{image: photo, found: scores}"


def oscar(script: str = BRIGHTNESS, **settings: Any) -> Service:
    """A service that runs a script here, impatient as tests are."""
    asked = {"task": "classify", "names": NAMES, "mapping": MAPPING, "timeout_s": 60.0, "start_timeout_s": 120.0}
    return Service(kind=OSCAR, script=script, **{**asked, **settings})


def left_of(mark: str) -> list[str]:
    """Command lines of processes that have `mark` in their environment or command line: nothing of a service may be among them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            line, environment = process.joinpath("cmdline").read_bytes(), process.joinpath("environ").read_bytes()
        except OSError:  # it has ended
            continue
        if mark.encode() in line + environment:
            found.append(line.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found
