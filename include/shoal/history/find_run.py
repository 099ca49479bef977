"""Finding a run from what a person types: `<dataset>/<run_key>`, or the URI or path of something of the run."""

import re

from shoal.contract.errors import ConfigError
from shoal.contract.layout import RUN_KEY, VariantLayout
from shoal.settings.dataset_stores import Stores

_URI = re.compile(rf"s3://(?P<bucket>[^/]+)/(?P<root>.*?)runs/(?P<run_key>{RUN_KEY})(/.*)?")
_PATH = re.compile(rf"(?!s3://)(?:.*/)?(?P<dataset>[a-z0-9][a-z0-9_-]*)/[^/]+/runs/(?P<run_key>{RUN_KEY})(/.*)?")
_SHORT = re.compile(rf"(?P<dataset>[a-z0-9][a-z0-9_-]*)/(?P<run_key>{RUN_KEY})")


def parse_run(text: str) -> tuple[str, str]:
    """Split a RUN into dataset name and run_key.

    Raises:
        ConfigError: It is neither `<dataset>/<run_key>` nor a URI or path below `…/<dataset>/<variant>/runs/<run_key>`.
    """
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
        ConfigError: No variant of the dataset has this run.
    """
    for directory in stores.results.list_folders(stores.layout.root):
        layout = stores.layout.variant(directory)
        if directory != "listings" and stores.results.find_bytes(layout.run(run_key).plan) is not None:
            return layout
    raise ConfigError(
        f"Run {run_key} not found below {stores.results.uri(stores.layout.root)} - see python -m shoal current"
    )
