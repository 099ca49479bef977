"""What make does around the commands of a checkout: Ctrl-C is no error of its, and a failure is."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

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
time.sleep(30)
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
    return subprocess.Popen(
        ["make", *words], cwd=checkout, env=alone, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )  # fmt: skip


@pytest.mark.parametrize("target", ["demo", "up"])
def test_ctrl_c_reaches_the_command_once_and_is_no_error(checkout, target):
    make = start(checkout, target)
    assert make.stdout.readline() == "at work\n"
    os.killpg(make.pid, signal.SIGINT)  # as a terminal does
    said, _ = make.communicate(timeout=20)
    assert said == "stopped by SIGINT\n"


def test_a_signal_to_make_alone_is_handed_on(checkout):
    make = start(checkout, "up")
    assert make.stdout.readline() == "at work\n"
    time.sleep(0.2)  # the shell says what it does at a signal after it has started the command
    make.send_signal(signal.SIGTERM)
    assert make.communicate(timeout=20)[0].startswith("stopped by SIGTERM\n")


def test_a_command_that_fails_fails_make(checkout):
    make = start(checkout, "up", "PORT=9")
    assert "Error 2" in make.communicate(timeout=20)[0]
    assert make.returncode == 2
