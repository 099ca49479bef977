"""Builds the project's own Dockerfiles where no registry can be reached: `python -m cluster.images [NAME …]`.

The base is a Debian root made by mmdebstrap from the machine's package mirror, with the machine's certificates. Images
and their layers are kept in the cache; an image is built again when what it is made of has changed.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from cluster.binaries import CHECKOUT, minio_program
from cluster.buildah import buildah, is_stored, prune, run_logged, storage, storage_in_use, tag
from cluster.cache import IMAGES, built, digest_of
from shoal.contract.errors import ConfigError, ShoalError

log = logging.getLogger(__name__)

NAMES = ("worker", "sidecar", "airflow", "minio")
TARGETS = {"serve": "worker"}
"""Images that are another target of an image's Dockerfile."""

PROGRAMS = {"mmdebstrap": "mmdebstrap", "buildah": "buildah"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

SERVICES = CHECKOUT / "tests/houses/services"
"""Programs of others that look at images: an image for each folder, see `stand_in`."""

SUITE = "bookworm"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
KEPT_STAGE = "libraries"
"""A stage that takes a minute to build and seldom changes; what other stages leave behind is removed after each build."""
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")
_BASE_DOCKERFILE = f"""FROM scratch
ADD base.tar /
ENV SSL_CERT_FILE={CERTIFICATES} PIP_CERT={CERTIFICATES}
"""
_GO_DOCKERFILE = """ARG BASE
FROM ${BASE}
COPY minio /go/bin/minio
"""
"""In place of Go: MinIO as it was built for the tests."""


def built_images(names: Sequence[str] = NAMES) -> dict[str, Path]:
    """Build what is missing or out of date.

    Args:
        names: Of NAMES or TARGETS.

    Returns:
        Image reference -> docker-archive, as `ctr images import` and `docker load` take it.

    Raises:
        ConfigError: A program to build with is missing.
        ShoalError: A build failed; names its log.
    """
    missing = missing_programs()
    if missing:
        raise ConfigError(f"Images cannot be built: no {', no '.join(missing)} - apt install {' '.join(missing)}")
    return {reference(name): _archive(name) for name in names}


def missing_programs() -> list[str]:
    """Name the Debian packages without which nothing can be built here."""
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


def run_in(name: str, *command: str, volume: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command in a built image, as the image's user and with its environment.

    Args:
        name: Of NAMES.
        command: What to run in place of the image's entry point.
        volume: `folder:folder in the image`.
    """
    volumes = ["--volume", volume] if volume else []
    image = tag(name, _archive(name).parent.name.rpartition("-")[2])
    with storage_in_use():
        created = subprocess.run([*storage(), "from", image], capture_output=True, text=True, check=True)
        container = created.stdout.strip()
        try:
            running = [*storage(), "run", "--isolation", "chroot", *volumes, container, "--", *command]
            return subprocess.run(running, capture_output=True, text=True, timeout=600, check=False)
        finally:
            subprocess.run([*storage(), "rm", container], capture_output=True, check=True)


def reference(name: str) -> str:
    """Give the name and tag that `make images` gives, too."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return f"shoal-{name}:{project['version']}"


def stand_in(folder: Path) -> Path:
    """Build what a registry would give: `folder/Dockerfile` as `shoal-test/<folder's name>`, over the same Debian root.

    Returns:
        A docker-archive.
    """
    inputs = [folder / "Dockerfile", *_files(folder)]
    return _build(folder.name, f"shoal-test/{folder.name}", folder, {"BASE": base()}, inputs)


@cache
def base() -> str:
    """Make the Debian root that all images begin with; returns its tag in the storage."""
    left_out = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    certificates = f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"
    packages = f"--include={','.join(BASE_PACKAGES)}"
    command = ["mmdebstrap", "--variant=minbase", packages, *left_out, certificates, SUITE]
    digest = digest_of([("certificates", CERTIFICATES)], _BASE_DOCKERFILE, *command)
    image = tag("base", digest)

    def make(folder: Path) -> None:
        root = folder / "base.tar"
        run_logged("base", *command, str(root))
        _build_inline("base", image, _BASE_DOCKERFILE, folder, folder)
        root.unlink()

    built(IMAGES, "base", digest, make, usable=lambda: is_stored(image))
    return image


@cache
def go_base() -> str:
    """Make what stands in for Go's own image; returns its tag in the storage."""
    program = minio_program()
    digest = digest_of([], _GO_DOCKERFILE, base(), program.parent.name)
    image = tag("go", digest)

    def make(folder: Path) -> None:
        _build_inline("go", image, _GO_DOCKERFILE, folder, program.parent, "--build-arg", f"BASE={base()}")

    built(IMAGES, "go", digest, make, usable=lambda: is_stored(image))
    return image


def _archive(name: str) -> Path:
    dockerfile = CHECKOUT / "docker" / TARGETS.get(name, name) / "Dockerfile"
    bases, inputs = {"BASE": base()}, [dockerfile]
    if name == "minio":
        bases["GO_BASE"] = go_base()
    else:
        inputs += [CHECKOUT / ".dockerignore", *_copied(dockerfile.read_text())]
    return _build(name, reference(name), CHECKOUT, bases, inputs, target=name if name in TARGETS else "")


def _build(
    name: str, shown: str, context: Path, bases: dict[str, str], inputs: Sequence[Path], *, target: str = ""
) -> Path:
    """Build an image, named `shown` in its archive, unless one of the same inputs is in the cache."""
    digest = digest_of([(str(path.relative_to(context)), path) for path in inputs], shown, *bases.values())
    image, libraries = tag(name, digest), tag(f"{name}-{KEPT_STAGE}", digest)
    settings = [word for argument in bases.items() for word in ("--build-arg", "=".join(argument))]
    command = ["--layers", *settings, "--file", str(inputs[0])]

    def make(folder: Path) -> None:
        with storage_in_use():
            if f" AS {KEPT_STAGE}\n" in inputs[0].read_text():
                buildah(name, "build", *command, "--target", KEPT_STAGE, "--tag", libraries, str(context))
            of_target = ["--target", target] if target else []
            buildah(name, "build", *command, *of_target, "--tag", image, str(context))
            buildah(name, "push", image, f"docker-archive:{folder / name}.tar:{shown}")
        prune()

    return built(IMAGES, name, digest, make, usable=lambda: is_stored(image)) / f"{name}.tar"


def _build_inline(name: str, image: str, dockerfile: str, folder: Path, context: Path, *arguments: str) -> None:
    path = folder / "Dockerfile"
    path.write_text(dockerfile)
    with storage_in_use():
        buildah(name, "build", *arguments, "--file", str(path), "--tag", image, str(context))


def _copied(dockerfile: str) -> Iterator[Path]:
    """List the files a Dockerfile copies from the checkout."""
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for word in line.split():
            if not word.startswith("--"):
                yield from _files(CHECKOUT / word)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.umask(0o022)
    try:
        for image, path in built_images(sys.argv[1:] or NAMES).items():
            log.info("%s\t%s\t%.0f MB", image, path, path.stat().st_size / 1e6)
    except ShoalError as error:
        sys.exit(str(error))
