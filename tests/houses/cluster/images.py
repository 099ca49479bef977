"""Builds the project's own Dockerfiles where no registry can be reached: `python -m cluster.images [NAME …]`.

The base is a Debian root made by mmdebstrap from the machine's package mirror, with the machine's certificates. Images
and their layers stay in `.shoal/cluster/images`; an image is built again when what it is made of has changed.
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.binaries import CHECKOUT, minio_program
from cluster.buildah import FOLDER, buildah, lock, prune, run_logged, storage
from shoal.contract.errors import ConfigError, ShoalError

log = logging.getLogger(__name__)

NAMES = ("worker", "sidecar", "airflow", "minio")
PROGRAMS = {"mmdebstrap": "mmdebstrap", "buildah": "buildah"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

SUITE = "bookworm"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
KEPT_STAGE = "libraries"
"""A stage that takes a minute to build and seldom changes; what other stages leave behind is removed after each build."""
BASE, GO_BASE = "shoal-test/base", "shoal-test/go"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")
_BASE_DOCKERFILE = f"""FROM scratch
ADD base.tar /
ENV SSL_CERT_FILE={CERTIFICATES} PIP_CERT={CERTIFICATES}
"""
_GO_DOCKERFILE = f"""FROM {BASE}
COPY minio /go/bin/minio
"""
"""In place of Go: MinIO as it was built for the tests."""


def built_images(names: Sequence[str] = NAMES) -> dict[str, Path]:
    """Build what is missing or out of date.

    Args:
        names: Of NAMES.

    Returns:
        Image reference -> docker-archive, as `ctr images import` and `docker load` take it.

    Raises:
        ConfigError: A program to build with is missing.
        ShoalError: A build failed; names its log.
    """
    missing = missing_programs()
    if missing:
        raise ConfigError(f"Images cannot be built: no {', no '.join(missing)} - apt install {' '.join(missing)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with lock("base"):
        _make_base()
    built = {}
    for name in names:
        with lock(name):
            built[reference(name)] = _image(name)
    return built


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
    with lock("storage", fcntl.LOCK_SH):
        created = subprocess.run([*storage(), "from", reference(name)], capture_output=True, text=True, check=True)
        container = created.stdout.strip()
        try:
            running = [*storage(), "run", "--isolation", "chroot", *volumes, container, "--", *command]
            return subprocess.run(running, capture_output=True, text=True, timeout=120, check=False)
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
    with lock(folder.name):
        return _build(
            folder.name, f"shoal-test/{folder.name}", folder, [f"BASE={BASE}"], [folder / "Dockerfile", *_files(folder)]
        )


def _image(name: str) -> Path:
    dockerfile = CHECKOUT / "docker" / name / "Dockerfile"
    if name == "minio":
        _make_go_base()
        arguments, inputs = [f"BASE={BASE}", f"GO_BASE={GO_BASE}"], [dockerfile, minio_program()]
    else:
        arguments, inputs = [f"BASE={BASE}"], [dockerfile, CHECKOUT / ".dockerignore", *_copied(dockerfile.read_text())]
    return _build(name, reference(name), CHECKOUT, arguments, inputs)


def _build(name: str, tag: str, context: Path, arguments: Sequence[str], inputs: Sequence[Path]) -> Path:
    """Build an image unless its archive was made of the same inputs."""
    archive = FOLDER / f"{name}.tar"
    digest = _digest([*inputs, _stamp(FOLDER / "base.tar")])
    if _is_made_of(archive, digest):
        return archive
    log.info("building %s", tag)
    archive.unlink(missing_ok=True)
    settings = [word for argument in arguments for word in ("--build-arg", argument)]
    command = ["--layers", *settings, "--file", str(inputs[0])]
    with lock("storage", fcntl.LOCK_SH):
        if f" AS {KEPT_STAGE}\n" in inputs[0].read_text():
            buildah(name, "build", *command, "--target", KEPT_STAGE, "--tag", f"{tag}-{KEPT_STAGE}", str(context))
        buildah(name, "build", *command, "--tag", tag, str(context))
        buildah(name, "push", tag, f"docker-archive:{archive}:{tag}")
    prune()
    _note(archive, digest)
    return archive


def _make_base() -> None:
    root = FOLDER / "base.tar"
    left_out = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    certificates = f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"
    packages = f"--include={','.join(BASE_PACKAGES)}"
    command = ["mmdebstrap", "--variant=minbase", packages, *left_out, certificates, SUITE, str(root)]
    digest = _digest([CERTIFICATES], _BASE_DOCKERFILE, *command)
    if _is_made_of(root, digest):
        return
    log.info("making a Debian %s root, the base of all images", SUITE)
    run_logged("base", *command)
    _build_inline("base", BASE, _BASE_DOCKERFILE, FOLDER)
    _note(root, digest)


def _make_go_base() -> None:
    digest = _digest([minio_program(), _stamp(FOLDER / "base.tar")], _GO_DOCKERFILE)
    if not _is_made_of(FOLDER / "go.Dockerfile", digest):
        _note(_build_inline("go", GO_BASE, _GO_DOCKERFILE, minio_program().parent), digest)


def _build_inline(name: str, tag: str, dockerfile: str, context: Path) -> Path:
    path = FOLDER / f"{name}.Dockerfile"
    path.write_text(dockerfile)
    buildah(name, "build", "--file", str(path), "--tag", tag, str(context))
    return path


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


def _digest(paths: Sequence[Path], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _is_made_of(made: Path, digest: str) -> bool:
    return made.exists() and _stamp(made).exists() and _stamp(made).read_text() == digest


def _note(made: Path, digest: str) -> None:
    _stamp(made).write_text(digest)


def _stamp(made: Path) -> Path:
    return made.with_suffix(".sha256")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.umask(0o022)
    try:
        for image, path in built_images(sys.argv[1:] or NAMES).items():
            log.info("%s\t%s\t%.0f MB", image, path, path.stat().st_size / 1e6)
    except ShoalError as error:
        sys.exit(str(error))
