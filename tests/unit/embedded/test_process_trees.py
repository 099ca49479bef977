"""What a killed command left running is found by its mark and ended; nothing else is."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from shoal.embedded.home import OWNER_VARIABLE
from shoal.embedded.processes.process_trees import end_family, end_leftovers, family_of

PARENT = "import subprocess, time; subprocess.Popen(['sleep', '60'], env={}); print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def started():
    """Starts a Python program with a mark; all are killed in the end."""
    processes = []

    def start(program, mark):
        environment = {**os.environ, OWNER_VARIABLE: str(mark)}
        process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    end_family(family_of(process.pid for process in processes), 0)
    for process in processes:
        process.communicate()


def test_the_marked_and_their_children_are_ended_and_nothing_else(started, tmp_path):
    marked, other = started(PARENT, tmp_path / "mine"), started(PARENT, tmp_path / "another")
    (child,) = psutil.Process(marked.pid).children()
    ended = end_leftovers(tmp_path / "mine")
    assert set(ended) == {marked.pid, child.pid}
    assert not child.is_running()
    assert other.poll() is None
    assert len(psutil.Process(other.pid).children()) == 1


def test_what_ignores_the_order_is_killed(started, tmp_path):
    process = started(STUBBORN, tmp_path)
    begun = time.monotonic()
    end_family(family_of([process.pid]), 0.5)
    assert not psutil.pid_exists(process.pid)
    assert time.monotonic() - begun < 30, "it would sleep for a minute"


def test_without_leftovers_nothing_is_done(tmp_path):
    assert end_leftovers(tmp_path) == []
