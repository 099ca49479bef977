"""One step of the planning benchmark in a process of its own: its last line says in JSON what it took.

The stores are read from the environment, as a worker reads them. Imports are not timed, but count as memory.
"""

import argparse
import json
import time
from collections.abc import Sequence

from peak_memory import peak_bytes
from scratch_disk import watch_disk

from shoal.capacity.share import NodeHeadroom
from shoal.contract.hashing import canonical_sha256
from shoal.contract.rows import ROW_COLUMNS
from shoal.engines.local.machine import find_room
from shoal.models.choice import Shelf
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset import Cluster, Dataset, Model, Models, Results, Source
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.settings.results_place import ResultsPlace
from shoal.settings.run_form import RunParams
from shoal.stores.s3_access import StoreAccess
from shoal.tables.frozen_listing import find_files
from shoal.tables.session import open_database

MODEL_NAME = "demo-fish"
NODES = [NodeHeadroom(f"node-{number}", {"cpu": 16.0, "memory": 64 * 1024.0**3}) for number in range(10)]
MANY_NODES = [NodeHeadroom(f"node-{number}", {"cpu": 16.0, "memory": 64 * 1024.0**3}) for number in range(70)]
REQUEST = {"cpu": 1.0, "memory": 2.0 * 1024**3}
"""Room for enough pods that every image is chosen: the largest manifest there can be."""

_ROWS = {
    "key": "key",
    "object_version": "object_version",
    "size_bytes": "size_bytes",
    "content_sha256": "sha256(key)",
    "status": "'processed'",
    "width": "2688",
    "height": "1520",
    "detections": "list_transform(range((hash(key) % 4)::BIGINT), lambda number: {'class_id': number % 2, 'confidence': "
    "0.05 + (hash(object_version) % 900) / 1000, 'x1': 100 * number, 'y1': 50, 'x2': 100 * number + 90, 'y2': 140})",
    "max_det_reached": "false",
    "luma_mean": "60 + hash(key) % 1000 / 20",
    "luma_std": "20",
    "sharpness": "hash(object_version) % 1000",
    "seconds": "0.13 + (hash(key) % 100) / 10000",
    "version_checked": "true",
    "worker_version": "'0.1.0'",
    "run_key": "getvariable('run_key')",
    "attempt": "'attempt1'",
}
"""What a run over the listing would have stored; columns not named are NULL."""


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("list", "plan", "settle"))
    parser.add_argument("--dataset", default="fresh")
    parser.add_argument("--listing", default="", help="key of the frozen listing whose images are settled")
    parser.add_argument("--many-nodes", action="store_true", help="room for more pods than Airflow maps tasks")
    arguments = parser.parse_args()
    dataset, disk = _dataset(arguments.dataset), watch_disk()
    stores = open_stores(dataset, StoreAccess.from_env)
    started, cpu_started = time.perf_counter(), time.process_time()
    if arguments.step == "list":
        found = _list(stores)
    elif arguments.step == "plan":
        found = _plan(dataset, stores, MANY_NODES if arguments.many_nodes else NODES)
    else:
        found = _settle(dataset, stores, arguments.listing)
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    took = {"seconds": seconds, "cpu_s": cpu_s, "peak_bytes": peak_bytes(), "disk_bytes": max(disk)}
    print(json.dumps({**took, **found}))


def _dataset(name: str) -> Dataset:
    return Dataset(
        name=name,
        source=Source(conn_id="source", bucket="images"),
        models=Models(conn_id="models", bucket="models"),
        results=Results(conn_id="results", bucket="results"),
        model=Model(name=MODEL_NAME),
        cluster=Cluster(share=1.0),
    )


def _list(stores: Stores) -> dict[str, object]:
    """Do what nothing that lists the bucket can avoid: the client's own listing, counted."""
    client = stores.source.access.connect()
    return {"listed": sum(1 for _ in client.list_objects(stores.source.bucket, recursive=True))}


def _plan(dataset: Dataset, stores: Stores, nodes: Sequence[NodeHeadroom]) -> dict[str, object]:
    plan = make_plan(PlanRequest(dataset, RunParams()), stores, lambda: find_room(dataset.cluster, nodes, REQUEST))
    place = {"results": str(ResultsPlace.of(dataset)), "plan_sha256": canonical_sha256(plan.to_json())}
    run = {"variant": plan.variant.directory, "run_key": plan.run_key, **place}
    mapped = [
        {"shard": shard.shard, "label": shard.label, **run} for shard in plan.work.shards
    ]  # as task `plan` returns them
    found = {"listed": plan.listed, "reused": plan.reused, "chosen": plan.work.images, "listing_key": plan.listing_key}
    return {**found, "shards": len(mapped), "xcom_bytes": len(json.dumps(mapped))}


def _settle(dataset: Dataset, stores: Stores, listing_key: str) -> dict[str, object]:
    """Write the ledger of a run that processed every image of a listing."""
    layout = stores.layout.variant(Shelf(stores, dataset, None).first().directory)
    run_key = "20250101T000000Z-settled0"
    columns = ", ".join(f"({_ROWS.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    with open_database(stores.results) as database:
        database.set_variable("run_key", run_key)
        files = find_files(stores.results, listing_key)
        database.set_variable("listing", [stores.results.uri(file) for file in files])
        query = f"SELECT {columns} FROM read_parquet(getvariable('listing')) ORDER BY key"
        return {"settled": database.store_parquet(query, layout.ledger(run_key, "attempt1")).rows}


if __name__ == "__main__":
    main()
