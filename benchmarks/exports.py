"""What each export of very many images takes: the most memory of its whole process, and images a second.

Makes the bucket of the benchmark of scale with `--keys` images, summarizes what workers would have stored of it, and writes every
export of the stored answer, each in a process of its own. The answer lies in a real store on this machine. `yolo`, which writes a
file for each image, gets a part of some `--files` images. Each export is a line of JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scale import fill_store, make_truth, write_rows
from scale_once import scale_dataset
from scale_server import serve_entries

from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess

HERE = Path(__file__).parent
EXPORTS = ("camtrap-dp", "camtrapr", "coco", "darwin-core", "ifdo", "long", "megadetector", "xlsx", "yolo")
DAYS = 5 * 365
"""That the bucket's images lie in."""


def main() -> None:
    """Make an answer, export it."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="exports-", dir=arguments.folder) as folder:
        root = Path(folder)
        with _kept(root, arguments) if arguments.kept else _made(root, arguments) as environment:
            for name in arguments.only or EXPORTS:
                part = _part_of(arguments.keys, arguments.files) if name == "yolo" else []
                out = root / "out" / name
                took = step([name, f"--out={out}", *part], environment)
                print(json.dumps(_told(name, took, part)), flush=True)
                shutil.rmtree(out)


@contextmanager
def _kept(root: Path, arguments: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Serve what the benchmark of scale has kept; the photos are not asked for."""
    serve: Callable[[Path, Path], AbstractContextManager[StoreAccess]] = embedded_store
    if arguments.minio:
        from minio_server import running_minio as serve  # noqa: PLC0415 - the others need no such program
    with serve(arguments.kept, root / "store.log") as store:
        yield environment_of(dict.fromkeys(("source", "models", "results"), store), root)


@contextmanager
def _made(root: Path, arguments: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Make a bucket and the answer of its first night; the stores last as long as the context."""
    truth = make_truth(root, arguments.keys, arguments.boxes)
    fill_store(root / "store")
    with embedded_store(root / "store", root / "store.log") as store, serve_entries(root / "entries") as source:
        access = {"source": source, "models": store, "results": store}
        stores, environment = open_stores(scale_dataset(), access.__getitem__), environment_of(access, root)
        plan = step(["plan"], environment)
        layout = stores.layout.variant(plan["variant"])
        write_rows(truth, layout, plan["run_key"], stores.results, 100_000)
        truth.close()
        (root / "truth.duckdb").unlink()
        done = step(["summarize", f"--run-key={plan['run_key']}", f"--variant={plan['variant']}"], environment)
        if not done["complete"]:
            raise RuntimeError("the answer is not complete")
        yield environment


def _part_of(keys: int, files: int) -> list[str]:
    """Ask for the days in which about so many images were taken."""
    start = datetime(2019, 2, 1, tzinfo=UTC)
    end = start + timedelta(days=min(DAYS, max(1, files * DAYS // keys)))
    return [f"--where=from={start:%Y-%m-%d},to={end:%Y-%m-%d}"]


def _told(name: str, took: Mapping[str, Any], part: Sequence[str]) -> dict[str, Any]:
    return {
        "export": name,
        "images": took["images"],
        **({"where": part[0].removeprefix("--where=")} if part else {}),
        "rss_mb": round(took["rss_mb"]),
        "images_per_s": round(took["images"] / took["seconds"]),
        "cpu_s": round(took["cpu_s"], 1),
        "scratch_mb": round(took["disk_mb"]),
        "written_mb": round(took["bytes"] / 1e6, 1),
    }


def environment_of(access: Mapping[str, StoreAccess], root: Path) -> dict[str, str]:
    """Write what a step's process reads of its stores and its folder."""
    (root / "tmp").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "include"), "TMPDIR": str(root / "tmp")}
    for name, store in access.items():
        environment |= store.to_env(name)
    return environment


def step(words: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run one step in a process of its own; return what it tells."""
    command = [sys.executable, str(HERE / "exports_once.py"), *words]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N", help="images in the bucket (1000000)")
    parser.add_argument("--boxes", type=int, default=3, metavar="N", help="boxes of an image, on average (3)")
    parser.add_argument("--files", type=int, default=150_000, metavar="N", help="images of the part for yolo (150000)")
    parser.add_argument("--only", nargs="+", choices=EXPORTS, metavar="NAME", help="these exports only")
    parser.add_argument(
        "--kept", type=Path, metavar="FOLDER", help="what scale.py --keep left, instead of making an answer"
    )
    parser.add_argument("--minio", action="store_true", help="a real MinIO has written what was kept")
    parser.add_argument("--folder", help="where all of it lies meanwhile (the folder for temporary files)")
    arguments = parser.parse_args()
    if min(arguments.keys, arguments.boxes, arguments.files) < 1:
        parser.error("keys, boxes and files are at least 1")
    return arguments


if __name__ == "__main__":
    main()
