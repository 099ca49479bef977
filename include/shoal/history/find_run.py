"""Which run: what a person typed, the variant it belongs to, the latest."""

import re
from collections.abc import Mapping

from shoal.contract.errors import ConfigError
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import RUN_KEY
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.results.read_plan import find_plan
from shoal.settings.dataset_stores import Stores
from shoal.settings.results_place import ResultsPlace

_URI = re.compile(rf"s3://(?P<bucket>[^/]+)/(?P<root>.*?)runs/(?P<run_key>{RUN_KEY})(/.*)?")
_PATH = re.compile(rf"(?!s3://)(?:.*/)?(?P<dataset>[a-z0-9][a-z0-9_-]*)/[^/]+/runs/(?P<run_key>{RUN_KEY})(/.*)?")
_PLACED = re.compile(rf"(?P<place>s3://[^/@]+@[^/]+/.*?/)(?:[^/]+/runs/)?(?P<run_key>{RUN_KEY})(?:/.*)?")
_SHORT = re.compile(rf"(?P<dataset>[a-z0-9][a-z0-9_-]*)/(?P<run_key>{RUN_KEY})")


def parse_run(text: str) -> tuple[str, str]:
    """Split a RUN into dataset name, or the place of its results where that names a connection, and run_key.

    Raises:
        ConfigError: It is neither `<dataset>/<run_key>` nor a URI or path below `…/<dataset>/<variant>/runs/<run_key>`.
    """
    if placed := _PLACED.fullmatch(text):
        return str(ResultsPlace.parse(placed["place"])).rstrip("/"), placed["run_key"]
    if short := _SHORT.fullmatch(text):
        return short["dataset"], short["run_key"]
    if (uri := _URI.fullmatch(text)) and uri["root"].count("/") >= 2:
        return uri["root"].rstrip("/").split("/")[-2], uri["run_key"]
    if path := _PATH.fullmatch(text):
        return path["dataset"], path["run_key"]
    raise ConfigError(
        f"Run {text!r} not understood - write <dataset>/<run_key>, such as demo/20260601T020000Z-abcd1234, or the URI "
        "or path of its summary.json"
    )


def find_variant(stores: Stores, run_key: str) -> VariantLayout:
    """Find the variant a run belongs to.

    Raises:
        ConfigError: The dataset has no plan of this run.
    """
    for variant in stores.layout.variants(stores.results.list_folders(stores.layout.root)):
        if stores.results.has(variant.run(run_key).plan):
            return variant
    raise ConfigError(
        f"Run {run_key} not found below {stores.results.uri(stores.layout.root)} - "
        f"see python -m shoal current {stores.layout.dataset}"
    )


def latest_run(stores: Stores, runs: Mapping[str, str | None]) -> str:
    """Find a dataset's latest run, passing over samples of `check` and counts of other runs' images where others are."""
    mine = (run_key for run_key in reversed([*runs]) if not is_aside(stores, run_key, runs[run_key]))
    return next(mine, None) or next(reversed([*runs]))


def is_aside(stores: Stores, run_key: str, variant: str | None) -> bool:
    """Tell whether a run is the sample of a `check`, or counts the images of another run: neither goes on with anything."""
    plan = find_plan(stores.results, stores.layout.variant(variant).run(run_key).plan) if variant else None
    return plan is not None and (plan.dag_run.dag_id == CHECK_DAG_ID or plan.of_run is not None)
