"""How long a bucket of 1,000,000 photos takes to list: Shoal beside obstore (Rust) and minio-py, in one run.

Each client goes through all objects and their fields in a process of its own, one after the other, on the same cores. Stores: a
real MinIO, and a server of listing pages that answers at once, or 20 ms later as one from far away. Where other programs run,
ratios say more than seconds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import obstore
from list_server import key_at, list_server
from minio import Minio
from minio.datatypes import Object
from minio_server import running_minio
from obstore.store import S3Store as ObStore

from shoal.stores.listed import ListedObject
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess

CLIENTS = ("shoal", "obstore", "minio-py")
BUCKET = "images"
PAGE_KEYS = 1000


def main() -> None:
    """Measure and print, or be one of the clients."""
    arguments = _arguments()
    if arguments.client:
        print(json.dumps(_list(arguments.client, StoreAccess.from_env("source", os.environ), arguments.keys)))
        return
    print(f"{arguments.keys} keys, median of {arguments.rounds} rounds, {len(os.sched_getaffinity(0))} cores")
    print(
        f"{'store':<34}{'client':<10}{'seconds':>9}{'x shoal':>9}{'CPU s':>8}{'per million: CPU s':>20}{'requests':>10}"
    )
    for name, store in _stores(arguments):
        if not name.startswith(arguments.store):
            continue
        with store as access:
            _measure(name, access, arguments)


def _stores(arguments: argparse.Namespace) -> Iterator[tuple[str, object]]:
    for layout in ("dated", "skewed", "flat"):
        for delay_ms in (0, 20):
            where = f"pages, {layout}" + (f", {delay_ms} ms away" if delay_ms else "")
            yield where, list_server(arguments.keys, layout, delay_ms)
    yield "MinIO, dated", _minio(arguments.keys, arguments.drive)


def _measure(name: str, access: StoreAccess, arguments: argparse.Namespace) -> None:
    found: dict[str, list[Mapping[str, float]]] = {client: [] for client in arguments.clients}
    for _ in range(arguments.rounds):
        for client in arguments.clients:
            command = [sys.executable, __file__, "--client", client, "--keys", str(arguments.keys)]
            environment = {**os.environ, **access.to_env("source")}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            found[client].append(json.loads(done.stdout))
    for client, rounds in found.items():
        seconds, cpu_s = (median(one[unit] for one in rounds) for unit in ("seconds", "cpu_s"))
        ratio = median(one["seconds"] / own["seconds"] for one, own in zip(rounds, found["shoal"], strict=True))
        millions = arguments.keys / 1e6
        requests = median(one["requests"] for one in rounds) / millions
        print(
            f"{name:<34}{client:<10}{seconds:>9.1f}{ratio:>9.2f}{cpu_s:>8.1f}{cpu_s / millions:>20.1f}{requests:>10.0f}",
            flush=True,
        )


def _list(client: str, access: StoreAccess, keys: int) -> dict[str, float]:
    requests = [0]
    listed = {"shoal": _by_shoal, "obstore": _by_obstore, "minio-py": _by_minio}[client](access, requests)
    began, cpu_s = time.perf_counter(), _cpu_s()
    objects = sum(1 for _ in listed)
    measured = {"seconds": time.perf_counter() - began, "cpu_s": _cpu_s() - cpu_s}
    if objects != keys:
        raise RuntimeError(f"{client} listed {objects} of {keys} keys")
    # The other two ask for a page at a time, and for nothing else.
    return {**measured, "requests": requests[0] or -(-keys // PAGE_KEYS)}


def _by_shoal(access: StoreAccess, requests: list[int]) -> Iterator[ListedObject]:
    store = S3Store(access, BUCKET)
    ask = store._list_page  # noqa: SLF001 - what is counted is every page that was asked for

    def counted(*asked: str) -> object:
        requests[0] += 1
        return ask(*asked)

    store._list_page = counted  # noqa: SLF001 - likewise
    return store.list_objects(whole=True)


def _by_obstore(access: StoreAccess, _: list[int]) -> Iterator[Mapping[str, object]]:
    store = ObStore(
        BUCKET,
        endpoint=access.endpoint_url,
        access_key_id=access.access_key,
        secret_access_key=access.secret_key,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    return (found for chunk in obstore.list(store, chunk_size=PAGE_KEYS) for found in chunk)


def _by_minio(access: StoreAccess, _: list[int]) -> Iterator[Object]:
    client = Minio(access.host, access_key=access.access_key, secret_key=access.secret_key, secure=access.secure)
    return client.list_objects(BUCKET, recursive=True)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def _minio(keys: int, drive: Path | None) -> Iterator[StoreAccess]:
    """Run MinIO over a drive with so many photos."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        drive = drive or Path(folder, "drive")
        with running_minio(drive, Path(folder, "minio.log")) as access:
            _fill(access, drive, keys)
            yield access


def _fill(access: StoreAccess, drive: Path, keys: int) -> None:
    """Lay photos into the drive as MinIO lays one: by its own interface a million would take an hour."""
    if Path(drive, BUCKET, key_at(keys - 1)).exists():
        return
    store, one = S3Store(access, "one"), "one.jpg"
    client = access.connect()
    for bucket in ("one", BUCKET):
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
    store.write_bytes(one, b"\xff\xd8" + b"photo" * 20, "image/jpeg")
    laid = Path(drive, "one", one, "xl.meta").read_bytes()
    for number in range(keys):
        photo = Path(drive, BUCKET, key_at(number))
        photo.mkdir(parents=True, exist_ok=True)
        (photo / "xl.meta").write_bytes(laid)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N", help="keys in the bucket (1000000)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="times every case is measured (1)")
    parser.add_argument("--store", default="", metavar="NAME", help="only stores whose name in the table begins so")
    parser.add_argument(
        "--clients", nargs="+", choices=CLIENTS, default=CLIENTS, help="who lists, Shoal among them (all)"
    )
    parser.add_argument("--drive", type=Path, metavar="FOLDER", help="keeps MinIO's photos for the next time")
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if "shoal" not in arguments.clients:
        parser.error("ratios are to Shoal's seconds: name shoal among --clients")
    if arguments.keys < 1 or arguments.rounds < 1:
        parser.error("at least 1 key and 1 round are needed")
    return arguments


if __name__ == "__main__":
    main()
