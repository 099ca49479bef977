"""The real DEEPaaS with a module of ours: an environment of its own, built once for all checkouts."""

import os
import sys
from pathlib import Path

import pytest

from cluster.cache import Kind, built, digest_of, is_built
from uv_environment import UV, find_uv, sync

PROJECT = Path(__file__).parents[1] / "deepaas"

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
    uv = find_uv()
    if uv is None and not is_built(ENVIRONMENTS, "environment", digest):
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI has no uv at {UV}: `make .venv/.dev` puts it there")
        pytest.skip(f"DEEPaaS is not installed: `make .venv/.dev` puts uv at {UV}")

    def install(folder: Path) -> None:
        sync(str(uv), PROJECT, folder, ["--no-editable"], UV_COMPILE_BYTECODE="1")

    return built(ENVIRONMENTS, "environment", digest, install) / "env"
