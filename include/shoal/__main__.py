"""Entry of the command line: finds the command, prints every error as one line.

Only the module of the command is imported: some need libraries that come with an extra, or take seconds to load.
"""

import logging
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import nullcontext
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from types import FrameType
from typing import NoReturn

from shoal.cli._json import nothing_but_the_object
from shoal.cli._tell import tell
from shoal.contract.errors import ShoalError
from shoal.contract.shown_keys import quoted_key

COMMANDS = {
    "demo": "run the whole job once on this machine and show the answer",
    "up": "run Airflow's web interface on this machine until Ctrl-C",
    "init": "write a dataset file of ten lines for photos on this machine",
    "completion": "print what makes a shell complete commands, datasets and options",
    "airflow": "run a command of the Airflow that make up and make demo use",
    "airflow-config": "print what to set in an Airflow of yours",
    "check": "try every step of a dataset, one line each with its fix",
    "clock": "show what a dataset's clock reads in its keys; --propose finds one",
    "model": "show what is understood of a model file, try it on a photo, write its card",
    "taxa": "show the model's classes beside the dataset file's taxa, and the lines to add",
    "show": "draw an image with its boxes, or a contact sheet of a taxon",
    "summarize": "count a run's images again: with another threshold or the dataset file of now",
    "compare": "show what another version of the model changes, on the same images",
    "cite": "write what a paper says of an answer: methods, settings, versions, references",
    "reviewer": "write a file by which a reviewer tests a number of a paper, or check one",
    "sample": "draw images for people to label, by a design that is stored first",
    "labels": "take people's labels back, or write them for a model to learn from",
    "estimate": "correct an answer's counts by people's labels, with intervals",
    "evaluate": "judge a model, or two versions of it, by people's labels",
    "health": "list what is wrong with cameras: lens, lamps, place, clock",
    "repeats": "list what stands in a camera's picture for days, and keep what a person says of it",
    "verify": "recompute a run from the bucket and compare",
    "why": "say why a run is as it is, and what to do next",
    "fit": "count the pods a Kubernetes cluster has room for now",
    "gc": "delete what only recomputing an old run needs",
    "pools": "make the Airflow pools that dataset files name",
    "current": "show which run is a dataset's answer",
    "export": "write an answer as other tools read it",
}


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status: 2 when it could not do its work."""
    parser = ArgumentParser(prog="shoal", description="What does this model see in every image of this bucket?")
    parser.add_argument("--version", action="version", version=f"shoal {version('shoal')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    completes = "_ARGCOMPLETE" in os.environ  # a shell asks what may stand at the cursor
    if completes:
        words = os.environ.get("COMP_LINE", "").split()[1:]
    words = sys.argv[1:] if words is None else words
    if not completes:
        _refuse_unknown(words[:1])
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name in words[:1]:
            module = import_module(f"shoal.cli.{name.replace('-', '_')}")
            command.description = module.__doc__
            module.add_arguments(command)
    if completes:
        from argcomplete import autocomplete  # noqa: PLC0415 - nobody else needs it

        autocomplete(parser)
    arguments = parser.parse_args(words)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what its retries cannot mend is said in one line, by us
    # Also SIGINT: a shell starts background jobs with it ignored.
    _on_stop_signals(_interrupt)
    try:
        try:
            with nothing_but_the_object() if getattr(arguments, "json", False) else nullcontext():
                status: int = module.execute(arguments)
        finally:
            # All is done or stopped by now: a further Ctrl-C must not turn the exit status into "killed by a signal".
            _on_stop_signals(signal.SIG_IGN)
    except ShoalError as err:
        tell(f"shoal: {err}", aside=True)
        return 2
    except BrokenPipeError:  # whoever read has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        tell("\nshoal: stopped - what was done is kept, the next run goes on from there", aside=True)
        return 130
    return status


def _refuse_unknown(first: list[str]) -> None:
    """End as argparse does on a wrong word, with the command that was meant instead of a list of all."""
    if not first or first[0].startswith("-") or first[0] in COMMANDS:
        return
    meant = get_close_matches(first[0], COMMANDS, 1)
    way_out = f"did you mean {meant[0]}?" if meant else "python -m shoal --help lists them"
    print(f"shoal: No command {quoted_key(first[0])} - {way_out}", file=sys.stderr)
    sys.exit(2)


def _on_stop_signals(action: Callable[[int, FrameType | None], NoReturn] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, action)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
