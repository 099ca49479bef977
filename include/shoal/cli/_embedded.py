"""What `demo` and `up` share: a person's own files, the running store, and one way to say things."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from shoal.cli._typed_here import as_typed
from shoal.contract.errors import ConfigError, ShoalError, StoreError, shown_lines
from shoal.embedded.fill import fill_demo, prepare_folders
from shoal.embedded.home import FULL_BYTES, Home
from shoal.embedded.own_files import OwnFiles
from shoal.embedded.processes.process_trees import end_leftovers
from shoal.embedded.processes.rclone import RunningStore, running_store
from shoal.embedded.processes.unfinished_runs import fail_unfinished_runs
from shoal.settings.dataset_files import DATASETS_VARIABLE, said_folder
from shoal.stores.s3_access import StoreAccess

console = Console(highlight=False)


@dataclass(frozen=True)
class Embedded:
    """The embedded tier while a command holds it.

    Attributes:
        home: Its folder.
        store: The running store.
        dataset_name: The dataset to look at.
    """

    home: Home
    store: RunningStore
    dataset_name: str

    @property
    def access(self) -> StoreAccess:
        """The store's address and keys."""
        return self.store.access

    @property
    def dataset_file(self) -> Path:
        """File of the dataset to look at."""
        return self.home.datasets / f"{self.dataset_name}.yaml"

    def find_trouble(self) -> ShoalError | None:
        """Look for what ends every run on this machine, whatever its tasks try: a full disk, a store that has gone."""
        if self.home.free_bytes < FULL_BYTES:
            return ConfigError(
                f"No room left on the disk of {self.home.root} ({self.home.free_bytes / 1e6:.1f} MB free) - free some disk and "
                "start again: what was written is kept"
            )
        if (code := self.store.process.poll()) is not None:
            return StoreError(
                f"The embedded store has gone in mid-run (rclone ended with exit code {code}) - start again: what was written "
                f"is kept; its log: {self.home.logs / 'store.log'}"
            )
        return None


def add_own_files(parser: ArgumentParser) -> None:
    """Describe how a person brings a model and photos."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="M.onnx",
        help="your own ONNX export in place of the demo model, of any family that Shoal runs",
    )
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="your own photos in place of the generated scenes"
    )


@contextmanager
def open_embedded(arguments: Namespace, *, scheduler_follows: bool) -> Iterator[Embedded]:
    """Hold the folder, end what a killed command left there, and start the store with its content.

    Args:
        arguments: The command line, with `model` and `images`.
        scheduler_follows: Airflow's scheduler will run, and takes up its own unfinished runs.
    """
    home = Home.find()
    own = OwnFiles.read(arguments.model, arguments.images, home)
    home.make()
    with home.lock():
        if ended := end_leftovers(home.root):
            say("stopped", f"what a killed command left running: processes {', '.join(map(str, ended))}")
        dataset_name = prepare_folders(home, own)
        with running_store(home.store, home.logs / "store.log") as store:
            say("store", f"an S3 server on loopback over {home.store}")
            if (said := said_folder()) is not None and said.absolute() != home.datasets:
                say("datasets", f"this Airflow reads {home.datasets}, not {said} ({DATASETS_VARIABLE})")
            fill_demo(home, store.access, lambda: say("scenes", "drawing them and their models, the first time only"))
            home.migrate(store.access, lambda: say("airflow", "making its database, the first time only"))
            fail_unfinished_runs(home.airflow_database, also_scheduled=not scheduler_follows)
            yield Embedded(home, store, dataset_name)


def say(stage: str, text: str) -> None:
    """Print one line of the story."""
    console.print(f"{stage:<10} {as_typed(shown_lines(text))}", markup=False, soft_wrap=True)
