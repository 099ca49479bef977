"""`python -m shoal verify RUN`: exit status 0 when everything holds, 1 on any deviation, 2 when it cannot be told."""

from argparse import ArgumentParser, Namespace

from shoal.cli.stores import find_dataset, reach_stores


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("run", metavar="RUN", help="<dataset>/<run_key>, or the URI of its summary.json")


def execute(arguments: Namespace) -> int:
    """Verify one run."""
    from shoal.runs import find_variant, parse_run  # noqa: PLC0415 - other commands do not need it
    from shoal.verify import verify_run  # noqa: PLC0415

    name, run_key = parse_run(arguments.run)
    with reach_stores(find_dataset(name)) as stores:
        found = verify_run(stores, find_variant(stores, run_key), run_key)
    print(f"{found.balance.listed} listed = " + ", ".join(f"{n} {fate}" for fate, n in found.balance.fates.items()))
    print(f"result sha256 {found.result_sha256}")
    for deviation in found.deviations:
        print(deviation)
    print("every check holds" if not found.deviations else f"{len(found.deviations)} deviations")
    return 1 if found.deviations else 0
