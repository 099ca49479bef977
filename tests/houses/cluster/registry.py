"""A registry of the tests' own on the cluster's bridge: images are pushed to it for real, and pulled from it by the node.

It also stands in for the public registry: the bases that the Dockerfiles name are there, each the Debian root of the tests.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import images
from cluster.binaries import CHECKOUT
from cluster.buildah import ROOT, RUN_ROOT, buildah, is_stored, storage
from cluster.cache import IMAGES, lock
from cluster.node import trust_registry
from cluster.place import Place
from cluster.processes import Processes, answers, free_port

START_S = 120
PUBLIC = "docker.io"
QUICKLY = ("--compression-level", "1")
"""Packing two gigabytes of layers as small as usual would be half a minute of a processor more."""
_BUILDER = f"""#!/bin/sh
[ "$1" = push ] || exec {shutil.which("buildah")} "$@"
shift
exec {shutil.which("buildah")} push {" ".join(QUICKLY)} "$@"
"""
_BASE = re.compile(rf"^ARG (BASE|GO_BASE)={PUBLIC}/([^@\s]+)(?:@sha256:[0-9a-f]{{64}})?$", re.MULTILINE)


@dataclass(frozen=True)
class Registry:
    """A running registry.

    Attributes:
        host: Address and port, as image references begin.
        builder: Environment in which `make images` builds with buildah, and takes what it pulls from here.
        programs: Folder of the buildah it finds.
    """

    host: str
    builder: dict[str, str]
    programs: Path


@contextmanager
def running_registry(place: Place, folder: Path) -> Iterator[Registry]:
    """Start a registry that the nodes of `place` trust, with the public base images; nothing of it stays."""
    folder.mkdir()
    processes, host = Processes(folder), f"{place.address}:{free_port(place.address)}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
        "log": {"level": "warn"},
    }
    (folder / "registry.yaml").write_text(json.dumps(settings))
    trust_registry(place, host)
    try:
        processes.start("registry", ["docker-registry", "serve", str(folder / "registry.yaml")])
        processes.wait_until("registry", lambda: answers(f"http://{host}/v2/"), START_S)
        for public, own in _public_bases().items():
            buildah("registry", "push", *QUICKLY, "--tls-verify=false", own, f"docker://{host}/{public}")
            _forget(f"{PUBLIC}/{public}")
        yield Registry(host, _builder(host, folder), _programs(folder / "bin"))
    finally:
        processes.stop("registry")
        shutil.rmtree(folder)


def _forget(image: str) -> None:
    """Remove what an earlier run has pulled: this one is to pull it, too."""
    with lock(IMAGES, "storage"):
        if is_stored(image):
            buildah("registry", "rmi", image)


def _public_bases() -> dict[str, str]:
    """Map every base that a Dockerfile names to what stands in for it."""
    own = {"BASE": images.base(), "GO_BASE": images.go_base()}
    texts = [(CHECKOUT / "docker" / name / "Dockerfile").read_text() for name in images.NAMES]
    return {public: own[argument] for text in texts for argument, public in _BASE.findall(text)}


def _programs(folder: Path) -> Path:
    """Write the buildah that a person's shell finds."""
    folder.mkdir()
    program = folder / "buildah"
    program.write_text(_BUILDER)
    program.chmod(0o755)
    return folder


def _builder(host: str, folder: Path) -> dict[str, str]:
    driver = storage()[-1]
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "{driver}"\ngraphroot = "{ROOT}"\nrunroot = "{RUN_ROOT}"\n'
    )
    entries = [
        f'[[registry]]\nprefix = "{prefix}"\nlocation = "{host}"\ninsecure = true\n' for prefix in (PUBLIC, host)
    ]
    (folder / "registries.conf").write_text("\n".join(entries))
    return {
        "BUILDAH_ISOLATION": "chroot",
        "BUILDAH_LAYERS": "true",
        "SHOAL_BASES_BY_TAG": "1",
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        # A Docker Engine of this machine has neither the bases nor a way to them.
        "DOCKER_HOST": "unix:///nowhere",
    }
