"""What Shoal stores: bytes per million images for the run that looks at all of them, and for a night with nothing new.

Plans a bucket of photos, writes rows for all of them in place of workers (boxes, scores, sizes and hashes of a spread that
does not compress by chance), summarizes, and does plan and summary once more: the idle night. Source is a server of listing
pages; models and results are in a real store, whose objects are counted at the end. `gc` later deletes what is marked.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from list_server import list_server
from plan_once import MODEL_NAME, NODES, REQUEST
from planning import fill_store

from shoal.contract.layout import VariantLayout
from shoal.contract.rows import MANIFEST_COLUMNS, ROW_COLUMNS
from shoal.contract.stored_names import Kind, read_name
from shoal.embedded.processes.rclone import embedded_store
from shoal.engines.local.machine import find_room
from shoal.history.retention import ALWAYS
from shoal.plan.document import Plan
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset import Cluster, Dataset, Model, Models, Results, Run, Source
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.settings.run_form import RunParams
from shoal.stores.s3 import S3Store
from shoal.summary.summarize import summarize_run
from shoal.tables.session import open_database

MEAN_BOXES = 4
WHAT = {
    Kind.LISTING: "listing",
    Kind.MANIFEST: "manifest",
    Kind.ROWS: "rows (ledger)",
    Kind.SHARED: "months of listing and tables, exports",
    Kind.PLAN: "plan.json",
    Kind.SUMMARY: "summary.json",
}


def _spread(number: str, salt: str, low: float, high: float) -> str:
    """Write SQL for a value between two bounds that looks random and is the same at every run."""
    return f"{low} + {high - low} * (hash(key || '{salt}' || {number}) % 1000003) / 1000003.0"


_BOX = (
    f"{{'class_id': (hash(key || number) % 2)::INTEGER, 'confidence': {_spread('number', 'c', 0.05, 0.95)}, "
    f"'x1': {_spread('number', 'x', 0, 2000)}, 'y1': {_spread('number', 'y', 0, 1000)}, "
    f"'x2': {_spread('number', 'X', 2000, 2688)}, 'y2': {_spread('number', 'Y', 1000, 1520)}}}"
)
_ROWS = {
    **{name: name for name in ("key", "object_version", "size_bytes")},
    "content_sha256": "sha256(key)",
    "status": "'processed'",
    "width": "2688",
    "height": "1520",
    "detections": f"list_transform(range((hash(key) % {2 * MEAN_BOXES + 1})::BIGINT), lambda number: {_BOX})",
    "max_det_reached": "false",
    "luma_mean": _spread("0", "m", 40, 160),
    "luma_std": _spread("0", "s", 10, 60),
    "sharpness": _spread("0", "l", 5, 900),
    "seconds": _spread("0", "t", 0.12, 0.16),
    "version_checked": "true",
    "worker_version": "'0.1.0'",
    "run_key": "getvariable('run_key')",
    "attempt": "'attempt1'",
}
"""What workers would have stored; columns not named are NULL."""


def main() -> None:
    """Measure and print."""
    keys = _arguments().keys
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        root = Path(folder, "store")
        fill_store(root)
        with embedded_store(root, Path(folder, "store.log")) as store, list_server(keys) as source:
            dataset = _dataset()
            stores = open_stores(dataset, {"source": source, "models": store, "results": store}.__getitem__)
            found, seen = {}, set(stores.results.list_keys(stores.layout.root))
            for name in ("first run", "idle night"):
                _run(dataset, stores)
                found[name] = _count(stores, seen)
                seen.update(stores.results.list_keys(stores.layout.root))
    _print_table(found, keys)


def _dataset() -> Dataset:
    return Dataset(
        name="bench",
        source=Source(conn_id="source", bucket="images"),
        models=Models(conn_id="models", bucket="models"),
        results=Results(conn_id="results", bucket="results"),
        model=Model(name=MODEL_NAME),
        cluster=Cluster(share=1.0),
        run=Run(approval_cpu_hours=None),
    )


def _run(dataset: Dataset, stores: Stores) -> None:
    """Plan, write what workers would, summarize."""
    request = PlanRequest(dataset, RunParams(), dag_id=f"reanalyse_{dataset.name}")
    plan = make_plan(request, stores, lambda: find_room(dataset.cluster, NODES, REQUEST))
    layout = stores.layout.variant(plan.variant.directory)
    if plan.work.shards:
        _write_rows(stores.results, layout, plan)
    done = summarize_run(stores, layout, plan.run_key)
    if not done.balance.complete:
        raise RuntimeError(f"The run is not complete: {done.balance}")


def _write_rows(results: S3Store, layout: VariantLayout, plan: Plan) -> None:
    columns = ", ".join(f"({_ROWS.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    with open_database(results) as database:
        database.set_variable("run_key", plan.run_key)
        database.view_parquet("manifest", [layout.run(plan.run_key).manifest], MANIFEST_COLUMNS)
        part = layout.part(plan.run_key, 0, "attempt1", 0)
        database.store_parquet(f"SELECT {columns} FROM manifest ORDER BY key", part)


def _count(stores: Stores, seen: Collection[str]) -> Counter[Kind]:
    """Count the bytes of everything one run added."""
    found: Counter[Kind] = Counter()
    for entry in stores.results.list_objects(stores.layout.root):
        if entry.key not in seen:
            found[read_name(stores.layout, entry.key).kind] += entry.size_bytes
    return found


def _print_table(found: Mapping[str, Counter[Kind]], keys: int) -> None:
    print(f"{keys} images of {MEAN_BOXES} boxes on average; MB per million images")
    print(f"{'':<40}" + "".join(f"{name:>12}" for name in found) + "  after retention.keep")
    for kind, what in WHAT.items():
        fate = "kept" if kind in ALWAYS else "deleted by gc"
        print(f"{what:<40}" + "".join(f"{_mb(run[kind], keys):>12.1f}" for run in found.values()) + f"  {fate}")
    for what, kinds in (("all", WHAT), ("kept for good", ALWAYS)):
        totals = (sum(size for kind, size in run.items() if kind in kinds) for run in found.values())
        print(f"{what:<40}" + "".join(f"{_mb(total, keys):>12.1f}" for total in totals))


def _mb(size_bytes: int, keys: int) -> float:
    return size_bytes / keys


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=200_000, metavar="N", help="images in the bucket (200000)")
    arguments = parser.parse_args()
    if arguments.keys < 1:
        parser.error("at least 1 image is needed")
    return arguments


if __name__ == "__main__":
    main()
