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
from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT
from shoal.contract.inference import read_planned_settings
from shoal.contract.look_again import COMMAND
from shoal.contract.worker_command import WorkerCommand
from shoal_worker.command_line import IOU, make_parser, need_used
from shoal_worker.loop.stop import StopRequest
from shoal_worker.shown_log import log_to_stderr
from shoal_worker.start import run

TERMINATION_LOG = "/dev/termination-log"
"""Kubernetes shows what this file holds in the pod's status; SHOAL_TERMINATION_LOG names another one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command in {"predict", "serve"}:
        need_used(parser, arguments)
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
    try:
        planned = read_planned_settings(arguments.planned) if arguments.planned else None
    except ConfigError as err:
        print(err, file=sys.stderr)  # noqa: T201
        return WorkerExit.CONFIG
    limit, scan_limit = arguments.pixel_limit or PIXEL_LIMIT, SCAN_LIMIT
    if planned:
        limit = min(planned.pixel_limit, arguments.pixel_limit or planned.pixel_limit)
        scan_limit = planned.scan_limit
    # OpenCV reads its own limit once, when it is loaded.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(limit)
    from shoal_worker.predict import ThenFile, open_detector, open_planned, open_service, predict  # noqa: PLC0415

    all_read = True
    iou = IOU if arguments.iou is None else arguments.iou
    then = None if arguments.then is None else ThenFile(arguments.then, arguments.pad, not arguments.as_is)
    try:
        if arguments.service:
            detector = open_service(arguments.service, arguments.conf, limit)
        elif planned:
            detector = open_planned(arguments.model, arguments.then, replace(planned, stored_conf=arguments.conf))
        else:
            detector = open_detector(arguments.model, arguments.imgsz, arguments.conf, iou, limit, then)
        with ExitStack() as opened:
            opened.callback(detector.end)
            for was_read, line in predict(detector, arguments.images, limit, scan_limit):
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
        pixel_limit=arguments.pixel_limit or PIXEL_LIMIT,
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


if __name__ == "__main__":
    status = main()
    # Threads may still wait for a store or hang in an inference; the interpreter's end would wait or crash on them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
