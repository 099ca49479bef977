"""What `demo` and `up` share: a person's own files, the running store, and one way to say things."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from shoal.contract.store import StoreAccess
from shoal.embedded.content import OwnFiles, fill_demo, prepare_folders
from shoal.embedded.home import Home
from shoal.embedded.store import embedded_store

console = Console(highlight=False)


def add_own_files(parser: ArgumentParser) -> None:
    """Describe how a person brings a model and photos."""
    parser.add_argument(
        "--model", type=Path, metavar="M.onnx", help="your own YOLOv8 export in place of the demo model"
    )
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="your own photos in place of the generated scenes"
    )


def own_files(arguments: Namespace) -> OwnFiles:
    """Read and check a person's own model and photos."""
    own = OwnFiles(arguments.model, arguments.images)
    own.check()
    return own


@contextmanager
def open_embedded(home: Home, own: OwnFiles) -> Iterator[tuple[StoreAccess, str]]:
    """Start the store with its content; gives the access and the name of the dataset to look at."""
    dataset_name = prepare_folders(home, own)
    with embedded_store(home.store, home.logs / "store.log") as access:
        say("store", f"an S3 server on loopback over {home.store}")
        fill_demo(home, access)
        home.migrate(access, lambda: say("airflow", "making its database, the first time only"))
        yield access, dataset_name


def say(stage: str, text: str) -> None:
    """Print one line of the story."""
    console.print(f"{stage:<10} {text}", markup=False, soft_wrap=True)
