"""`python -m shoal_worker run | predict | serve | try | again | exif`.

Native libraries are imported only once the command line is known to be right and the process is prepared.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from shoal.contract.errors import ConfigError, ModelRefusedError, ShoalError, one_line
from shoal.contract.exit_codes import WorkerExit, exit_of
from shoal.contract.job import PIXEL_LIMIT, RUN, WorkerCommand, positive, read_planned_settings
from shoal.contract.look_again import COMMAND
from shoal_worker.loop.stop import StopRequest
from shoal_worker.shown_log import log_to_stderr
from shoal_worker.start import run

TERMINATION_LOG = "/dev/termination-log"
"""Kubernetes shows what this file holds in the pod's status; SHOAL_TERMINATION_LOG names another one."""


IOU = 0.7
"""Overlap above which the weaker box is dropped, where nothing is said."""

SIZE_LIMIT_MB = 64
WAITING = 8
DEADLINE_S = 60.0
READ_S = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command in {"predict", "serve"}:
        _need_used(parser, arguments)
    log_to_stderr()
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what its retries cannot mend is said in one line, by us
    warnings.filterwarnings("ignore", module=r"PIL\.")  # a bad image has a row that says why
    if arguments.command == "predict":
        return _predict(arguments)
    if arguments.command == "serve":
        return _serve(arguments)
    if arguments.command == "try":
        return _try(arguments)
    if arguments.command == COMMAND:
        return _again(arguments)
    if arguments.command == "exif":
        return _exif(arguments)
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    stop = StopRequest()
    stop.install()
    try:
        ending_exit, reason = _attempt(arguments, stop)
    except Exception as err:  # an error of our own: its traceback belongs to the log, its line to the pod's status
        logging.getLogger(__name__).exception("The worker failed")
        _report(f"{type(err).__name__}: {err}")
        return 1
    if ending_exit is not WorkerExit.DONE:
        _report(reason)
    return ending_exit


def _attempt(options: argparse.Namespace, stop: StopRequest) -> tuple[WorkerExit, str]:
    try:
        ending = run(WorkerCommand.of(options), stop)
    except ShoalError as err:
        return exit_of(err), str(err)
    return ending.exit, ending.reason


def _predict(arguments: argparse.Namespace) -> int:
    # OpenCV reads its own limit once, when it is loaded.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(arguments.pixel_limit)
    from shoal_worker.predict import ThenFile, open_detector, open_planned, open_service, predict  # noqa: PLC0415

    all_read, limit = True, arguments.pixel_limit
    iou = IOU if arguments.iou is None else arguments.iou
    then = None if arguments.then is None else ThenFile(arguments.then, arguments.pad, not arguments.as_is)
    try:
        if arguments.service:
            detector = open_service(arguments.service, arguments.conf, limit)
        elif arguments.planned:
            planned = replace(read_planned_settings(arguments.planned), stored_conf=arguments.conf)
            detector = open_planned(arguments.model, arguments.then, planned)
        else:
            detector = open_detector(arguments.model, arguments.imgsz, arguments.conf, iou, limit, then)
        with ExitStack() as opened:
            opened.callback(detector.end)
            for was_read, line in predict(detector, arguments.images, limit):
                print(line, flush=True)  # noqa: T201
                all_read = all_read and was_read
    except ConfigError as err:
        print(err, file=sys.stderr)  # noqa: T201
        return WorkerExit.CONFIG
    except ShoalError as err:  # a GPU or a service that fails
        print(err, file=sys.stderr)  # noqa: T201
        return WorkerExit.INFRASTRUCTURE
    return 0 if all_read else 1


def _serve(arguments: argparse.Namespace) -> int:
    try:
        from shoal_worker.serving.serve import serve  # noqa: PLC0415
    except ModuleNotFoundError as err:
        print(f"serve needs {err.name} - pip install 'shoal[serve]'", file=sys.stderr)  # noqa: T201
        return WorkerExit.CONFIG
    from shoal_worker.serving.settings import Limits, LookSettings  # noqa: PLC0415

    settings = LookSettings(
        model=arguments.model.absolute(),
        imgsz=arguments.imgsz,
        conf=arguments.conf,
        iou=IOU if arguments.iou is None else arguments.iou,
        pixel_limit=arguments.pixel_limit,
        then=None if arguments.then is None else arguments.then.absolute(),
        pad=arguments.pad,
        square=not arguments.as_is,
    )
    limits = Limits(arguments.size_limit * 1024**2, arguments.waiting, arguments.deadline, arguments.read_within)
    try:
        serve(settings, limits, arguments.host, arguments.port)
    except ConfigError as err:
        print(one_line(err), file=sys.stderr)  # noqa: T201
        return WorkerExit.CONFIG
    except ShoalError as err:
        print(one_line(err), file=sys.stderr)  # noqa: T201
        return WorkerExit.INFRASTRUCTURE
    return 0


def _again(arguments: argparse.Namespace) -> int:
    from shoal_worker.look_again import look_again  # noqa: PLC0415

    try:
        look_again(arguments.folder)
    except (ShoalError, MemoryError) as err:
        print(one_line(err), file=sys.stderr)  # noqa: T201
        return exit_of(err)
    return 0


def _try(arguments: argparse.Namespace) -> int:
    from shoal_worker.trial import try_model  # noqa: PLC0415

    try:
        scores_sum = try_model(arguments.model)
    except ModelRefusedError as err:
        print(one_line(err), file=sys.stderr)  # noqa: T201
        return WorkerExit.CONFIG
    except (ShoalError, MemoryError) as err:  # nothing of the model's: another machine may run it
        print(one_line(err), file=sys.stderr)  # noqa: T201
        return 1
    if scores_sum is not None:
        print(scores_sum)  # noqa: T201
    return 0


def _exif(arguments: argparse.Namespace) -> int:
    from shoal_worker.image.exif import read_exif  # noqa: PLC0415

    for path in arguments.images:
        print(json.dumps(read_exif(path.read_bytes()).to_column()), flush=True)  # noqa: T201
    return 0


def _report(reason: str) -> None:
    """Say why the worker ends early: in its log, and where Kubernetes looks for it."""
    line = one_line(reason)
    print(line, file=sys.stderr, flush=True)  # noqa: T201
    path = Path(os.environ.get("SHOAL_TERMINATION_LOG", TERMINATION_LOG))
    try:
        if path.exists():
            path.write_text(line + "\n", encoding="utf-8")
    except OSError as err:
        logging.getLogger(__name__).warning("Reason not written to %s: %s", path, err)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 1")
    return value


def _need_used(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse options that would change nothing."""
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shoal_worker", description=__doc__.splitlines()[0])
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
        help="look as a run does: its settings, `job.inference` of its plan.json, tiles and crops included",
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
        "--pixel-limit", type=positive, default=PIXEL_LIMIT, metavar="N",
        help=f"most pixels of an image, as model.pixel_limit of a dataset ({PIXEL_LIMIT})",
    )  # fmt: skip


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


if __name__ == "__main__":
    status = main()
    # Threads may still wait for a store or hang in an inference; the interpreter's end would wait or crash on them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
