"""`python -m shoal current DATASET`: the dataset's answer, where it lies, what is under way, and a newer model version."""

from argparse import ArgumentParser, Namespace

from shoal.cli._reach import find_dataset, reach_stores
from shoal.contract.errors import ConfigError
from shoal.contract.run_names import reanalyse_dag_id
from shoal.settings.dataset_stores import Stores


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
            for line in tell_first_run(stores):
                print(line)
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


def tell_first_run(stores: Stores) -> list[str]:
    """Say of a dataset without an answer what its latest run has come to: a person must not trigger a second one beside it.

    Raises:
        ConfigError: It has no run at all.
    """
    from shoal.history.facts import read_facts  # noqa: PLC0415
    from shoal.history.find_run import latest_run, list_runs  # noqa: PLC0415
    from shoal.history.why import diagnose  # noqa: PLC0415

    name, runs = stores.layout.dataset, list_runs(stores)
    if not runs:
        raise ConfigError(f"Dataset {name!r} has no answer yet and no run - trigger {reanalyse_dag_id(name)}")
    facts = read_facts(stores, latest_run(stores, runs), runs)
    found = diagnose(facts)
    lines = ["no answer yet", f"run      {name}/{facts.run_key}", f"state    {found.state}: {found.cause}"]
    if facts.open is not None and facts.shards:
        total = sum(shard.images for shard in facts.shards)
        done = sum(not shard.open for shard in facts.shards)
        lines.append(
            f"rows     {total - facts.open.count} of {total} images, {done} of {len(facts.shards)} shards done"
        )
    return [*lines, f"next     {found.next}"]
