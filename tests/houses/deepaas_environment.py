"""The real DEEPaaS with a module of ours: an environment of its own, built once for all checkouts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.cache import Kind, built, digest_of, is_built

PROJECT = Path(__file__).parents[1] / "deepaas"
UV = Path(__file__).parents[2] / ".shoal/tools/bin/uv"

ENVIRONMENTS = Kind("deepaas", newest=1, in_use_s=2 * 3600)  # a third of a gigabyte each


def deepaas_command(model: Path) -> tuple[str, ...]:
    """The words that start it for an ONNX model, as a dataset file has them."""
    # Not `deepaas-run`: it names the folder that it was installed in, which was moved since.
    return (
        "env",
        f"REEF_MODEL={model}",
        str(environment() / "bin/python"),
        "-m",
        "deepaas.cmd.run",
        "--listen-port={port}",
    )


def environment() -> Path:
    """Find the environment, or build it."""
    digest = digest_of([(path.name, path) for path in sorted(PROJECT.glob("*.*"))], sys.version)
    uv = str(UV) if UV.exists() else shutil.which("uv")
    if uv is None and not is_built(ENVIRONMENTS, "environment", digest):
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI has no uv at {UV}: `make .venv/.dev` puts it there")
        pytest.skip(f"DEEPaaS is not installed: `make .venv/.dev` puts uv at {UV}")
    return built(ENVIRONMENTS, "environment", digest, lambda folder: _install(str(uv), folder)) / "env"


def _install(uv: str, folder: Path) -> None:
    options = ["--frozen", "--quiet", "--no-editable", "--no-python-downloads", "--python", sys.executable]
    environment = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(folder / "env"),
        "UV_LINK_MODE": "copy",
        "UV_COMPILE_BYTECODE": "1",
    }
    environment.pop("VIRTUAL_ENV", None)
    command = [uv, "sync", *options, "--project", str(PROJECT)]
    subprocess.run(command, env=environment, check=True, timeout=1200)
