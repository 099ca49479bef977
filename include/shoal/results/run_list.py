"""Which runs a dataset has, as the names of what is stored tell."""

import re

from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import RUN_KEY, is_time
from shoal.contract.stored_names import Kind, read_name
from shoal.stores.object_store import ObjectStore


def list_runs(results: ObjectStore, layout: DatasetLayout) -> dict[str, str | None]:
    """List a dataset's runs, the oldest first: the variant's folder by run_key, None for a run without a plan.

    Rows and tables, which are most of what lies there, are not listed: they are of no run.

    Args:
        results: The results bucket.
        layout: The dataset.
    """
    found: dict[str, str | None] = {}
    folders = [layout.listings, *(variant.runs for variant in layout.variants(results.list_folders(layout.root)))]
    for folder in folders:
        for entry in results.list_objects(folder):
            name = read_name(layout, entry.key)
            if name.run_key:
                found.setdefault(name.run_key, None)
            if name.kind is Kind.PLAN:
                found[name.run_key] = name.variant
    return dict(sorted(found.items()))


def list_planned(results: ObjectStore, layout: DatasetLayout) -> dict[str, str]:
    """List those that were planned."""
    return {run_key: variant for run_key, variant in list_runs(results, layout).items() if variant is not None}


def list_run_folders(results: ObjectStore, layout: DatasetLayout) -> dict[str, str]:
    """List a dataset's runs that began to write, the oldest first: the variant's folder by run_key.

    By the names of folders alone, a thousand in a request: what lies in a run's folder may be thousands of objects.

    Args:
        results: The results bucket.
        layout: The dataset.
    """
    found = {
        run_key: variant.root[len(layout.root) :].rstrip("/")
        for variant in layout.variants(results.list_folders(layout.root))
        for run_key in results.list_folders(variant.runs)
        if re.fullmatch(RUN_KEY, run_key) and is_time(run_key)
    }
    return dict(sorted(found.items()))
