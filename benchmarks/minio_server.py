"""A real MinIO over a folder, as benchmarks need one whose own time must not stand beside what is measured.

rclone, which serves the demo, computes an object's ETag for each request, of all its bytes:
a ledger of ten million images has 900 MB.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster.binaries import minio_program
from cluster.processes import answers, free_port
from shoal.stores.s3_access import StoreAccess

START_S = 60


@contextmanager
def running_minio(drive: Path, log: Path) -> Iterator[StoreAccess]:
    """Serve the buckets of a folder that MinIO has written, or an empty one, for as long as the context lasts."""
    drive.mkdir(parents=True, exist_ok=True)
    access = StoreAccess(f"http://127.0.0.1:{free_port('127.0.0.1')}", "benchmark", "benchmark-secret")
    process = _start(drive, access, log)
    try:
        yield access
    finally:
        process.terminate()
        process.wait()


def _start(drive: Path, access: StoreAccess, log: Path) -> subprocess.Popen[bytes]:
    environment = {"MINIO_ROOT_USER": access.access_key, "MINIO_ROOT_PASSWORD": access.secret_key}
    environment |= {"MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "HOME": str(log.parent)}
    command: Sequence[str] = [str(minio_program()), "server", str(drive), "--address", access.host]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    end = time.monotonic() + START_S
    while not answers(f"{access.endpoint_url}/minio/health/ready"):
        if time.monotonic() > end or process.poll() is not None:
            process.kill()
            raise RuntimeError(f"MinIO did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.2)
    return process
