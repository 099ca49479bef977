"""Entry of the command line: finds the command, prints every error as one line."""

import signal
import sys
from argparse import ArgumentParser
from typing import NoReturn

from shoal.cli import check, current, demo, fit, up, verify
from shoal.contract.errors import ShoalError

COMMANDS = {
    "demo": (demo, "run the whole job once on this machine and show the answer"),
    "up": (up, "run Airflow's web interface on this machine until Ctrl-C"),
    "check": (check, "try every step of a dataset, one line each with its fix"),
    "verify": (verify, "recompute a run from the bucket and compare"),
    "fit": (fit, "count the pods a Kubernetes cluster has room for now"),
    "current": (current, "show which run is a dataset's answer"),
}


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status: 2 when it could not do its work."""
    parser = ArgumentParser(prog="shoal", description="What does this model see in every image of this bucket?")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=summary, description=module.__doc__))
    arguments = parser.parse_args(words)
    # Also SIGINT: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        status: int = COMMANDS[arguments.command][0].execute(arguments)
    except ShoalError as err:
        print(f"shoal: {err}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nshoal: stopped - what was done is kept, the next run goes on from there", file=sys.stderr)
        return 130
    return status


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
