"""Packages of others, locked apart from Shoal's: uv puts them into an environment of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

UV = Path(__file__).parents[2] / ".shoal/tools/bin/uv"
"""Where `make .venv/.dev` puts it."""


def find_uv() -> str | None:
    return str(UV) if UV.exists() else shutil.which("uv")


def sync(uv: str, project: Path, folder: Path, options: Sequence[str] = (), **environment: str) -> None:
    """Put what a project's lock says into `env` below a folder."""
    words = [
        "--frozen",
        "--quiet",
        "--no-python-downloads",
        "--python",
        sys.executable,
        *options,
        "--project",
        str(project),
    ]
    variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder / "env"), "UV_LINK_MODE": "copy", **environment}
    variables.pop("VIRTUAL_ENV", None)
    subprocess.run([uv, "sync", *words], env=variables, check=True, timeout=1200)
