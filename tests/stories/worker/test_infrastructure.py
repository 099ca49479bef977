"""Whatever fails between an image and its worker is never said of the image: it has no row, and a retry takes it (G7)."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from shoal.contract.exit_codes import WorkerExit
from worker.http_faults import after, cut, faulty_store, late, of, passed_on, status
from worker.images import dark_jpeg
from worker.onnx_models import constant_model
from worker.processes import Workplace, worker_env

GOOD = [f"{n:02}.jpg" for n in range(8)]


@pytest.fixture
def workplace(running_store, empty_bucket):
    """Nine images; the last one is the one that things happen to."""
    made = Workplace(running_store, empty_bucket, constant_model())
    made.images = {key: dark_jpeg(n) for n, key in enumerate([*GOOD, "odd.jpg"])}
    made.lay_out()
    return made


def real(workplace):
    return passed_on(workplace.store.access.endpoint_url)


def work(workplace, answer, role="SOURCE", **environment):
    with faulty_store(answer) as (endpoint_url, _):
        return workplace.work(**{f"SHOAL_{role}_ENDPOINT_URL": endpoint_url, **environment})


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(503, "SlowDown"), id="overloaded"),
        pytest.param(status(500, "InternalError", "text/plain"), id="broken"),
        pytest.param(status(504, "", "text/html"), id="a gateway that gave up"),
        pytest.param(status(403, "", "text/html"), id="denied by a proxy"),
        pytest.param(status(403, "RequestTimeTooSkewed"), id="clocks apart"),
        pytest.param(status(404, "", "text/html"), id="a page not found"),
        pytest.param(cut(dark_jpeg(8), keep=100), id="a body that breaks off"),
        pytest.param(cut(dark_jpeg(8), keep=100, announce=False), id="a body that breaks off, of unknown length"),
        pytest.param(cut(dark_jpeg(8), keep=0), id="no body"),
    ],
)
def test_an_object_that_stays_out_of_reach_has_no_row_and_the_others_have(workplace, fault):
    done = work(workplace, of("odd.jpg", fault, real(workplace)))
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stderr
    assert workplace.statuses() == dict.fromkeys(GOOD, "processed")
    assert "1 image of shard 0 has no row because store, mount or memory failed - a retry takes it" in done.stderr


def test_an_object_that_is_denied_while_others_are_read_has_a_row_that_says_so(workplace):
    done = work(workplace, of("odd.jpg", status(403, "AccessDenied"), real(workplace)))
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert workplace.statuses() == {**dict.fromkeys(GOOD, "processed"), "odd.jpg": "denied"}
    assert "denied (AccessDenied)" in workplace.rows()["odd.jpg"]["detail"]


def test_a_slow_store_is_waited_for(workplace):
    done = work(workplace, late(1.0, real(workplace)))
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert len(workplace.rows()) == 9


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"])
def test_a_login_that_ends_in_mid_run_leaves_what_is_left_to_a_retry(workplace, code):
    workplace.images |= {f"more{n:02}.jpg": dark_jpeg(n) for n in range(60)}
    workplace.lay_out()
    done = work(workplace, after(10, status(403, code), real(workplace)))
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stderr
    assert set(workplace.statuses().values()) == {"processed"}
    assert 1 <= len(workplace.rows()) <= 10
    assert f"denied ({code})" in done.stderr


def test_a_login_that_was_never_good_is_not_tried_again(workplace):
    done = work(workplace, status(403, "InvalidAccessKeyId"))
    assert done.returncode == WorkerExit.CONFIG, done.stderr
    assert workplace.rows() == {}


IMPATIENT = """
from functools import partial

from shoal_worker import assemble

assemble.Limits = partial(assemble.Limits, last_write_pauses_s=(0.1, 0.2))
assemble.MountSource = partial(assemble.MountSource, pauses_s=(0.1, 0.2, 0.4))
"""


@pytest.fixture
def impatient(tmp_path):
    """The environment of workers that wait for a store or a sidecar that comes back as long as a test does, not for half a minute."""
    (tmp_path / "sitecustomize.py").write_text(IMPATIENT)
    return {"PYTHONPATH": f"{tmp_path}:{worker_env()['PYTHONPATH']}"}


def test_a_results_login_that_ends_in_mid_run_is_retried_with_a_new_one(workplace, impatient):
    def refuse(handler, number):
        (status(403, "ExpiredToken") if handler.command == "PUT" else real(workplace))(handler, number)

    done = work(workplace, refuse, "RESULTS", **impatient)
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stderr
    assert "9 rows are lost: Access to bucket" in done.stderr
    assert workplace.rows() == {}


def test_a_store_that_is_down_for_parts_of_the_run_costs_nothing(workplace):
    """Parts that were not taken wait for the next one."""
    refused = []

    def refuse_twice(handler, number):
        if handler.command == "PUT" and len(refused) < 8:  # the client itself asks five times
            refused.append(number)
            status(503, "SlowDown")(handler, number)
        else:
            real(workplace)(handler, number)

    done = work(workplace, refuse_twice, "RESULTS")
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert len(workplace.rows()) == 9


@pytest.fixture
def mounted(workplace, tmp_path):
    """The bucket, mounted as a pod's sidecar does, from a store that takes its time: nobody is through before the mount dies.

    Yields the folder and the process that mounts it.
    """
    with faulty_store(late(0.05, real(workplace))) as (endpoint_url, _):
        yield from mounted_from(replace(workplace.store.access, endpoint_url=endpoint_url), workplace.bucket, tmp_path)


def mounted_from(access, bucket, tmp_path):
    folder = tmp_path / "mount"
    folder.mkdir()
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("rclone")), "mount", f":s3:{bucket}", str(folder), "--read-only",
            "--config", "/dev/null", "--vfs-cache-mode", "off", "--buffer-size", "0", "--s3-provider", "Minio",
        ],
        env={
            **os.environ, "RCLONE_S3_ENDPOINT": access.endpoint_url, "RCLONE_S3_ACCESS_KEY_ID": access.access_key,
            "RCLONE_S3_SECRET_ACCESS_KEY": access.secret_key,
        },
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not os.path.ismount(folder) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if not os.path.ismount(folder):
        process.kill()
        pytest.skip(f"a mount that dies is not tested: no right to mount ({process.stderr.read().strip()})")
    yield folder, process
    process.kill()
    process.wait()
    subprocess.run(["umount", "--lazy", folder], check=False)


def test_a_mount_that_dies_in_mid_run_costs_no_image(workplace, mounted, impatient):
    """ENOTCONN: the folder is there, and nothing in it can be read."""
    folder, process = mounted
    workplace.images |= {f"more{n:03}.jpg": dark_jpeg(n % 9) for n in range(300)}
    workplace.lay_out()
    worker = subprocess.Popen(
        workplace.command("--mount", str(folder), "--progress-interval", "0.1"), env=workplace.env(**impatient),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while (line := worker.stdout.readline()).startswith("shard 0: 0/309 images"):
        pass
    assert "/309 images" in line
    process.send_signal(signal.SIGKILL)
    _, said = worker.communicate(timeout=120)
    assert worker.returncode == WorkerExit.INFRASTRUCTURE, said
    assert set(workplace.statuses().values()) == {"processed"}
    assert len(workplace.rows()) < 309
    assert "Transport endpoint is not connected - check the bucket sidecar's log" in said
