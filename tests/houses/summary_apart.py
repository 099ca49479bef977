"""A summary in a process of its own, so that it can be killed: its results lie behind an address that the test answers."""

import os
import subprocess
import sys
from pathlib import Path

from pipeline import Pipeline

INCLUDE = Path(__file__).parents[2] / "include"

SUMMARIZE = """
import pathlib, sys
from shoal.results import compaction
from shoal.stores.s3_access import StoreAccess
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.summary.summarize import summarize_run
file, variant, run_key, crowd = sys.argv[1:]
compaction.CROWD = int(crowd)
stores = open_stores(load_dataset(pathlib.Path(file)), lambda _: StoreAccess.from_env("results"))
summarize_run(stores, stores.layout.variant(variant), run_key)
"""


def summarize_apart(pipeline: Pipeline, plan, folder: Path, endpoint_url: str, crowd: int = 8) -> subprocess.Popen:
    """Start a summary.

    Args:
        pipeline: Whose dataset file lies in the folder.
        plan: The run's plan.
        folder: Of the dataset file.
        endpoint_url: Of the results.
        crowd: Ledgers that are written as one.
    """
    command = [
        sys.executable, "-c", SUMMARIZE,
        str(folder / f"{pipeline.dataset.name}.yaml"), plan.variant.directory, plan.run_key, str(crowd),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(INCLUDE), **pipeline.stores.worker_env()}
    environment["SHOAL_RESULTS_ENDPOINT_URL"] = endpoint_url
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
