"""`python -m shoal verify RUN`: exit status 0 when everything holds, 1 on any deviation, 2 when it cannot be told."""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import suppress

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import find_dataset, list_datasets, reach_results, reach_stores
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.layout import RUN_KEY


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="<dataset>/<run_key>, the URI or path of its summary.json, or a run_key that one dataset has; "
        "where there is no dataset file, s3://<connection>@<bucket>/<prefix><dataset>/<run_key>",
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Verify one run."""
    from shoal.history.find_run import find_variant, parse_run  # noqa: PLC0415 - other commands do not need it
    from shoal.history.verify import verify_run  # noqa: PLC0415

    text = arguments.run
    name, run_key = (find_owner(text), text) if re.fullmatch(RUN_KEY, text) else parse_run(text)
    with reach_results(name, find_dataset(name)) as stores:
        found = verify_run(stores, find_variant(stores, run_key), run_key)
    if arguments.json:
        print_json(
            {
                "run": f"{name}/{run_key}",
                "holds": not found.deviations,
                "balance": found.balance.to_json(),
                "result_sha256": found.result_sha256,
                "deviations": list(found.deviations),
                "notes": list(found.notes),
            }
        )
        return 1 if found.deviations else 0
    tell(f"{found.balance.listed} listed = " + ", ".join(f"{n} {fate}" for fate, n in found.balance.fates.items()))
    tell(f"result sha256 {found.result_sha256}")
    for line in (*found.notes, *found.deviations):
        tell(line)
    tell("every check holds" if not found.deviations else f"{len(found.deviations)} deviations")
    return 1 if found.deviations else 0


def find_owner(run_key: str) -> str:
    """Find the one dataset that has a run.

    Raises:
        ConfigError: None has it, or several.
    """
    owners = list(_owners(run_key))
    if len(owners) != 1:
        which = f"datasets {', '.join(owners)} have it" if owners else f"none of {', '.join(list_datasets())} has it"
        raise ConfigError(f"Run {run_key}: {which} - write <dataset>/{run_key}")
    return owners[0]


def _owners(run_key: str) -> Iterator[str]:
    from shoal.history.find_run import find_variant  # noqa: PLC0415

    for name in list_datasets():
        # A dataset that cannot be reached, or lacks the run, is not the one.
        with suppress(ShoalError), reach_stores(find_dataset(name)) as stores:
            find_variant(stores, run_key)
            yield name
