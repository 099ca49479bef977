"""What make does around the commands of a checkout: Ctrl-C is no error of its, and a failure is."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from waiting import wait_until

ROOT = Path(__file__).parents[3]
PROGRAM = """\
#!/bin/sh
case "$*" in *--port\\ 9*) exit 2;; esac
exec {python} -c '
import signal, sys, time
def stop(number, frame):
    print("stopped by", signal.Signals(number).name, flush=True)
    sys.exit(130)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, stop)
print("at work", flush=True)
time.sleep(120)
'
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose environment is made, and holds a program that works until it is stopped."""
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    for path in (tmp_path / ".shoal/tools/bin/uv", tmp_path / ".venv/bin/python", tmp_path / ".venv/.demo"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROGRAM.format(python=shutil.which("python3")))
        path.chmod(0o755)
    return tmp_path


def start(checkout, *words):
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    # As in a terminal: what a script starts beside itself, such as a lane of CI, ignores Ctrl-C, and no shell below minds it again.
    return subprocess.Popen(
        ["env", "--default-signal=INT", "make", *words], cwd=checkout, env=alone, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def minds_signals(make):
    """Whether the shell that waits for the command has said what it does at a signal: on a busy machine after that is at work."""
    [shell] = psutil.Process(make.pid).children()
    told = Path(f"/proc/{shell.pid}/status").read_text(encoding="utf-8")
    [caught] = [int(line.split()[1], 16) for line in told.splitlines() if line.startswith("SigCgt:")]
    return all(caught >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM))


@pytest.mark.parametrize("target", ["demo", "up"])
def test_ctrl_c_reaches_the_command_once_and_is_no_error(checkout, target):
    make = start(checkout, target)
    assert make.stdout.readline() == "at work\n"
    wait_until(lambda: minds_signals(make))
    os.killpg(make.pid, signal.SIGINT)  # as a terminal does
    said, _ = make.communicate(timeout=60)
    assert said == "stopped by SIGINT\n"


def test_a_signal_to_make_alone_is_handed_on(checkout):
    make = start(checkout, "up")
    assert make.stdout.readline() == "at work\n"
    wait_until(lambda: minds_signals(make))
    make.send_signal(signal.SIGTERM)
    assert make.communicate(timeout=60)[0].startswith("stopped by SIGTERM\n")


def test_a_command_that_fails_fails_make(checkout):
    make = start(checkout, "up", "PORT=9")
    assert "Error 2" in make.communicate(timeout=60)[0]
    assert make.returncode == 2
