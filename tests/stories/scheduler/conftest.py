"""A real API server with the real scheduler: no nodes but those the tests make."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.control_plane import ControlPlane, start_control_plane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without controllers and kubelets; empty."""
    missing = [] if shutil.which("etcd") else ["no etcd"]
    if shutil.which("go") is None:
        missing.append("no Go toolchain")
    if missing:
        reason = f"the real scheduler is not compared: {', '.join(missing)} - run: make cluster-packages cluster"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with start_control_plane(Path(tmp_path_factory.mktemp("scheduler")) / "plane", mode="scheduler") as plane:
        yield plane
