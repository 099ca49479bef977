"""Airflow's provider for bundles in git, beside the Airflow that is here, and a repository of somebody's own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cluster.cache import Kind, built, digest_of, is_built
from uv_environment import UV, find_uv, sync

PROJECT = Path(__file__).parents[1] / "gitbundle"
PROVIDERS = Kind("git-provider", newest=2, in_use_s=2 * 3600)


def provider_packages() -> Path:
    """Find the folder of the provider and of what it needs beside Airflow, or build it."""
    digest = digest_of([(path.name, path) for path in sorted(PROJECT.glob("*.*"))], sys.version)
    uv = find_uv()
    if shutil.which("git") is None or (uv is None and not is_built(PROVIDERS, "packages", digest)):
        assert os.environ.get("CI") != "true", f"CI has no git, or no uv at {UV}: `make .venv/.dev` puts it there"
        pytest.skip(f"bundles in git are not tested: apt-get install git, and `make .venv/.dev` puts uv at {UV}")

    def install(folder: Path) -> None:
        sync(str(uv), PROJECT, folder)

    env = built(PROVIDERS, "packages", digest, install) / "env"
    return next(env.glob("lib/python3*/site-packages"))


class Repository:
    """A bare repository, and a clone in which somebody works."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.clone = folder / "reef.git", folder / "clone"
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare)], check=True)
        subprocess.run(["git", "clone", "--quiet", str(self.bare), str(self.clone)], check=True, capture_output=True)

    @property
    def url(self) -> str:
        return self.bare.as_uri()

    def push(self, files: Mapping[str, str], *gone: str) -> str:
        """Commit files and push them; return the commit's sha."""
        for name in gone:
            (self.clone / name).unlink()
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git("-c", "user.name=reef", "-c", "user.email=reef@example.org", "commit", "--quiet", "-m", "a change")
        self._git("push", "--quiet", "origin", "HEAD:main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        command = ["git", "-C", str(self.clone), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
