"""Entry of the command line: finds the command, prints every error as one line."""

import sys
from argparse import ArgumentParser

from shoal.cli import current, demo, verify
from shoal.contract.errors import ShoalError

COMMANDS = {
    "demo": (demo, "run the whole job once on this machine and show the answer"),
    "verify": (verify, "recompute a run from the bucket and compare"),
    "current": (current, "show which run is a dataset's answer"),
}


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status: 2 when it could not do its work."""
    parser = ArgumentParser(prog="shoal", description="What does this model see in every image of this bucket?")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=summary, description=module.__doc__))
    arguments = parser.parse_args(words)
    try:
        return COMMANDS[arguments.command][0].execute(arguments)
    except ShoalError as err:
        print(f"shoal: {err}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nshoal: stopped - what was done is kept, the next run goes on from there", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
