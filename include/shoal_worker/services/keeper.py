"""Ends a service with the worker that started it, however that ends: `python -I keeper.py COMMAND…`, a pipe as its input.

Nothing of Shoal is imported, so that it starts at once. While the worker lives it holds the other end of the pipe; a worker that
is killed cannot clean up, and its pipe is closed all the same.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE_S = 1.0
"""Between SIGTERM and SIGKILL: a worker itself has five seconds."""

FIRST_TO_GO = "500"
"""Where memory runs out, the service is chosen and not the worker, which tells what happened."""


def _prctl(option: int, value: int) -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux
        prctl(option, value, 0, 0, 0)


def _prepare_service() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")


def _children() -> list[int]:
    """Find the processes that are ours, or became so when their own parents ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        for send in (os.killpg, os.kill):  # most lead no group
            try:
                send(pid, number)
            except OSError:
                continue


def _end_all(service: int) -> None:
    _signal([service], signal.SIGTERM)
    gives_up = time.monotonic() + GRACE_S
    while time.monotonic() < gives_up and _children():
        time.sleep(0.02)
    _kill_all(service)


def _kill_all(service: int) -> None:
    """Kill until none is left: whose parent is killed becomes ours."""
    with suppress(OSError):
        os.killpg(service, signal.SIGKILL)
    while children := _children():
        _signal(children, signal.SIGKILL)
        time.sleep(0.02)


def main(command: list[str]) -> int:
    """Run a command; returns its exit status as a shell would."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        service = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_prepare_service,  # noqa: PLW1509 - there is one thread yet
        )
    except OSError as err:
        print(f"{command[0]!r} cannot be started: {err.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        return 127

    def wait_for_worker() -> None:
        while os.read(0, 1):
            pass
        _end_all(service.pid)

    def end(*_: object) -> None:
        threading.Thread(target=_end_all, args=(service.pid,), daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=wait_for_worker, daemon=True).start()
    status = 0
    while True:
        pid, status = os.wait()
        if pid == service.pid:
            break
    _kill_all(service.pid)
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
