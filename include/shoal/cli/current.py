"""`python -m shoal current DATASET`: the dataset's answer, where it lies, what is under way, and a newer model version."""

from argparse import ArgumentParser, Namespace

from shoal.cli._reach import find_dataset, reach_stores
from shoal.contract.errors import ConfigError
from shoal.contract.run_names import reanalyse_dag_id


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("dataset", metavar="DATASET", help="name of a dataset file, without .yaml")


def execute(arguments: Namespace) -> int:
    """Print the dataset's answer, and the chains of runs that are not through."""
    from shoal.history.open_chains import list_open_chains  # noqa: PLC0415 - other commands do not need it
    from shoal.plan.release_notice import read_notice  # noqa: PLC0415
    from shoal.results.answer import read_current  # noqa: PLC0415

    dataset = find_dataset(arguments.dataset)
    with reach_stores(dataset) as stores:
        current, notice = read_current(stores.results, stores.layout), read_notice(stores, dataset)
        open_chains = [line for chain in list_open_chains(stores) for line in chain.describe()]
        if current is None and open_chains:
            print("no answer yet: no run over the whole dataset is complete")
        elif current is None:
            raise ConfigError(
                f"Dataset {arguments.dataset!r} has no answer yet - trigger {reanalyse_dag_id(arguments.dataset)}"
            )
        else:
            run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
            print(f"run      {arguments.dataset}/{current['run_key']}")
            print(
                f"model    {current['model']['name']} {current['model']['version']} (sha256 {current['model']['sha256']})"
            )
            print(f"result   sha256 {current['result_sha256']}")
            print(f"summary  {stores.results.uri(run.summary)}")
        for line in open_chains:
            print(line)
        if notice:
            print(
                f"newer    {notice['model']['name']} {notice['model']['version']}: {notice['images']} images, "
                f"{notice['cpu_hours']:.3g} CPU hours ({notice['seconds_per_image']['source']})"
            )
            print(f"         {notice['command']}")
    return 0
