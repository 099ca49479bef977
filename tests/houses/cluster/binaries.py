"""The programs of the test cluster: Kubernetes and MinIO built from pinned Go modules, the rest from Debian.

`go.mod` and `go.sum` in `go/kubernetes` and `go/minio` pin every dependency. What was built stays in
`.shoal/cluster/bin` until a `go.sum` changes.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from shoal.contract.errors import ConfigError, ShoalError

CHECKOUT = Path(__file__).parents[3]
BIN = CHECKOUT / ".shoal/cluster/bin"
GO_MODULES = Path(__file__).parent / "go"

KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet")
KUBERNETES_VERSION = "1.34.4"
"""What `go/kubernetes/go.mod` requires; a program built as a module does not know its own version."""

COMPOSE_FLAGS = "-X github.com/docker/compose/v2/internal.Version=v2.40.3"

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
    """Locate one of KUBERNETES_PROGRAMS, building it first when it is missing or its go.sum changed."""
    version = KUBERNETES_VERSION.split(".")
    package = "k8s.io/component-base/version"
    values = {"gitVersion": f"v{KUBERNETES_VERSION}", "gitMajor": version[0], "gitMinor": version[1]}
    flags = " ".join(f"-X {package}.{key}={value}" for key, value in values.items())
    return _build(GO_MODULES / "kubernetes", f"k8s.io/kubernetes/cmd/{name}", flags)


def minio_program() -> Path:
    """Locate the MinIO server, building it first when it is missing or its go.sum changed."""
    return _build(GO_MODULES / "minio", "github.com/minio/minio", "", "-tags", "kqueue")


def pause_program() -> Path:
    """Locate the program of the sandbox image: it waits to be ended."""
    return _build(GO_MODULES / "pause", "shoal.test/pause", "")


def compose_program() -> Path:
    """Locate Docker Compose, building it first when it is missing or its go.sum changed."""
    module = CHECKOUT / "tests/houses/compose/go"
    return _build(module, "github.com/docker/compose/v2/cmd", COMPOSE_FLAGS, name="docker-compose")


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


def _build(module: Path, package: str, ldflags: str, *flags: str, name: str = "") -> Path:
    """Build one program of a Go module, unless the one that is there came from the same go.sum.

    Raises:
        ConfigError: It must be built, and there is no Go.
        ShoalError: The build failed; names its log.
    """
    program = BIN / (name or package.rpartition("/")[2])
    BIN.mkdir(parents=True, exist_ok=True)
    with (BIN / f"{program.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other tests may need the same program
        _build_alone(module, package, ldflags, flags, program)
    return program


def _build_alone(module: Path, package: str, ldflags: str, flags: Sequence[str], program: Path) -> None:
    stamp = BIN / f"{program.name}.sum"
    digest = _digest(module)
    if program.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    if shutil.which("go") is None:
        raise ConfigError(f"No Go toolchain to build {program.name} - install Go 1.25 or newer, https://go.dev/dl")
    log = BIN / f"{program.name}.build.log"
    command = ["go", "build", "-trimpath", f"-ldflags=-s -w {ldflags}", *flags, "-o", str(program), package]
    with log.open("wb") as output:
        built = subprocess.run(
            command,
            cwd=module,
            env={**os.environ, "CGO_ENABLED": "0"},
            stdout=output,
            stderr=output,
            check=False,
        )
    if built.returncode != 0:
        raise ShoalError(f"go build {package} in {module} ended with code {built.returncode} - see {log}")
    stamp.write_text(digest)


def _digest(module: Path) -> str:
    """Identify what a program is built from."""
    found = sorted([*module.glob("go.*"), *module.glob("*.go")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in found)).hexdigest()
