"""What a plan and a summary of very many images take, and that their numbers are right.

Makes a bucket of `--keys` images of five cameras over five years (scale_truth.sql), plans it, lays in the rows that workers would
have written, summarizes, and does plan and summary twice more: on an idle night, and on one with `--news` new images. Each step
runs in a process of its own, which is measured whole. The source is a server of listing pages; models and results are in a real
store. All numbers of the summaries are compared with those of a plain-SQL oracle (scale_oracle.sql). The last line is JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from plan_once import MODEL_NAME
from scale_once import scale_dataset
from scale_server import ENTRY, serve_entries

from shoal.contract.layout import VariantLayout
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.units import utc_text
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess

HERE = Path(__file__).parent
MEMORY_OF_TRUTH = "4GB"
ROWS = {
    **{
        name: name
        for name in ("key", "object_version", "size_bytes", "status", "reason", "damaged", "luma_mean", "sharpness")
    },
    "content_sha256": "sha256(content::VARCHAR)",
    "width": "if(status = 'processed', 2688, NULL)",
    "height": "if(status = 'processed', 1520, NULL)",
    "exif": "CASE WHEN exif_time IS NOT NULL THEN {'local_time': exif_time, 'offset_minutes': NULL, 'make': 'Sony', "
    "'model': 'A1', 'serial': NULL} END",
    "detections": "if(status = 'processed', coalesce(found, []), NULL)",
    "max_det_reached": "max_det_reached",
    "luma_std": "20 + n % 40",
    "dhash": "hash(n)",
    "seconds": "0.12 + (n % 4001) / 100000",
    "version_checked": "true",
    "worker_version": "'0.1.0'",
    "run_key": "getvariable('run_key')",
    "attempt": "'attempt1'",
}
"""What workers would have stored; columns not named are NULL."""

FOUND = (
    "SELECT n, list({'class_id': class_id, 'confidence': confidence, 'x1': x1, 'y1': y1, 'x2': x2, 'y2': y2} ORDER BY position) "
    "AS found FROM boxes WHERE n IN (SELECT n FROM part) GROUP BY n"
)


@dataclass(frozen=True)
class Bench:
    """What is measured.

    Attributes:
        truth: The tables of scale_truth.sql.
        stores: The dataset's buckets.
        environment: Of the processes that are measured.
        options: Theirs.
    """

    truth: duckdb.DuckDBPyConnection
    stores: Stores
    environment: Mapping[str, str]
    options: Sequence[str] = ()


def main() -> None:
    """Measure, compare, print."""
    arguments = _arguments()
    options = [f"--{name}={value}" for name in ("memory", "threads") if (value := getattr(arguments, name))]
    with tempfile.TemporaryDirectory(prefix="scale-", dir=arguments.folder) as folder:
        root = Path(folder)
        truth = make_truth(root, arguments.keys, arguments.boxes)
        with _store(root, arguments.minio) as store, serve_entries(root / "entries") as source:
            access = {"source": source, "models": store, "results": store}
            stores = open_stores(scale_dataset(), access.__getitem__)
            bench = Bench(truth, stores, _environment(access, root), options)
            nights = [_night(bench, number, arguments.rows_of_part) for number in (1, 2)]
            print("\n".join(compare(truth, nights)))
            boxes = truth.execute("SELECT count(*) FROM boxes").fetchone()[0]
            add_news(truth, root, arguments.keys, arguments.news)
            nights.append(_night(bench, 3, arguments.rows_of_part, arguments.keys))
            print("\n".join(compare(truth, nights[2:], 3)))
        if arguments.keep:
            shutil.move(root / "store", arguments.keep)
    print(json.dumps(_told(nights, arguments.keys, boxes)))


@contextmanager
def _store(root: Path, is_minio: bool) -> Iterator[StoreAccess]:
    """Serve an empty results bucket and a model of four classes."""
    if not is_minio:
        fill_store(root / "store")
        with embedded_store(root / "store", root / "store.log") as access:
            yield access
        return
    from minio_server import running_minio  # noqa: PLC0415 - the others need no such program

    fill_store(root / "laid")
    with running_minio(root / "store", root / "store.log") as access:
        for bucket in ("models", "results"):
            access.connect().make_bucket(bucket)
        model = root / "laid/models" / MODEL_NAME / "v2" / MODEL_FILE
        S3Store(access, "models").upload(model, f"{MODEL_NAME}/v2/{MODEL_FILE}")
        yield access


def fill_store(root: Path) -> None:
    """Lay an empty results bucket and a model of four classes into a store's folder."""
    (root / "results").mkdir(parents=True)
    model = root / "models" / MODEL_NAME / "v2" / MODEL_FILE
    model.parent.mkdir(parents=True)
    model.write_bytes(build_demo_model(VERSIONS["v2"], "v2"))


def make_truth(root: Path, keys: int, boxes: int) -> duckdb.DuckDBPyConnection:
    """Make the bucket's images and what a model finds there, and the file `entries` that its server cuts pages out of."""
    truth = duckdb.connect(str(root / "truth.duckdb"))
    truth.execute(f"SET memory_limit = '{MEMORY_OF_TRUTH}'")
    truth.execute("SET TimeZone = 'UTC'")
    truth.execute("SET VARIABLE keys = ?", [keys])
    truth.execute("SET VARIABLE boxes = ?", [boxes])
    truth.execute((HERE / "scale_truth.sql").read_text(encoding="utf-8"))
    _write_entries(truth, root)
    return truth


def add_news(truth: duckdb.DuckDBPyConnection, root: Path, keys: int, news: int) -> None:
    """Let further images follow the first ones in time; the bucket's server reads its file anew."""
    for table in ("images", "boxes"):
        truth.execute(f"INSERT INTO {table} FROM {table}_between({keys}, {keys + news})")
    _write_entries(truth, root)


def _write_entries(truth: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Write the lines that the bucket's server cuts pages out of."""
    as_lines = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'"
    truth.execute(f"COPY (SELECT {ENTRY} FROM images ORDER BY key) TO '{root / 'written'}' ({as_lines})")
    (root / "written").rename(root / "entries")


def write_rows(  # noqa: PLR0917 - what is written, and where to
    truth: duckdb.DuckDBPyConnection,
    layout: VariantLayout,
    run_key: str,
    results: S3Store,
    rows_of_part: int | None = None,
    first: int = 0,
) -> int:
    """Upload parts as workers do, of images from a number on; return their bytes."""
    truth.execute("SET VARIABLE run_key = ?", [run_key])
    truth.execute(
        "CREATE OR REPLACE TABLE numbered AS SELECT *, row_number() OVER () AS place FROM "
        f"(FROM images WHERE n >= {first} ORDER BY key)"
    )
    columns = ", ".join(f"({ROWS.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    keys = truth.execute("SELECT count(*) FROM numbered").fetchone()[0]
    size, stored = rows_of_part or keys, 0
    database = Path(truth.execute("SELECT path FROM duckdb_databases() WHERE database_name = 'truth'").fetchone()[0])
    path = database.with_name("part.parquet")
    for number, begin in enumerate(range(0, keys, size)):
        truth.execute(f"CREATE OR REPLACE VIEW part AS FROM numbered WHERE place > {begin} AND place <= {begin + size}")
        found = f"SELECT {columns} FROM part LEFT JOIN ({FOUND}) USING (n) ORDER BY key"
        truth.execute(f"COPY ({found}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)")
        results.upload(path, layout.part(run_key, 0, "attempt1", number))
        stored += path.stat().st_size
    truth.execute("DROP TABLE numbered CASCADE")
    return stored


def _night(bench: Bench, number: int, rows_of_part: int | None, first: int = 0) -> dict[str, Any]:
    """Plan, write what workers would where there is something to infer, summarize.

    Args:
        bench: What is measured.
        number: Of the night.
        rows_of_part: Rows of each part; all in one without it.
        first: Number of its first new image.
    """
    before = _stored(bench.stores)
    plan = _step(["plan", *bench.options], bench.environment)
    layout = bench.stores.layout.variant(plan["variant"])
    if plan["chosen"]:
        write_rows(bench.truth, layout, plan["run_key"], bench.stores.results, rows_of_part, first)
    own = [f"--run-key={plan['run_key']}", f"--variant={plan['variant']}"]
    summary = _step(["summarize", *own, *bench.options], bench.environment)
    for name, step in (("plan", plan), ("summarize", summary)):
        took = f"{step['cpu_s']:.1f} s of CPU, {step['rss_mb']:.0f} MB of memory, {step['disk_mb']:.0f} MB of disk"
        print(f"night {number}, {name}: {took}", flush=True)
    return {"plan": plan, "summarize": summary, "stored_mb": (_stored(bench.stores) - before) / 1e6}


def _step(step: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "scale_once.py"), *step]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _stored(stores: Stores) -> int:
    return sum(entry.size_bytes for entry in stores.results.list_objects(""))


def compare(truth: duckdb.DuckDBPyConnection, nights: Sequence[Mapping[str, Any]], first: int = 1) -> list[str]:
    """Hold the summaries of nights with the same images against the oracle.

    Raises:
        RuntimeError: A number differs.
    """
    truth.execute((HERE / "scale_oracle.sql").read_text(encoding="utf-8"))
    expected = expected_result(truth)
    lines = []
    for number, night in enumerate(nights, first):
        result, balance = night["summarize"]["result"], night["summarize"]["balance"]
        for name, value in expected.items():
            found = result[name]
            if isinstance(value, list) and value and isinstance(value[0], dict):
                found = [{field: entry[field] for field in value[0]} for entry in found]
            if found != value:
                raise RuntimeError(f"night {number}: {name} is {found}, the oracle says {value}")
        seen = {name: balance[name] for name in ("processed", "failed", "reused")}
        lines.append(f"night {number}: all {len(expected)} tables of numbers are the oracle's; {seen}")
    return lines


def expected_result(truth: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Read from the oracle's tables what a summary's result must say."""

    def by(sql: str) -> dict[str, int]:
        return dict(sorted(truth.execute(sql).fetchall()))

    def records(sql: str) -> list[dict[str, Any]]:
        cursor = truth.execute(sql)
        names = [column[0] for column in cursor.description]
        return [
            {name: utc_text(value) if hasattr(value, "hour") else value for name, value in zip(names, row, strict=True)}
            for row in cursor.fetchall()
        ]

    uses = by("SELECT use, count(*) FROM oracle_images GROUP BY 1")
    return {
        "examined": truth.execute("SELECT count(*) FROM images").fetchone()[0],
        "balance": {use: uses.get(use, 0) for use in ("used", "duplicate", "undated", "unusable", "failed")},
        "failed_by_reason": by("SELECT reason, count(*) FROM images WHERE status = 'failed' GROUP BY 1"),
        "damaged_by_words": by(
            "SELECT 'Corrupt JPEG data: N extraneous bytes', count(*) FROM images WHERE damaged IS NOT NULL HAVING count(*) > 0"
        ),
        "clock_flags": by("SELECT clock_flag, count(*) FROM images WHERE clock_flag IS NOT NULL GROUP BY 1"),
        "censored_images": truth.execute(
            "SELECT count(*) FROM oracle_images WHERE use = 'used' AND max_det_reached"
        ).fetchone()[0],
        "species": records("FROM oracle_species ORDER BY detections DESC, taxon"),
        "series": records("FROM oracle_series ORDER BY camera, deployment NULLS FIRST, taxon"),
        "undated_species": records(
            "SELECT taxon, count(DISTINCT n) AS images_with, count(*) AS detections FROM oracle_boxes "
            "JOIN oracle_images USING (n) WHERE use = 'undated' AND taxon <> 'Sarpa salpa' GROUP BY 1 ORDER BY 3 DESC, 1"
        ),
        "overlaps": records(
            "SELECT 'Chromis chromis' AS taxon_a, 'Diplodus vulgaris' AS taxon_b, count(*) AS pairs FROM oracle_boxes AS a "
            "JOIN oracle_boxes AS b ON a.n = b.n AND a.taxon = 'Chromis chromis' AND b.taxon = 'Diplodus vulgaris' "
            "AND least(a.x2, b.x2) - greatest(a.x1, b.x1) > 80 JOIN oracle_images ON oracle_images.n = a.n AND use = 'used' "
            "HAVING count(*) > 0"
        ),
        "deployments": records(
            "SELECT camera, deployment, count(*) AS images, min(captured_at) AS first_image, max(captured_at) AS last_image "
            "FROM oracle_images WHERE use = 'used' AND camera <> 'camera' "
            "GROUP BY camera, deployment ORDER BY deployment IS NULL, camera, deployment"
        ),
    }


def _told(nights: list[dict[str, Any]], images: int, boxes: int) -> dict[str, Any]:
    first, idle, news = nights
    return {
        "images": images,
        "boxes": boxes,
        "plan_rss_mb": round(max(night["plan"]["rss_mb"] for night in nights)),
        "plan_cpu_s": round(max(night["plan"]["cpu_s"] for night in nights), 1),
        "summarize_rss_mb": round(max(night["summarize"]["rss_mb"] for night in nights)),
        "first_summarize_cpu_s": round(first["summarize"]["cpu_s"], 1),
        "idle_summarize_cpu_s": round(idle["summarize"]["cpu_s"], 1),
        "idle_stored_mb": round(idle["stored_mb"], 2),
        "news_images": news["plan"]["chosen"],
        "news_summarize_cpu_s": round(news["summarize"]["cpu_s"], 1),
        "news_stored_mb": round(news["stored_mb"], 2),
    }


def _environment(access: Mapping[str, StoreAccess], root: Path) -> dict[str, str]:
    (root / "tmp").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "include"), "TMPDIR": str(root / "tmp")}
    for name, store in access.items():
        environment |= store.to_env(name)
    return environment


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N", help="images in the bucket (1000000)")
    parser.add_argument("--boxes", type=int, default=3, metavar="N", help="boxes of an image, on average (3)")
    parser.add_argument("--rows-of-part", type=int, metavar="N", help="rows of each part; all in one without it")
    parser.add_argument("--news", type=int, default=200, metavar="N", help="new images of the third night (200)")
    parser.add_argument("--memory", metavar="SIZE", help="run.memory of the dataset, such as 512MiB")
    parser.add_argument("--threads", type=int, metavar="N", help="run.threads of the dataset")
    parser.add_argument("--minio", action="store_true", help="results in a real MinIO, for very many images (rclone)")
    parser.add_argument("--folder", help="where the bucket lies meanwhile (the folder for temporary files)")
    parser.add_argument(
        "--keep", metavar="FOLDER", help="keep the models and results there (what exports.py --kept reads)"
    )
    arguments = parser.parse_args()
    if arguments.keep and os.path.lexists(arguments.keep):
        parser.error(f"{arguments.keep} is there already")
    if min(arguments.keys, arguments.boxes, arguments.rows_of_part or 1, arguments.news) < 1:
        parser.error("keys, boxes, rows of a part and news are at least 1")
    return arguments


if __name__ == "__main__":
    main()
