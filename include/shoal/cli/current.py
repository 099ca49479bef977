"""`python -m shoal current DATASET`: the dataset's answer, where it lies, what is under way, and a newer model version."""

from argparse import ArgumentParser, Namespace

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._tell import tell


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Print the dataset's answer, and the chains of runs that are not through."""
    from shoal.history.standing import read_standing  # noqa: PLC0415 - other commands do not need it

    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores:
        standing = read_standing(stores, dataset)
    if arguments.json:
        print_json(standing.to_json())
    else:
        tell("\n".join(standing.describe()))
    return 0
