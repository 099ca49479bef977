"""`python -m shoal cite RUN`: the methods paragraph, settings, versions and reference entries of an answer, ready to paste."""

from argparse import ArgumentParser, Namespace

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.cli._which_run import read_word


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("run", metavar="RUN", help="<dataset>/<run_key>, or a dataset: its answer")
    parser.add_argument("--bibtex", action="store_true", help="the reference entries alone")
    parser.add_argument(
        "--keep", action="store_true", help="store that the run is cited: gc keeps what it takes to verify it"
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Print what a paper says of a run."""
    from shoal.answers.find import CURRENT, find_run  # noqa: PLC0415 - other commands do not need it
    from shoal.evidence.cite import cite, keep_cited  # noqa: PLC0415

    name, run_key = read_word(arguments.run)
    with reach_results(name, find_dataset(name)) as stores:
        run = find_run(stores.results, stores.layout, run_key or CURRENT)
        cited = cite(run)
        kept = keep_cited(stores.results, stores.layout, run) if arguments.keep else None
        has_mark = kept is not None or stores.results.has(stores.layout.cited(run.plan.run_key))
    if arguments.json:
        print_json({**cited.facts, "methods": " ".join(cited.methods), "bibtex": list(cited.bibtex), "kept": has_mark})
        return 0
    if not arguments.bibtex:
        tell(" ".join(cited.methods), as_written=True)
        tell("")
    for entry in cited.bibtex:
        tell(entry, as_written=True)
    if not arguments.bibtex:
        tell("")
        tell(_kept(f"{name}/{run.plan.run_key}", kept, has_mark=has_mark))
    return 0


def _kept(run: str, kept: str | None, *, has_mark: bool) -> str:
    stays = "gc keeps what it takes to verify it"
    if kept is not None:
        return f"{kept} says that it is cited: {stays}"
    return (
        f"it is cited already: {stays}"
        if has_mark
        else f"once it is in print: python -m shoal cite {run} --keep, and {stays}"
    )
