"""One step of the benchmark of scale in a process of its own: its last line says in JSON what the whole process took.

The stores are read from the environment, as a worker reads them.
"""

import argparse
import json
import resource
import sys

from peak_memory import peak_bytes
from plan_once import MODEL_NAME, NODES, REQUEST
from scratch_disk import watch_disk

from shoal.engines.local.machine import find_room
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.results.stored_summary import read_summary
from shoal.settings.analysis import Clock, ClockEntry, Taxon, Usable
from shoal.settings.dataset import Cluster, Dataset, Model, Models, Results, Run, Source
from shoal.settings.dataset_stores import open_stores
from shoal.settings.deployments import Deployment
from shoal.settings.publish import Publish
from shoal.settings.run_form import RunParams
from shoal.stores.s3_access import StoreAccess
from shoal.summary.summarize import summarize_run

PUBLISH = {
    "project": {"title": "Five reefs", "sampling_design": "systematicRandom"},
    "contributors": [{"name": "Somebody", "role": "contact"}],
    "licence": {"data": "CC0-1.0", "media": "CC-BY-4.0"},
    "handle": "https://hdl.handle.net/20.500.12085/five-reefs",
    "coordinate_digits": 2,
}
"""What packages need."""


def scale_dataset(memory: str | None = None, threads: int | None = None) -> Dataset:
    """Write the dataset whose numbers `scale_oracle.sql` computes on its own."""
    return Dataset(
        name="scale",
        source=Source(conn_id="source", bucket="images"),
        models=Models(conn_id="models", bucket="models"),
        results=Results(conn_id="results", bucket="results"),
        model=Model(name=MODEL_NAME),
        clock=Clock(unique=True, others=(ClockEntry(exif=True),)),
        taxa={"Coris julis": Taxon(merge_into="Chromis chromis"), "Sarpa salpa": Taxon(role="exclude_image")},
        usable=Usable(luma_min=25),
        deployments=tuple(_stay(number) for number in range(5)),
        publish=Publish(**PUBLISH),
        cluster=Cluster(share=1.0),
        run=Run(approval_cpu_hours=None, memory=memory, threads=threads),
    )


def _stay(number: int) -> Deployment:
    """Place a camera: CAM1 for a year only, so that most of its images have no deployment; CAM4 is released by motion."""
    of_a_year = number == 1
    return Deployment(
        name="reef-2020" if of_a_year else "reef",
        camera=f"CAM{number}",
        start="2020-01-01T00:00:00Z" if of_a_year else "2018-12-01T00:00:00Z",
        end="2021-01-01T00:00:00Z" if of_a_year else "2024-02-01T00:00:00Z",
        latitude=41.18 + number / 10,
        longitude=1.75,
        depth_m=20.0,
        captureMethod="activityDetection" if number == 4 else "timeLapse",
    )


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("plan", "summarize"))
    parser.add_argument("--run-key", default="")
    parser.add_argument("--variant", default="")
    parser.add_argument("--memory")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    dataset = scale_dataset(arguments.memory, arguments.threads)
    stores = open_stores(dataset, StoreAccess.from_env)
    disk = watch_disk()
    if arguments.step == "plan":
        request = PlanRequest(dataset, RunParams(), dag_id=f"reanalyse_{dataset.name}")
        plan = make_plan(request, stores, lambda: find_room(dataset.cluster, NODES, REQUEST))
        found = {
            "run_key": plan.run_key,
            "variant": plan.variant.directory,
            "listed": plan.listed,
            "chosen": plan.work.images,
        }
    else:
        layout = stores.layout.variant(arguments.variant)
        done = summarize_run(stores, layout, arguments.run_key)
        stored = read_summary(stores.results, layout.run(arguments.run_key).summary)
        found = {"result": stored.result, "balance": done.balance.to_json()}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    took = {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mb": peak_bytes() / 1e6,
        "disk_mb": max(disk) / 1e6,
    }
    json.dump({**took, **found}, sys.stdout)


if __name__ == "__main__":
    main()
