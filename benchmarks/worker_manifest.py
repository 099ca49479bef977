"""What one worker reads of a manifest: bytes and memory, beside the whole manifest, of `--keys` photos in `--shards` shards.

The manifest lies in an embedded store, once with row groups as a plan cuts them and once with those of 100,000 rows, as earlier
releases wrote it. Each reading is a process of its own, measured whole; requests are counted where they are made.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from peak_memory import peak_bytes

from shoal.contract.json_bounds import most_manifest_bytes
from shoal.contract.rows import MANIFEST_COLUMNS, ddl
from shoal.embedded.processes.rclone import embedded_store
from shoal.plan.cut_shards import group_rows
from shoal.stores.kinds import open_from_env
from shoal.stores.pieces import Piece
from shoal.tables.session import GROUP_ROWS, open_database

BUCKET, EARLIER, NOW = "results", "earlier/manifest.parquet", "now/manifest.parquet"
READINGS = {
    "whole, row groups of earlier releases": ("whole", EARLIER),
    "own, row groups of earlier releases": ("own", EARLIER),
    "own": ("own", NOW),
}
_PHOTOS = """
INSERT INTO photos
SELECT
    format('IPC{}/{:04}/{:02}/{:02}/photo-{:010}.jpg',
        i % 5, 2020 + i // 5 % 5, 1 + i // 25 % 12, 1 + i // 300 % 28, i),
    md5(i::VARCHAR), 80000 + i * 7919 % 11000,
    TIMESTAMP '2024-01-01' + to_seconds(i * 60), 'STANDARD', 0
FROM range($keys) t(i)
"""


def main() -> None:
    """Measure and print; as a child read one shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--read", nargs=2, metavar=("HOW", "KEY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        _read_one(*arguments.read, arguments.keys, arguments.shards)
        return
    print(f"{arguments.keys} photos in {arguments.shards} shards, what one worker reads of the manifest")
    print(f"{'':<40}{'MB read':>10}{'requests':>10}{'peak MB':>10}{'seconds':>10}")
    with tempfile.TemporaryDirectory(prefix="worker-manifest-") as name:
        folder = Path(name, "store")
        (folder / BUCKET).mkdir(parents=True)
        with embedded_store(folder, Path(name, "log")) as access:
            environment = {**os.environ, **access.to_env("results"), "TMPDIR": name}
            os.environ |= access.to_env("results")
            _write(arguments.keys, arguments.shards)
            for reading, how in READINGS.items():
                command = [sys.executable, __file__, "--keys", str(arguments.keys), "--shards", str(arguments.shards)]
                done = subprocess.run([*command, "--read", *how], env=environment, check=True, stdout=subprocess.PIPE)
                found = json.loads(done.stdout)
                print(
                    f"{reading:<40}{found['mb']:>10.2f}{found['requests']:>10}{found['peak_mb']:>10.1f}{found['s']:>10.2f}"
                )


def _write(keys: int, shards: int) -> None:
    with open_database(open_from_env("results", BUCKET)) as database:
        database.run(f"CREATE TABLE photos ({ddl(MANIFEST_COLUMNS)})")
        database.run(_PHOTOS.replace("$keys", str(keys)))
        numbered = f"* REPLACE (((row_number() OVER () - 1) * {shards} // {keys})::INTEGER AS shard)"
        database.run(f"CREATE TABLE chosen AS SELECT {numbered} FROM (SELECT * FROM photos ORDER BY key)")
        for key, rows in ((EARLIER, GROUP_ROWS), (NOW, group_rows(keys))):
            database.store_parquet("SELECT * FROM chosen ORDER BY key", key, rows)


def _read_one(how: str, key: str, keys: int, shards: int) -> None:
    """Read the shard in the middle as a worker does, and tell what it took."""
    import time  # noqa: PLC0415 - as the worker's own, which are imported before the clock starts

    from shoal_worker.own_images import download_own  # noqa: PLC0415
    from shoal_worker.planned import download_planned  # noqa: PLC0415
    from shoal_worker.rows.parts import read_manifest  # noqa: PLC0415

    store, sizes = open_from_env("results", BUCKET), []
    find_piece = store.find_piece

    def counted(key: str, first: int | None, size_bytes: int) -> Piece | None:
        piece = find_piece(key, first, size_bytes)
        sizes.append(0 if piece is None else len(piece.data))
        return piece

    store.find_piece = counted
    began, shard, most = time.perf_counter(), shards // 2, most_manifest_bytes(keys)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "manifest.parquet")
        if how == "own":
            download_own(store, key, path, shard, most)
        else:
            download_planned(store, key, path, most)
            sizes.append(path.stat().st_size)
        planned = -(-keys * (shard + 1) // shards) - -(-keys * shard // shards)
        read_manifest(path, shard, planned)
    took = time.perf_counter() - began
    json.dump({"mb": sum(sizes) / 1e6, "requests": len(sizes), "peak_mb": peak_bytes() / 1e6, "s": took}, sys.stdout)


if __name__ == "__main__":
    main()
