"""The worker as a process, on a real S3 server."""

import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from worker.http_faults import faulty_store, late, passed_on, status
from worker.images import dark_jpeg, one_bit_png, white_jpeg
from worker.onnx_models import constant_model, slow_on_white, stubborn_on_white
from worker.processes import ATTEMPT, RUN_KEY, Workplace


@pytest.fixture
def workplace(running_store, empty_bucket):
    return Workplace(running_store, empty_bucket, constant_model())


def mixed_images():
    good = {f"raw/{number:02}.jpg": dark_jpeg(number) for number in range(5)}
    return good | {"raw/empty.jpg": b"", "raw/half.jpg": dark_jpeg()[:300], "raw/text.jpg": b"no image"}


def last_line(done):
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("transfer", ["direct", "mount"])
def test_every_image_of_a_shard_gets_one_row(workplace, transfer):
    workplace.images = mixed_images()
    workplace.lay_out()
    options = ["--mount", str(workplace.folder)] if transfer == "mount" else []
    done = workplace.work(*options)
    assert done.returncode == WorkerExit.DONE, done.stderr
    rows = workplace.rows()
    assert {key: row["reason"] for key, row in rows.items()} == {
        **{f"raw/{number:02}.jpg": None for number in range(5)},
        "raw/empty.jpg": "empty",
        "raw/half.jpg": "truncated",
        "raw/text.jpg": "not_image",
    }
    assert " 5 processed, 3 failed, 0 changed, 0 gone, 0 denied, 0 open" in last_line(done)
    assert last_line(done).startswith("shard 0: 8 images in ")
    good = rows["raw/00.jpg"]
    assert (good["width"], good["height"], good["max_det_reached"]) == (64, 48, False)
    assert (good["run_key"], good["attempt"], good["version_checked"]) == (RUN_KEY, ATTEMPT, True)
    assert [box["class_id"] for box in good["detections"]] == [0]
    assert 0 < good["seconds"] < 10
    assert rows["raw/half.jpg"]["detections"] is None
    assert len(rows["raw/half.jpg"]["content_sha256"]) == 64


def test_changed_and_gone_images_have_a_row_that_says_so(workplace):
    workplace.images = {name: dark_jpeg() for name in ("etag.jpg", "gone.jpg", "same.jpg", "size.jpg")}
    workplace.listed = {"etag.jpg": {"object_version": "0" * 32}, "size.jpg": {"size_bytes": 3}}
    workplace.lay_out()
    (workplace.folder / "gone.jpg").unlink()
    done = workplace.work()
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert workplace.statuses() == {
        "etag.jpg": "changed",
        "gone.jpg": "gone",
        "same.jpg": "processed",
        "size.jpg": "changed",
    }
    assert "1 processed, 0 failed, 2 changed, 1 gone, 0 denied, 0 open" in last_line(done)


@pytest.mark.parametrize(
    ("limit", "status", "reason"),
    [
        pytest.param(100_000_000, "failed", "too_large", id="by default"),
        pytest.param(108_000_000, "processed", None, id="model.pixel_limit raised"),
    ],
)
def test_a_camera_of_108_megapixels_needs_a_limit_that_says_so(workplace, limit, status, reason):
    workplace.model = constant_model()
    workplace.images = {"phone.png": one_bit_png(12_000, 9_000)}
    inference = replace(Inference(imgsz=(640, 640), rect=True), pixel_limit=limit)
    workplace.job = {"inference": inference.to_json()}
    workplace.lay_out()
    done = workplace.work()
    assert done.returncode == WorkerExit.DONE, done.stderr
    row = workplace.rows()["phone.png"]
    assert (row["status"], row["reason"], row["width"], row["height"]) == (status, reason, 12_000, 9_000)


def test_an_object_too_large_to_be_an_image_is_not_fetched(workplace):
    workplace.images = {"film.jpg": dark_jpeg()}
    workplace.listed = {"film.jpg": {"size_bytes": 10**12}}
    workplace.lay_out()
    workplace.work()
    assert workplace.rows()["film.jpg"]["reason"] == "too_large"


def test_a_shard_without_images_is_done(workplace):
    workplace.lay_out()
    done = workplace.work()
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert last_line(done).endswith("0 processed, 0 failed, 0 changed, 0 gone, 0 denied, 0 open")
    assert workplace.parts() == []


def test_the_manifest_of_a_repeated_shard_can_be_named(workplace):
    workplace.images = {"a.jpg": dark_jpeg(), "b.jpg": dark_jpeg()}
    workplace.lay_out()
    del workplace.images["a.jpg"]
    workplace.write_manifest(workplace.folder / workplace.run.remaining(0, ATTEMPT))
    workplace.work("--manifest", workplace.run.remaining(0, ATTEMPT))
    assert workplace.statuses() == {"b.jpg": "processed"}


def test_no_image_is_begun_after_the_budget(workplace):
    workplace.images = {f"{number:02}.jpg": dark_jpeg() for number in range(20)}
    workplace.job = {"budget_s": 0.0}
    workplace.lay_out()
    done = workplace.work()
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert last_line(done).endswith("0 processed, 0 failed, 0 changed, 0 gone, 0 denied, 20 open")


def test_parts_are_written_while_the_shard_goes_on(workplace):
    workplace.model = constant_model()
    workplace.images = {f"{number:03}.jpg": dark_jpeg(number) for number in range(60)}
    workplace.job = {"part_interval_s": 0.05}
    workplace.lay_out()
    done = workplace.work("--progress-interval", "0.05")
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert len(workplace.parts()) > 1
    assert len(workplace.rows()) == 60
    progress = done.stdout.splitlines()[:-1]
    assert progress
    assert all(line.startswith("shard 0: ") and "/60 images, " in line and ", ETA " in line for line in progress)


def test_too_many_failed_images_end_the_shard_with_its_part_written(workplace, tmp_path):
    workplace.images = {f"{number:03}.jpg": dark_jpeg(number)[:200] for number in range(300)}
    workplace.lay_out()
    (tmp_path / "termination-log").touch()
    # Not so fast that all are read before the judge, a thread like others, gets a processor.
    with faulty_store(late(0.05, passed_on(workplace.store.access.endpoint_url))) as (endpoint_url, _):
        done = workplace.work(
            SHOAL_SOURCE_ENDPOINT_URL=endpoint_url, SHOAL_TERMINATION_LOG=str(tmp_path / "termination-log")
        )
    assert done.returncode == WorkerExit.TOO_MANY_FAILED
    assert 100 <= len(workplace.rows()) < 300
    reason = (tmp_path / "termination-log").read_text()
    assert (
        said := re.match(r"(\d+) of \1 images of shard 0 failed, tolerated are 50% - look at their reasons", reason)
    )
    assert 100 <= int(said[1]) < 300  # 50, a sample of 50, and what was on its way meanwhile
    assert reason.strip() in done.stderr


def test_a_broken_folder_in_front_does_not_block_what_lies_behind_it(workplace):
    """Its images fail, are counted, and the shard goes on: images from all over it are as they should be."""
    broken = {f"card1/{number:03}.jpg": dark_jpeg(number)[:200] for number in range(60)}
    workplace.images = {**broken, **{f"card2/{number:03}.jpg": dark_jpeg(number) for number in range(75)}}
    workplace.lay_out()
    assert workplace.work().returncode == WorkerExit.DONE
    assert Counter(workplace.statuses().values()) == {"failed": 60, "processed": 75}


def test_failures_below_the_tolerated_share_do_not_end_it(workplace):
    workplace.images = {f"{number:03}.jpg": b"no image" if number % 3 else dark_jpeg() for number in range(90)}
    workplace.job = {"tolerated_failed_share": 0.7}
    workplace.lay_out()
    assert workplace.work().returncode == WorkerExit.DONE
    assert len(workplace.rows()) == 90


def test_unreachable_images_get_no_row_and_the_exit_says_so(workplace):
    workplace.images = {"a.jpg": dark_jpeg(), "b.jpg": dark_jpeg()}
    workplace.lay_out()
    (workplace.folder / "b.jpg").unlink()
    (workplace.folder / "b.jpg").symlink_to("b.jpg")  # the file system answers, but with an error
    done = workplace.work("--mount", str(workplace.folder))
    assert done.returncode == WorkerExit.INFRASTRUCTURE
    assert workplace.statuses() == {"a.jpg": "processed"}
    assert "1 image of shard 0 has no row because store, mount or memory failed - a retry takes it" in done.stderr
    assert last_line(done).endswith("1 processed, 0 failed, 0 changed, 0 gone, 0 denied, 1 open")


def test_a_store_that_is_down_ends_the_shard_early(workplace):
    workplace.images = {f"{number:03}.jpg": dark_jpeg() for number in range(200)}
    workplace.lay_out()
    with faulty_store(late(0.2, status(404, "", "text/html"))) as (endpoint_url, requests):
        done = workplace.work(SHOAL_SOURCE_ENDPOINT_URL=endpoint_url)
        # 20, 8 from elsewhere, and what was fetched while the judge read the first of them: how much, the machine decides
        assert 28 <= len(requests) < 200 / 2
    assert done.returncode == WorkerExit.INFRASTRUCTURE
    assert workplace.rows() == {}
    assert (
        "have no row because store, mount or memory failed - a retry takes them; the last said: Request for bucket"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"job": {"model_sha256": "0" * 64}}, "the plan was made for 000000000000", id="a replaced model"),
        pytest.param({"job": {"model_key": "m.onnx"}}, "No object 'm.onnx' in bucket", id="a missing model"),
        pytest.param({"job": {"source_bucket": "nowhere"}}, "No bucket 'nowhere'", id="a missing bucket"),
        pytest.param({"model": b"PK\x03\x04"}, "is a ZIP archive", id="a model that is none"),
        pytest.param({"job": {"budget": 1}}, "plan.json holds no valid job", id="a plan of another kind"),
    ],
)
def test_a_wrong_configuration_ends_it_with_one_line(workplace, change, message, tmp_path):
    workplace.images = {"a.jpg": dark_jpeg()}
    for name, value in change.items():
        setattr(workplace, name, value)
    workplace.lay_out()
    (tmp_path / "termination-log").touch()
    done = workplace.work(SHOAL_TERMINATION_LOG=str(tmp_path / "termination-log"))
    assert done.returncode == WorkerExit.CONFIG, done.stderr
    assert message in (tmp_path / "termination-log").read_text()
    assert "Traceback" not in done.stderr


def test_a_manifest_of_two_gigabytes_costs_neither_memory_nor_disk(workplace, tmp_path):
    workplace.images = {"a.jpg": dark_jpeg()}
    workplace.lay_out()
    os.truncate(workplace.folder / workplace.run.manifest, 2 * 1024**3)
    measured = ["/usr/bin/env", "python3", "-c", _PEAK, *workplace.command()]
    done = subprocess.run(
        measured, env=workplace.env(TMPDIR=str(tmp_path)), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == WorkerExit.CONFIG, done.stderr
    line = (
        f"Object '{workplace.run.manifest}' of bucket '{workplace.bucket}' is not read: it has 2,048.0 MiB, and 1 MiB are "
        "the most of its kind, for as many images as plan.json names - plan the run again"
    )
    assert line in done.stderr
    assert int(done.stdout.split()[-1]) < 500_000, "kB"


_PEAK = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def test_missing_credentials_are_named(workplace):
    workplace.lay_out()
    done = workplace.work(SHOAL_RESULTS_ACCESS_KEY="wrongkey12345")
    assert done.returncode == WorkerExit.CONFIG
    assert "denied" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "model", [pytest.param(slow_on_white, id="cancellable"), pytest.param(stubborn_on_white, id="stubborn")]
)
def test_a_signal_amid_a_slow_inference_leaves_with_the_part_written(workplace, model, number):
    workplace.model = model()
    workplace.images = {f"{n:02}.jpg": dark_jpeg(n) for n in range(9)} | {"10.jpg": white_jpeg(), "11.jpg": dark_jpeg()}
    workplace.lay_out()
    worker = start(workplace)
    finished = wait_until_it_stands_still(worker)
    started = time.monotonic()
    worker.send_signal(number)
    out, err = worker.communicate(timeout=60)
    assert time.monotonic() - started < 15, "on a busy machine, too"
    assert worker.returncode == WorkerExit.STOPPED, err
    statuses = workplace.statuses()
    assert "10.jpg" not in statuses
    assert finished <= len(statuses)
    assert set(statuses.values()) == {"processed"}
    story = f"{len(statuses)} processed, 0 failed, 0 changed, 0 gone, 0 denied, {11 - len(statuses)} open"
    assert out.splitlines()[-1].endswith(story)
    assert f"Stopped by {number.name} - the images left are open" in err


def test_a_worker_whose_reader_has_gone_leaves_with_the_part_written(workplace):
    workplace.model = slow_on_white()
    # The last one never ends, so that it is at work however late the reader goes.
    workplace.images = {f"{n:03}.jpg": dark_jpeg(n) for n in range(400)} | {"400.jpg": white_jpeg()}
    workplace.lay_out()
    worker = start(workplace)
    while not re.search(r"shard 0: [1-9]\d*/", worker.stdout.readline()):
        pass  # on a busy machine the first line says that there is none yet
    worker.stdout.close()
    worker.stderr.close()
    assert worker.wait(timeout=60) == WorkerExit.STOPPED
    finished = set(workplace.statuses().values())
    assert finished == {"processed"}
    assert len(workplace.rows()) < len(workplace.images)


def test_a_signal_while_the_store_hangs_leaves_all_the_same(workplace):
    workplace.model = slow_on_white()
    workplace.images = {f"{n:02}.jpg": dark_jpeg(n) for n in range(9)} | {"10.jpg": white_jpeg()}
    workplace.lay_out()
    plan, manifest, model = (
        (workplace.folder / key).read_bytes()
        for key in (workplace.run.plan, workplace.run.manifest, "models/model.onnx")
    )
    held = threading.Event()

    def hang_on_put(handler, _number):
        if handler.command == "PUT":
            held.wait(90)
        body = plan if handler.path.endswith("plan.json") else manifest if "manifest" in handler.path else model
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with faulty_store(hang_on_put) as (endpoint_url, _):
        worker = start(workplace, SHOAL_RESULTS_ENDPOINT_URL=endpoint_url)
        wait_until_it_stands_still(worker)
        started = time.monotonic()
        worker.terminate()
        _, err = worker.communicate(timeout=60)
        elapsed = time.monotonic() - started
        held.set()
    assert elapsed < 15, "on a busy machine, too"
    assert worker.returncode == WorkerExit.STOPPED
    assert "Stopped by SIGTERM: the store did not take the last part within 4.5 s" in err


def start(workplace, **extra_env) -> subprocess.Popen:
    command = workplace.command("--progress-interval", "0.1")
    env = workplace.env(**extra_env)
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_it_stands_still(worker) -> int:
    """Read progress lines until the slow image has the model; returns how many images were finished before, or on a busy machine
    some of them."""
    counts = []
    for line in worker.stdout:
        counts.append(int(line.removeprefix("shard 0: ").split("/")[0]))
        if counts[-1] > 0 and counts[-5:] == [counts[-1]] * 5:
            return counts[-1]
    raise AssertionError(f"the worker ended: {worker.stderr.read()}")


def test_side_files_in_front_of_photos_do_not_end_the_shard(workplace):
    workplace.model = constant_model()
    workplace.images = {
        **{f"._{number:03}.jpg": b"\0\5\x16\7\0\2\0\0Mac OS X" for number in range(60)},
        **{f"{number:03}.jpg": dark_jpeg(number) for number in range(60)},
    }
    workplace.lay_out()
    done = workplace.work()
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert "60 processed, 60 failed" in last_line(done)
