"""A node's clock jumps while its worker works: no image is called denied or failed, no bound is moved, and the line says clocks.

Wide: `make test-wide`; the last rows of an attempt are offered to the store for half a minute.
"""

import os
import subprocess
import time

import pytest

from pipeline import make_pipeline, worker_command, worker_environment
from seeds import CHOSEN
from shoal.contract.exit_codes import WorkerExit

pytestmark = pytest.mark.skipif(CHOSEN not in os.environ, reason="takes a minute and a half: make test-wide")

CLOCK = """
import pathlib, time
from minio import time as signed
file, true_time, true_utcnow = pathlib.Path({file!r}), time.time, signed.utcnow
def ahead(): return float(file.read_text() or 0)
time.time = lambda: true_time() + ahead()
signed.utcnow = lambda: true_utcnow() + __import__("datetime").timedelta(seconds=ahead())
"""
"""What Python runs first in a process whose clock is to jump: the monotonic clock goes on, as a machine's does.

`libfaketime` does not do it: with DONT_FAKE_MONOTONIC a `time.sleep` fails after a jump (its 0.9.10, OSError 22).
"""


@pytest.fixture
def pipeline(minio, demo_models, scenes, tmp_path):
    """Images in a store that looks at the clock of a request, which is signed with it."""
    made = make_pipeline(minio, demo_models, tmp_path)
    made.put_scenes(scenes[:120])
    return made


class Clock:
    """The clock of processes that are started with its environment."""

    def __init__(self, folder):
        self._file = folder / "ahead_s"
        self._folder = folder
        self.jump(0)
        (folder / "sitecustomize.py").write_text(CLOCK.format(file=str(self._file)), encoding="utf-8")

    def jump(self, seconds):
        self._file.write_text(str(seconds), encoding="utf-8")

    def environment(self, others):
        return {**others, "PYTHONPATH": f"{self._folder}:{others['PYTHONPATH']}"}


@pytest.mark.parametrize("by", [1200, -1200], ids=["ahead", "back"])
def test_a_clock_that_jumps_in_mid_run_leaves_what_is_left_to_a_retry(pipeline, tmp_path, by):
    plan, clock = pipeline.plan(), Clock(tmp_path)
    words = [*worker_command(pipeline.stores, plan, 0), "--progress-interval", "0.1"]
    worker = subprocess.Popen(
        words, env=clock.environment(worker_environment(pipeline.stores)), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while (line := worker.stdout.readline()).startswith("shard 0: 0/"):
        pass
    assert line.startswith("shard 0: "), worker.stderr.read()
    clock.jump(by)
    began = time.monotonic()
    _, said = worker.communicate(timeout=120)
    assert worker.returncode == WorkerExit.INFRASTRUCTURE, said
    assert time.monotonic() - began < 100
    last = said.strip().splitlines()[-1]
    assert "its clock and this machine's, which says " in last
    assert last.endswith("set both by NTP")
    clock.jump(0)
    pipeline.infer(plan)
    done = pipeline.summarize(plan)
    fates = {fate: count for fate, count in done.balance.fates.items() if count}
    assert fates == {"processed": plan.work.images}
