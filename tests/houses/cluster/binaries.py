"""The programs of the test cluster: Kubernetes and MinIO built from pinned Go modules, the rest from Debian.

`go.mod` and `go.sum` in the folders of `go/` pin every dependency. What was built is kept in the cache
until they or the Go toolchain change.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cluster.cache import BIN, built, digest_of, is_built
from shoal.contract.errors import ConfigError, ShoalError

CHECKOUT = Path(__file__).parents[3]
GO_MODULES = Path(__file__).parent / "go"

COMPILED_FAST = "-gcflags=all=-dwarf=false"
"""Nobody debugs these programs. It is not part of their digest, for it changes nothing that they do."""
COMPILER_MEMORY = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}
"""Go's compiler collects no garbage below that: 8.4 s of CPU for the types of Kubernetes' first API were 5.3 then, both together."""

KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet")
KUBERNETES_VERSION = "1.34.4"
"""What `go/kubernetes/go.mod` requires; a program built as a module does not know its own version."""


@dataclass(frozen=True)
class GoBuild:
    """One `go build`, of one program or of several that share what takes long.

    Attributes:
        name: Of its entry in the cache.
        module: Folder of the go.mod that pins it.
        packages: Import paths; a program is named after the last part of its own, a single one after the build.
        ldflags: For the linker, besides those that make programs small.
        flags: Others.
    """

    name: str
    module: Path
    packages: tuple[str, ...]
    ldflags: str = ""
    flags: tuple[str, ...] = ()

    def digest(self) -> str:
        """Identify what the programs are built from, and by which Go."""
        found = sorted([*self.module.glob("go.*"), *self.module.glob("*.go")])
        words = [_toolchain(self.module), self.ldflags, *self.flags, *self.packages]
        return digest_of([(path.name, path) for path in found], *words)


def _kubernetes_ldflags() -> str:
    version = KUBERNETES_VERSION.split(".")
    values = {"gitVersion": f"v{KUBERNETES_VERSION}", "gitMajor": version[0], "gitMinor": version[1]}
    return " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())


KUBERNETES = GoBuild(
    "kubernetes",
    GO_MODULES / "kubernetes",
    tuple(f"k8s.io/kubernetes/cmd/{name}" for name in KUBERNETES_PROGRAMS),
    _kubernetes_ldflags(),
)
MINIO = GoBuild("minio", GO_MODULES / "minio", ("github.com/minio/minio",), flags=("-tags", "kqueue"))
VERSITYGW = GoBuild("versitygw", GO_MODULES / "versitygw", ("github.com/versity/versitygw/cmd/versitygw",))
PAUSE = GoBuild("pause", GO_MODULES / "pause", ("shoal.test/pause",))
COMPOSE = GoBuild(
    "docker-compose",
    CHECKOUT / "tests/houses/compose/go",
    ("github.com/docker/compose/v2/cmd",),
    "-X github.com/docker/compose/v2/internal.Version=v2.40.3",
)
GO_BUILDS = (KUBERNETES, MINIO, COMPOSE, VERSITYGW, PAUSE)
"""In the order in which tests need them."""

DEBIAN_PACKAGES = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "fusermount3": "fuse3",
}
"""The package of each program."""
CNI_PLUGINS = Path("/usr/lib/cni")


def kubernetes_program(name: str) -> Path:
    """Locate one of KUBERNETES_PROGRAMS, building all of them first when they are not in the cache."""
    return go_program(KUBERNETES, name)


def minio_program() -> Path:
    """Locate the MinIO server, building it first when it is not in the cache."""
    return go_program(MINIO, "minio")


def versitygw_program() -> Path:
    """Locate versitygw, an S3 server over a folder, building it first when it is not in the cache."""
    return go_program(VERSITYGW, "versitygw")


def pause_program() -> Path:
    """Locate the program of the sandbox image: it waits to be ended."""
    return go_program(PAUSE, "pause")


def compose_program() -> Path:
    """Locate Docker Compose, building it first when it is not in the cache."""
    return go_program(COMPOSE, "docker-compose")


def are_built(build: GoBuild) -> bool:
    """Whether programs can be had at once."""
    return shutil.which("go") is not None and is_built(BIN, build.name, build.digest())


def go_program(build: GoBuild, name: str) -> Path:
    """Locate a program, building it and those that are built with it first when they are not in the cache.

    Raises:
        ConfigError: There is no Go.
        ShoalError: The build failed; names its log.
    """
    return _built(build) / name


@cache
def _built(build: GoBuild) -> Path:
    return built(BIN, build.name, build.digest(), lambda folder: _go_build(build, folder))


def debian_program(name: str) -> Path:
    """Locate a program that comes from a Debian package.

    Raises:
        ConfigError: It is not installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ConfigError(
            f"No program {name} (Debian package {DEBIAN_PACKAGES[name]}) - install: make cluster-packages"
        )
    return Path(found)


def missing_requirements() -> list[str]:
    """List what this machine lacks for a cluster of its own, one clause each; empty when it can run one."""
    missing = [] if os.geteuid() == 0 else ["not root"]
    names = [name for name in DEBIAN_PACKAGES if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    missing += [f"no {name}" for name in names]
    if not (CNI_PLUGINS / "bridge").exists():
        missing.append(f"no CNI plugins in {CNI_PLUGINS}")
    if shutil.which("go") is None:
        missing.append("no Go toolchain")
    return missing


def _go_build(build: GoBuild, folder: Path) -> None:
    """Build all programs in one go: what they share is loaded and compiled once.

    Raises:
        ShoalError: See `go_program`.
    """
    log = BIN.folder / f"{build.name}.build.log"
    target = folder / build.name if len(build.packages) == 1 else folder
    command = [
        "go",
        "build",
        "-trimpath",
        COMPILED_FAST,
        f"-ldflags=-s -w {build.ldflags}",
        *build.flags,
        "-o",
        str(target),
    ]
    with log.open("wb") as output:
        ended = subprocess.run(
            [*command, *build.packages],
            cwd=build.module,
            env={**os.environ, "CGO_ENABLED": "0", **COMPILER_MEMORY},
            stdout=output,
            stderr=output,
            check=False,
        )
    if ended.returncode != 0:
        raise ShoalError(f"go build of {build.name} in {build.module} ended with code {ended.returncode} - see {log}")


@cache
def _toolchain(module: Path) -> str:
    """Name Go's version, system and processor, as a module's go.mod chooses them.

    Raises:
        ConfigError: There is no Go.
    """
    if shutil.which("go") is None:
        raise ConfigError(f"No Go toolchain to build {module.name} - install Go 1.25 or newer, https://go.dev/dl")
    asked = ["go", "env", "GOVERSION", "GOOS", "GOARCH"]
    return subprocess.run(asked, cwd=module, capture_output=True, text=True, check=True).stdout
