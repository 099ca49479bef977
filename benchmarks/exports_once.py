"""One export of the benchmark of exports in a process of its own: its last line says in JSON what the whole process took.

The stores are read from the environment, as a worker reads them.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from peak_memory import peak_bytes
from plan_once import NODES, REQUEST
from scale_once import scale_dataset
from scratch_disk import watch_disk

from shoal.answers.find import find_run
from shoal.answers.where import Where
from shoal.engines.local.machine import find_room
from shoal.exports.export import find_afterwards
from shoal.exports.on_demand import Order, export_to_folder
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset_stores import open_stores
from shoal.settings.run_form import RunParams
from shoal.stores.s3_access import StoreAccess
from shoal.summary.summarize import summarize_run
from shoal.tables.session import open_database


def main() -> None:
    """Plan, summarize, or export once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", help="plan, summarize, or the name of an export")
    parser.add_argument("--run-key", default="")
    parser.add_argument("--variant", default="")
    parser.add_argument("--where", action="append", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--conf", type=float)
    arguments = parser.parse_args()
    dataset = scale_dataset()
    stores = open_stores(dataset, StoreAccess.from_env)
    disk, began = watch_disk(), time.perf_counter()
    if arguments.step == "plan":
        request = PlanRequest(dataset, RunParams(conf=arguments.conf), dag_id=f"reanalyse_{dataset.name}")
        plan = make_plan(request, stores, lambda: find_room(dataset.cluster, NODES, REQUEST))
        found = {"run_key": plan.run_key, "variant": plan.variant.directory}
    elif arguments.step == "summarize":
        layout = stores.layout.variant(arguments.variant)
        found = {"complete": summarize_run(stores, layout, arguments.run_key).balance.complete}
    else:
        run = find_run(stores.results, stores.layout)
        where = Where.parse(arguments.where, run.plan.settings.report.zone)
        order = Order(run, dataset, find_afterwards(arguments.step, {}), where)
        with open_database(stores.results, dataset.run, images=run.plan.counts.listed) as database:
            told = export_to_folder(database, order, arguments.out).told
            images = int(database.value("SELECT count(*) FROM images"))
        found = {"images": images, "bytes": sum(file["bytes"] for file in told["files"]), "not_held": told["not_held"]}
    took = {
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time(),
        "rss_mb": peak_bytes() / 1e6,
        "disk_mb": max(disk) / 1e6,
    }
    json.dump({**took, **found}, sys.stdout)


if __name__ == "__main__":
    main()
