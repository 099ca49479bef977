"""What a page's own reader finds wrong with it: axe-core, which npm fetches once for all checkouts."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.cache import Kind, built, is_built

if TYPE_CHECKING:
    from playwright.sync_api import Page

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
"""Of npm's archive of that version."""
SCRIPTS = Kind("scripts", newest=2, in_use_s=2 * 3600)


def find_faults(page: "Page") -> list[str]:
    """Tell what axe-core finds wrong: the rule, and where first."""
    # By the debugger's way, which a page's own policy does not forbid.
    page.evaluate(_script())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]


def _script() -> str:
    digest = SHA256[:16]
    if shutil.which("npm") is None and not is_built(SCRIPTS, "axe-core", digest):
        assert "CI" not in os.environ, "apt-get install npm"
        pytest.skip("npm is not installed, pages are not asked by axe-core: apt-get install npm")
    return (built(SCRIPTS, "axe-core", digest, _fetch) / "axe.min.js").read_text(encoding="utf-8")


def _fetch(folder: Path) -> None:
    subprocess.run(
        ["npm", "pack", "--silent", f"axe-core@{VERSION}"], cwd=folder, check=True, capture_output=True, timeout=120
    )
    archive = folder / f"axe-core-{VERSION}.tgz"
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    with tarfile.open(archive) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        (folder / "axe.min.js").write_bytes(script.read())
    archive.unlink()
