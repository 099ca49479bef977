"""The worker's commands and their options: what may be typed, what it is where nothing is, and what changes nothing."""

import argparse
from pathlib import Path

from shoal.contract.image_limits import PIXEL_LIMIT
from shoal.contract.look_again import COMMAND
from shoal.contract.typed_numbers import positive
from shoal.contract.worker_command import RUN, WorkerCommand

COMMANDS = "`python -m shoal_worker run | predict | serve | try | again | exif`."

IOU = 0.7
"""Overlap above which the weaker box is dropped, where nothing is said."""

SIZE_LIMIT_MB = 64
WAITING = 8
DEADLINE_S = 60.0
READ_S = 30.0


def make_parser() -> argparse.ArgumentParser:
    """Describe every command."""
    parser = argparse.ArgumentParser(prog="python -m shoal_worker", description=COMMANDS)
    commands = parser.add_subparsers(dest="command", required=True)
    WorkerCommand.add_options(
        commands.add_parser(RUN, help="examine one shard of a planned run; credentials come from SHOAL_…")
    )
    _add_predict(commands.add_parser("predict", help="print what a model sees in single files, as JSON lines"))
    _add_serve(commands.add_parser("serve", help="answer over HTTP with what a model sees in one image"))
    trial = commands.add_parser("try", help="open a model and run it on one black image; says why where that fails")
    trial.add_argument("--model", required=True, type=Path, metavar="M.onnx", help="the model file")
    again = commands.add_parser(COMMAND, help="look at images of a plan once more and store nothing; for shoal verify")
    again.add_argument("folder", type=Path, metavar="FOLDER", help="holds plan and images, and gets the rows")
    exif = commands.add_parser(
        "exif", help="print what cameras wrote into single files about themselves, as JSON lines"
    )
    exif.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", type=Path, metavar="M.onnx", help="the model file")
    which.add_argument(
        "--service", type=Path, metavar="FILE", help="a dataset file with worker.service, or that group by itself"
    )
    _add_looking(parser)
    parser.add_argument(
        "--planned", type=Path, metavar="FILE",
        help="look as a run does: its settings, `job.inference` of its plan.json, tiles, crops and limits of images included; "
        "--pixel-limit can only lower its own",
    )  # fmt: skip
    parser.add_argument("images", nargs="+", metavar="IMAGE")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="M.onnx", help="the model file")
    _add_looking(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine alone)")
    parser.add_argument(
        "--port", type=_port, default=8080, metavar="N", help="port to listen on; 0 takes a free one (8080)"
    )
    parser.add_argument(
        "--size-limit", type=positive, default=SIZE_LIMIT_MB, metavar="MIB",
        help=f"most MiB of an image ({SIZE_LIMIT_MB})",
    )  # fmt: skip
    parser.add_argument(
        "--waiting", type=positive, default=WAITING, metavar="N",
        help=f"images that may be sent or wait while one is looked at; more are told to come back ({WAITING})",
    )  # fmt: skip
    parser.add_argument(
        "--deadline", type=_seconds, default=DEADLINE_S, metavar="S",
        help=f"seconds from when an image has come until it is answered ({DEADLINE_S:g})",
    )  # fmt: skip
    parser.add_argument(
        "--read-within", type=_seconds, default=READ_S, metavar="S",
        help=f"seconds in which an image must have come ({READ_S:g})",
    )  # fmt: skip


def _add_looking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--conf", type=_share, default=0.25, help="lowest confidence shown (0.25)")
    parser.add_argument("--iou", type=_share, help="overlap above which the weaker box is dropped (0.7)")
    parser.add_argument("--imgsz", type=positive, metavar="N", help="side of the input in px (default: the model's)")
    parser.add_argument("--then", type=Path, metavar="M.onnx", help="a classifier that looks at the crop of each box")
    parser.add_argument(
        "--pad", type=_share, default=0.0, help="with --then: a crop is wider by this share of its longer side (0)"
    )
    parser.add_argument("--as-is", action="store_true", help="with --then: crops are not made square")
    parser.add_argument(
        "--pixel-limit", type=positive, metavar="N",
        help=f"most pixels of an image, as model.pixel_limit of a dataset ({PIXEL_LIMIT})",
    )  # fmt: skip


def need_used(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse options of `predict` and `serve` that would change nothing; a mistake ends the program, as argparse does."""
    planned = getattr(options, "planned", None)
    settings = {"--imgsz": options.imgsz, "--iou": options.iou}
    of_model = {**settings, "--then": options.then, "--planned": planned}
    given = [name for name, value in of_model.items() if value is not None]
    if getattr(options, "service", None) and given:
        parser.error(f"{given[0]} is for model files, and changes nothing with --service - leave it out")
    crops = {"--pad": options.pad or None, "--as-is": options.as_is or None}
    if planned and (said := [name for name, value in {**settings, **crops}.items() if value is not None]):
        parser.error(f"{said[0]} is in the planned settings, and changes nothing with --planned - leave it out")
    if options.then is None and (options.pad or options.as_is):
        parser.error(
            f"{'--pad' if options.pad else '--as-is'} changes nothing without --then - add --then, or leave it out"
        )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 1")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is no port: 0 to 65535")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 86400 s")
    return value
