"""`python -m shoal init [NAME]`: write a dataset file of ten lines for photos on this machine, and make its buckets."""

from argparse import ArgumentParser, Namespace

from shoal.cli._tell import tell
from shoal.contract.run_names import reanalyse_dag_id
from shoal.settings.dataset_files import DATASETS_VARIABLE, said_folder


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="photos", help="name of the dataset (default: photos)"
    )


def execute(arguments: Namespace) -> int:
    """Write the file, and say what comes next."""
    from shoal.embedded.first_dataset import write_first_dataset  # noqa: PLC0415 - other commands do not need it
    from shoal.embedded.home import Home  # noqa: PLC0415

    home = Home.find()
    photos = write_first_dataset(home, arguments.name)
    tell(f"written  {home.datasets / arguments.name}.yaml")
    tell(f"photos   copy them, or link their folders, into {photos}; they are only read")
    tell(
        f"next     python -m shoal check {arguments.name}, then make up and trigger {reanalyse_dag_id(arguments.name)}"
    )
    if (said := said_folder()) is not None and said.absolute() != home.datasets:
        tell(f"but      {DATASETS_VARIABLE} names {said}: commands look there - unset it, or copy the file")
    return 0
