"""Whom a crash is blamed on: the image that was named, if it is still open, and nobody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import INCLUDE, run_worker
from shoal.contract.errors import ConfigError, MovedError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.worker_command import WorkerCommand
from shoal.shards import crashes
from shoal.shards.crashes import Aftermath, ShardAttempt, has_crashed, settle_crash
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import hungry_on_white
from worker.processes import md5

HOW = "Worker of shard 0 was killed by SIGSEGV"


def name(pipeline, plan, key, data):
    """Name an image as a careful worker does, then crash."""
    crashed = ShardAttempt(layout_of(pipeline, plan), plan.run_key, 0, "crashed1")
    named = {
        "format_version": 1,
        "key": key,
        "object_version": md5(data),
        "size_bytes": len(data),
        "worker_version": "0.1.0",
    }
    pipeline.stores.results.write_json(trying(crashed), named)
    return crashed


def trying(crashed):
    return crashed.layout.run(crashed.run_key).trying(crashed.shard, crashed.attempt)


def layout_of(pipeline, plan):
    return pipeline.stores.layout.variant(plan.variant.directory)


def test_the_named_image_gets_a_row_like_any_other(few_images):
    few_images.put("poison.jpg", b"poison")
    plan = few_images.plan()
    crashed = name(few_images, plan, "poison.jpg", b"poison")
    results = few_images.stores.results
    assert not has_crashed(results, crashed.layout, plan.run_key, 0)
    assert settle_crash(results, crashed, HOW, "killed by SIGSEGV") == Aftermath("poison.jpg", got_on=True)
    assert has_crashed(results, crashed.layout, plan.run_key, 0)
    assert results.find_json(trying(crashed)) is None
    done = few_images.summarize(plan)
    row = few_images.rows(done)["poison.jpg"]
    assert (row["status"], row["reason"], row["size_bytes"]) == ("failed", "killed_worker", 6)
    assert row["detail"] == "killed by SIGSEGV"
    assert (row["run_key"], row["worker_version"], row["detections"]) == (plan.run_key, "0.1.0", None)
    assert row["attempt"] != "crashed1"
    assert few_images.verify(plan.run_key, plan.variant.directory).deviations == ()


def test_a_named_image_that_another_worker_has_done_is_not_blamed(few_images):
    few_images.put("bad.jpg", b"no image")
    plan = few_images.plan()
    few_images.infer(plan)
    crashed = name(few_images, plan, "bad.jpg", b"no image")
    assert settle_crash(few_images.stores.results, crashed, HOW) == Aftermath(None, got_on=False)
    assert few_images.rows(few_images.summarize(plan))["bad.jpg"]["reason"] == "not_image"


def test_a_crash_before_any_image_was_named_blames_nobody(few_images):
    plan = few_images.plan()
    crashed = ShardAttempt(layout_of(few_images, plan), plan.run_key, 0, "crashed1")
    assert settle_crash(few_images.stores.results, crashed, HOW) == Aftermath(None, got_on=False)
    assert has_crashed(few_images.stores.results, crashed.layout, plan.run_key, 0)


def test_a_crash_after_a_part_got_on(few_images):
    plan = few_images.plan()
    run_worker(few_images.stores, plan, 0)
    [part] = few_images.stores.results.list_keys(layout_of(few_images, plan).parts)
    crashed = ShardAttempt(layout_of(few_images, plan), plan.run_key, 0, part.rsplit("-", 2)[1])
    assert settle_crash(few_images.stores.results, crashed, HOW) == Aftermath(None, got_on=True)


def test_rows_that_moved_while_the_share_was_judged_are_read_again_and_the_image_is_blamed_once(
    few_images, monkeypatch
):
    judge, moved = crashes._check_failed_share, [MovedError("a ledger went")]

    def once(database, crashed):
        if moved:
            raise moved.pop()
        judge(database, crashed)

    monkeypatch.setattr(crashes, "_check_failed_share", once)
    few_images.put("poison.jpg", b"kills")
    plan = few_images.plan()
    crashed = name(few_images, plan, "poison.jpg", b"kills")
    assert settle_crash(few_images.stores.results, crashed, HOW) == Aftermath("poison.jpg", got_on=True)
    parts = few_images.stores.results.list_keys(crashed.layout.parts)
    assert len(parts) == 1


def test_poison_images_count_into_the_share_that_stops_a_shard(pipelines):
    """Forty-nine are broken, and the fiftieth ends the worker: the operator judges what the worker cannot."""
    pipeline = pipelines(cluster={"share": 1.0, "max_pods": 1})
    for number in range(49):
        pipeline.put(f"{number:02}.jpg", dark_jpeg(number)[:200])
    pipeline.put("49.jpg", b"no image")
    plan = pipeline.plan()
    pipeline.put("49.jpg", b"not the listed one")  # its row says `changed` and settles nothing
    assert run_worker(pipeline.stores, plan, 0).returncode == WorkerExit.DONE
    crashed = name(pipeline, plan, "49.jpg", b"no image")
    with pytest.raises(ConfigError, match=r"50 of 50 images of shard 0 failed, tolerated are 50%; the last one killed"):
        settle_crash(pipeline.stores.results, crashed, HOW)
    done = pipeline.summarize(plan)
    assert done.balance.fates["failed"] == 50
    assert pipeline.stores.results.list_keys(crashed.layout.run(plan.run_key).tries) == []


def test_a_folder_of_broken_files_in_front_of_many_others_stops_no_shard_that_crashes(pipelines):
    """The worker would look elsewhere before it judges; one that is killed in that folder has no time for it."""
    pipeline = pipelines(cluster={"share": 1.0, "max_pods": 1})
    for number in range(50):
        pipeline.put(f"broken/{number:02}.jpg", dark_jpeg(number)[:200])
    good = [f"good/{number:02}.jpg" for number in range(60)]
    for key in [*good, "broken/poison.jpg"]:
        pipeline.put(key, b"poison")
    plan = pipeline.plan()
    pipeline.stores.source.delete([*good, "broken/poison.jpg"])  # so that no row tells of them
    # Whether the worker still had some of them on its way when the fiftieth was broken is a matter of time: it has rows of all fifty.
    assert run_worker(pipeline.stores, plan, 0).returncode in {WorkerExit.DONE, WorkerExit.TOO_MANY_FAILED}
    crashed = name(pipeline, plan, "broken/poison.jpg", b"poison")
    assert settle_crash(pipeline.stores.results, crashed, HOW).blamed_key == "broken/poison.jpg"


@pytest.fixture
def small_memory(request):
    """A control group with 1 GB of memory; yields the command prefix that enters it."""
    version_1 = Path("/sys/fs/cgroup/memory")
    root, limit = (version_1, "memory.limit_in_bytes") if version_1.exists() else (version_1.parent, "memory.max")
    group = root / f"shoal-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(1024**3))
    except OSError as err:
        pytest.skip(f"a worker that runs out of memory is not tested: no right to make a control group ({err})")
    yield ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]
    group.rmdir()


def test_a_process_killed_for_want_of_memory_has_crashed(pipelines, store, small_memory, tmp_path):
    from pipeline import make_pipeline

    pipeline = make_pipeline(store, {"v1": hungry_on_white()}, tmp_path)
    pipeline.put("white.jpg", white_jpeg())
    plan = pipeline.plan()
    run = layout_of(pipeline, plan).run(plan.run_key)
    program = (
        "import os, sys\n"
        "from shoal.contract.worker_command import WorkerCommand\n"
        "from shoal.engines.local.process import WorkerProcess\n"
        "credentials = {name: value for name, value in os.environ.items() if name.startswith('SHOAL_')}\n"
        "worker = WorkerProcess.start(WorkerCommand.parse(sys.argv[1:]), credentials)\n"
        "while (line := worker.read_line()) is not None:\n"
        "    print(line)\n"
        "raise worker.verdict()"
    )
    command = WorkerCommand(pipeline.stores.results.bucket, run.plan, 0, "a1234567", careful=True)
    ended = subprocess.run(
        [*small_memory, sys.executable, "-c", program, *command.to_words()],
        env={**os.environ, "PYTHONPATH": str(INCLUDE), **pipeline.stores.worker_env()},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "WorkerCrashError: Worker of shard 0 ran out of memory - lower cluster.share" in ended.stderr
    crashed = ShardAttempt(layout_of(pipeline, plan), plan.run_key, 0, "a1234567")
    assert settle_crash(pipeline.stores.results, crashed, HOW) == Aftermath("white.jpg", got_on=True)
