"""`python -m shoal export RUN --to NAME`: what a run found, as another tool reads it, made of what is stored.

An export that was interrupted goes on when the command is repeated. The same answer gives the same files; export.json beside them
says which, and what the format cannot hold.
"""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoal.answers.where import EXAMPLE
from shoal.cli._json import add_json, print_json
from shoal.cli._reach import find_dataset, reach_connection, reach_results
from shoal.cli._tell import tell
from shoal.cli._which_run import read_word
from shoal.contract.errors import ConfigError, shown
from shoal.exports.export import BY_MONTH, PACKAGES
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.stores.folder_access import lies_in
from shoal.stores.object_store import ObjectStore

OPTIONS = {
    "csv": "xlsx: excel writes CSV files instead, with ; and decimal comma as Excel opens them where those are usual",
    "relative_to": "megadetector: file names begin behind this prefix of the keys, as Timelapse opens the folder",
}
"""What one export or another takes; each is a field of it."""

_OUT = re.compile(r"s3://(?:(?P<conn_id>[^/@]+)@)?(?P<bucket>[^/@]+)(?:/(?P<prefix>.*))?", re.DOTALL)


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="a dataset: its answer; <dataset>/<run_key>, or the URI or path of its summary.json; without a dataset file "
        "s3://<connection>@<bucket>/<prefix><dataset>/, with the run_key or without",
    )
    names = ", ".join(sorted({**BY_MONTH, **PACKAGES}))
    parser.add_argument("--to", required=True, metavar="NAME", help=f"one of {names}")
    parser.add_argument("--at", metavar="RUN", help="another run of the dataset: the beginning of its run_key")
    parser.add_argument("--where", action="append", default=[], metavar="WHAT", help=f"a part only: {EXAMPLE}")
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="an empty folder, or one that is not there; or s3://<bucket>/<prefix> of the store that the results are in, "
        "s3://<connection>@<bucket>/<prefix> of another; default: ./<dataset>-<name>-<first digits of the result's sha256>",
    )
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=text)
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Find the run, write the export, say what was written."""
    from shoal.answers.find import CURRENT, find_run  # noqa: PLC0415
    from shoal.answers.where import Where  # noqa: PLC0415
    from shoal.exports.export import find_afterwards  # noqa: PLC0415
    from shoal.exports.on_demand import Order, describe, export_to_folder, export_to_store  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415 - other commands do not need them

    said = {name: value for name in OPTIONS if (value := getattr(arguments, name)) is not None}
    export = find_afterwards(arguments.to, said)
    name, run_key = read_word(arguments.run)
    if run_key and arguments.at:
        raise ConfigError(f"RUN names {run_key} and --at {shown(arguments.at, 100)} - leave one of them out")
    dataset = find_dataset(name)
    with reach_results(name, dataset) as stores:
        run = find_run(stores.results, stores.layout, run_key or arguments.at or CURRENT)
        where = Where.parse(arguments.where, run.plan.settings.report.zone)
        order = Order(run, dataset, export, where)
        out = arguments.out or f"{stores.layout.dataset}-{export.name}-{run.summary.result_sha256[:8]}"
        with open_database(stores.results, dataset.run, images=run.plan.counts.listed) as database:
            if out.startswith("s3://"):
                with _reach_out(out, dataset, stores) as (store, prefix):
                    delivered = export_to_store(database, order, store, prefix)
            else:
                folder = Path(out).expanduser().absolute()
                if dataset.source.path and lies_in(folder, dataset.source.path):
                    raise ConfigError(f"--out {folder} lies among the images of dataset {name} - name another place")
                delivered = export_to_folder(database, order, folder)
    if arguments.json:
        print_json(
            {"run": f"{name}/{run.run_key}", "place": delivered.place, "again": delivered.again, **delivered.told}
        )
    else:
        tell(*describe(delivered))
    return 0


@contextmanager
def _reach_out(out: str, dataset: Dataset, stores: Stores) -> Iterator[tuple[ObjectStore, str]]:
    """Open the bucket that is to be written to.

    Raises:
        ConfigError: It is no bucket, or images or Shoal's own objects lie there.
    """
    from shoal.stores.kinds import open_store  # noqa: PLC0415 - other commands do not need it

    found = _OUT.fullmatch(out)
    if found is None:
        raise ConfigError(f"--out {shown(out, 200)} not understood - write s3://<bucket>/<prefix>, or a folder")
    prefix = (found["prefix"] or "").rstrip("/")
    prefix = f"{prefix}/" if prefix else ""
    if found["conn_id"]:
        with reach_connection(found["conn_id"], dataset.name) as access:
            store = open_store(access, found["bucket"])
            _refuse_own_places(store, prefix, dataset, stores)
            yield store, prefix
        return
    store = open_store(stores.results.access, found["bucket"])
    _refuse_own_places(store, prefix, dataset, stores)
    yield store, prefix


def _refuse_own_places(store: ObjectStore, prefix: str, dataset: Dataset, stores: Stores) -> None:
    """Refuse to write among images, models or results."""
    places = {
        "images": (stores.source.address, dataset.source.place, dataset.source.prefix),
        "models": (stores.models.address, dataset.models.bucket, ""),
        "results": (stores.results.address, dataset.results.bucket, stores.layout.root),
    }
    for what, (address, bucket, begins) in places.items():
        if (store.address, store.bucket) == (address, bucket) and prefix.startswith(begins):
            raise ConfigError(
                f"--out {store.uri(prefix)} lies among the {what} of dataset {dataset.name} - name another place"
            )
