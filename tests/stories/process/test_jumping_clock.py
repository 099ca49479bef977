"""A machine's clock is stepped while a worker is at its shard: time boxes are monotonic, and a store's refusal is no bad image.

Wide where the store refuses: half a minute each, so `SHOAL_SEEDS` has to be set, as `make test-wide` does.
"""

import os
import subprocess

import pytest

from jumping_clock import JumpingClock
from pipeline import make_pipeline, worker_command, worker_environment
from seeds import CHOSEN
from shoal.contract.exit_codes import WorkerExit

IMAGES = 40
MINUTES, HOURS, A_YEAR = 600, 6 * 3600, 366 * 86400
wide = pytest.mark.skipif(CHOSEN not in os.environ, reason="wide: make test-wide")


@pytest.fixture
def pipelines_of(demo_models, scenes, tmp_path):
    """One shard of forty images, in a store."""

    def make(store):
        made = make_pipeline(store, demo_models, tmp_path, cluster={"share": 1.0, "max_pods": 1}, run={"budget": "10m"})
        made.put_scenes(scenes[:IMAGES])
        return made

    return make


def work_while_it_jumps(pipeline, plan, clock, jump_s):
    """Run a worker whose clock jumps when it has begun; returns its exit and what it said."""
    process = subprocess.Popen(
        worker_command(pipeline.stores, plan, 0, progress_interval_s=0.05),
        env=worker_environment(pipeline.stores) | clock.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while "shard 0: 0/" in (line := process.stdout.readline()):
        pass
    clock.jump(jump_s)
    said = line + process.stdout.read()
    return process.wait(timeout=60), said


@pytest.mark.parametrize("jump_s", [MINUTES, -MINUTES], ids=["ahead of its time box", "back"])
def test_a_step_of_minutes_changes_nothing(store, pipelines_of, tmp_path, jump_s):
    pipeline, clock = pipelines_of(store), JumpingClock.make(tmp_path)
    plan = pipeline.plan()
    code, said = work_while_it_jumps(pipeline, plan, clock, jump_s)
    assert (code, f"{IMAGES} processed" in said) == (WorkerExit.DONE, True), said
    assert pipeline.summarize(plan).balance.complete


@wide
@pytest.mark.parametrize("jump_s", [HOURS, -HOURS, A_YEAR], ids=["hours ahead", "hours back", "a year ahead"])
def test_a_step_that_the_store_refuses_is_told_and_costs_an_attempt(minio, pipelines_of, tmp_path, jump_s):
    pipeline, clock = pipelines_of(minio), JumpingClock.make(tmp_path)
    plan = pipeline.plan()
    code, said = work_while_it_jumps(pipeline, plan, clock, jump_s)
    assert code == WorkerExit.INFRASTRUCTURE, said
    assert "its clock and this machine's, which says" in said
    assert "are too far apart - set both by NTP" in said
    clock.jump(0)
    pipeline.infer(plan)
    done = pipeline.summarize(plan)
    assert done.balance.fates["processed"] == IMAGES
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()
