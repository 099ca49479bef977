"""`python -m shoal demo`: the whole job once, on this machine, with nothing installed but Python."""

import os
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from shoal.cli.embedded import add_own_files, console, open_embedded, own_files, say
from shoal.contract.store import StoreAccess
from shoal.dataset import load_dataset
from shoal.embedded.home import Home
from shoal.stores import open_stores
from shoal.summary import FATES


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_own_files(parser)


def execute(arguments: Namespace) -> int:
    """Run the demo and show its answer."""
    own = own_files(arguments)
    home = Home.find()
    home.make()
    started = time.monotonic()
    with home.lock(), open_embedded(home, own) as (access, dataset_name):
        say("airflow", f"running DAG reanalyse_{dataset_name}: plan >> infer >> summarize")
        succeeded = _run_dag(home, access, f"reanalyse_{dataset_name}")
        if not succeeded:
            say("failed", f"the run did not succeed; Airflow's whole log: {home.logs / 'demo.log'}")
            return 1
        _show_answer(home, access, dataset_name)
    say("time", f"{time.monotonic() - started:.0f} s in all; run it again: nothing is inferred twice")
    return 0


def _run_dag(home: Home, access: StoreAccess, dag_id: str) -> bool:
    """Run a DAG in a process of its own, showing what its tasks say."""
    command = [sys.executable, "-m", "shoal.embedded.run_dag", dag_id]
    with (home.logs / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=home.airflow_environment(access), stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            for line in process.stdout or ():
                stage, _, text = line.rstrip("\n").partition("\t")
                say(stage, text)
            return process.wait() == 0
        except KeyboardInterrupt:
            # Ctrl-C reached it too: it stops its worker, which writes its part into the store we still serve.
            process.wait()
            raise


def _show_answer(home: Home, access: StoreAccess, dataset_name: str) -> None:
    dataset = load_dataset(home.datasets / f"{dataset_name}.yaml")
    stores = open_stores(dataset, lambda _: access)
    current = stores.results.read_json(stores.layout.current)
    run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
    summary = stores.results.read_json(run.summary)
    console.print()
    console.print(_species_table(summary["result"]))
    for line in _account(summary):
        console.print(line, markup=False, soft_wrap=True)
    folder = home.bucket(dataset.results.bucket)
    console.print(f"\nsummary  {folder / run.summary}", soft_wrap=True)
    console.print(f"report   {folder / summary['folder'] / 'report.html'}", soft_wrap=True)
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else "python"
    console.print(f"verify   {python} -m shoal verify {dataset_name}/{current['run_key']}", soft_wrap=True)


def _species_table(result: Mapping[str, Any]) -> Table:
    model = result["model"]
    title = f"{result['dataset']}: model {model['name']} {model['version']}, confidence from {result['conf']}"
    # Fits 80 columns with names as long as OBSEA's.
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True
    )
    table.add_column("Species", style="italic", no_wrap=True)
    for name in ("Seen in\nimages", "Mean per\nimage", "MaxN"):
        table.add_column(name, justify="right")
    table.add_column("Image of MaxN", overflow="fold")
    for entry in result["species"]:
        mean = "" if entry["mean_per_image"] is None else f"{entry['mean_per_image']:.3f}"
        seen = f"{entry['images_with']} of {entry['images']}"
        table.add_row(entry["taxon"], seen, mean, str(entry["maxn"]), escape(entry["maxn_key"] or ""))
    return table


def _account(summary: Mapping[str, Any]) -> list[str]:
    balance, result = summary["run"]["balance"], summary["result"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in result["failed_by_reason"].items())
    lines = [
        f"{balance['listed']} images listed: "
        + ", ".join(f"{balance[fate]} {fate}" for fate in FATES if balance[fate]),
        f"{result['examined']} examined: " + ", ".join(f"{count} {use}" for use, count in result["balance"].items()),
    ]
    if reasons:
        lines.append(f"failed: {reasons} (failures.csv beside the report)")
    if balance["listed"] == balance["reused"]:
        lines.append("Nothing new in the bucket: no inference.")
    return lines
