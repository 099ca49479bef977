"""The four who read a bucket: the client, a worker by its environment, DuckDB, and rclone as the sidecar of a pod runs it."""

import base64
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from shoal.engines.kubernetes.manifests import CA_FOLDER, run_secret
from shoal.engines.kubernetes.mount_sidecar import IMAGES, mount_sidecar
from shoal.settings.execution import Cluster, Sidecar
from shoal.stores.kinds import load_kind, open_from_env
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.tables.session import open_database

INCLUDE = Path(__file__).parents[2] / "include"
TEXT, ROWS = "a.txt", "rows.parquet"
"""What lies in the bucket: some words, and three rows."""

_NAMESPACE = (
    "unshare",
    *([] if os.geteuid() == 0 else ["--map-root-user"]),
    *("--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
)
"""Mounts and processes of their own: nothing of them outlives the command."""


def read_by_client(access: StoreAccess, bucket: str, _folder: Path) -> str:
    return S3Store(access, bucket).read_bytes(TEXT).decode()


def read_by_worker(access: StoreAccess, bucket: str, _folder: Path) -> str:
    return open_from_env("source", bucket, access.to_env("source")).read_bytes(TEXT).decode()


def read_by_duckdb(access: StoreAccess, bucket: str, _folder: Path) -> str:
    store = S3Store(access, bucket)
    with open_database(store) as database:
        rows = database.value("SELECT count(*) FROM read_parquet(?)", [store.uri(ROWS)])
    return "fish" if rows == 3 else f"{rows} rows"


def read_by_sidecar(access: StoreAccess, bucket: str, folder: Path, then: str = "") -> str:
    """Mount the bucket in a namespace of its own, by the sidecar's own script, probe and environment, and read from it."""
    script, probe, environment = sidecar(access, bucket, folder)
    (folder / "images").mkdir()
    return in_namespace(
        f"({script}) & timeout 120 sh -c {shlex.quote(probe)} && cat {folder}/images/{TEXT}{then}",
        folder,
        environment,
    )


READERS: dict[str, Callable[[StoreAccess, str, Path], str]] = {
    "client": read_by_client,
    "worker": read_by_worker,
    "DuckDB": read_by_duckdb,
    "rclone": read_by_sidecar,
}


def sidecar(access: StoreAccess, bucket: str, folder: Path) -> tuple[str, str, dict[str, str]]:
    """Tell what the sidecar of a pod runs, its probe and its environment; the pod's paths are moved to a folder."""
    stored = run_secret(Cluster(), "run", "uid", {"source": S3Store(access, bucket).located})["data"]
    secret = {name: base64.b64decode(value).decode() for name, value in stored.items()}
    (folder / "source.pem").write_text(secret.get("source.pem", ""))
    container = mount_sidecar(Sidecar(image="sidecar:1"), "run", load_kind("s3").rclone_remote("source", bucket), TEXT)
    environment = {
        name: value for name, value in os.environ.items() if name.startswith("AWS_")
    }  # as a pod's identity is given
    environment |= {
        entry["name"]: entry.get("value") or secret[entry["valueFrom"]["secretKeyRef"]["key"]]
        for entry in container["env"]
    }

    def moved(text: str) -> str:
        moves = {IMAGES: f"{folder}/images", CA_FOLDER: str(folder), "/dev/termination-log": f"{folder}/last-words"}
        moves |= {f"/tmp/{name}": f"{folder}/{name}" for name in ("said", "saying")}  # noqa: S108 - the pod's own
        for place, here in moves.items():
            text = text.replace(place, here)
        return text

    script, probe = container["command"][2], container["startupProbe"]["exec"]["command"][2]
    return moved(script), moved(probe), {name: moved(value) for name, value in environment.items()}


def in_namespace(script: str, folder: Path, environment: Mapping[str, str], *words: str) -> str:
    """Run a script where the host names of the tests are known, and what is mounted is seen by nobody else."""
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost store.test fish.store.test\n")
    done = subprocess.run(
        [*_NAMESPACE, "sh", "-c", f"mount --bind {hosts} /etc/hosts; {script}", "sh", *words],
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def may_mount() -> bool:
    """Whether this machine lets the tests mount in a namespace."""
    tried = subprocess.run([*_NAMESPACE, "test", "-w", "/dev/fuse"], capture_output=True, check=False)
    return tried.returncode == 0


def read_under_host_names(access: StoreAccess, bucket: str, folder: Path) -> list[str]:
    """Let all but the sidecar, which is there anyway, read where the host names of the tests are known."""
    environment = {"PYTHONPATH": f"{INCLUDE}:{Path(__file__).parent}"}
    words = json.dumps(asdict(access)), bucket, str(folder)
    return in_namespace('exec python -m four_readers "$@"', folder, environment, *words).split()


if __name__ == "__main__":
    access_json, bucket_name, place = sys.argv[1:]
    for read in (read_by_client, read_by_worker, read_by_duckdb):
        sys.stdout.write(f"{read(StoreAccess(**json.loads(access_json)), bucket_name, Path(place))}\n")
