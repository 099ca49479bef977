"""`python -m shoal verify RUN`, or a dataset: exit status 0 when all holds, 1 on any deviation, 2 when it cannot be told."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.cli._which_run import read_word
from shoal.contract.errors import ConfigError, shown
from shoal.contract.units import counted
from shoal.settings.dataset_stores import Stores


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="<dataset>/<run_key>, the URI or path of its summary.json, a run_key that one dataset has, or a dataset: its "
        "answer; where there is no dataset file, s3://<connection>@<bucket>/<prefix><dataset>/, with the run_key or without",
    )
    parser.add_argument(
        "--recheck",
        type=_images,
        default=0,
        metavar="N",
        help="let the model look at N images again, drawn by the result's sha256, and compare every box (none)",
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Verify one run."""
    from shoal.history.find_run import find_variant  # noqa: PLC0415 - other commands do not need it
    from shoal.history.verify import verify_run  # noqa: PLC0415

    name, run_key = read_word(arguments.run)
    with reach_results(name, find_dataset(name)) as stores:
        run_key = run_key or _answer_of(stores, name)
        found = verify_run(stores, find_variant(stores, run_key), run_key, arguments.recheck)
    if arguments.json:
        print_json(
            {
                "run": f"{name}/{run_key}",
                "holds": not found.deviations,
                "balance": found.balance.to_json(),
                "result_sha256": found.result_sha256,
                "deviations": list(found.deviations),
                "notes": list(found.notes),
                "recheck": None if found.recheck is None else found.recheck.counts,
            }
        )
        return 1 if found.deviations else 0
    tell(f"{found.balance.listed} listed = " + ", ".join(f"{n} {fate}" for fate, n in found.balance.fates.items()))
    tell(f"result sha256 {found.result_sha256}")
    for line in (*found.notes, *found.deviations):
        tell(line)
    tell("every check holds" if not found.deviations else counted(len(found.deviations), "deviation"))
    return 1 if found.deviations else 0


def _images(text: str) -> int:
    from shoal.history.verification.recheck import MOST  # noqa: PLC0415

    try:
        images = int(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{shown(text, 40)} is no whole number: write how many images, from 1 to {MOST}"
        ) from None
    if not 1 <= images <= MOST:
        raise ArgumentTypeError(f"{images} is not from 1 to {MOST}: images are looked at one after the other")
    return images


def _answer_of(stores: Stores, name: str) -> str:
    from shoal.results.answer import read_current  # noqa: PLC0415

    answer = read_current(stores.results, stores.layout)
    if answer is None:
        raise ConfigError(f"Dataset {name!r} has no answer to verify yet - python -m shoal why {name} says why")
    return str(answer["run_key"])
