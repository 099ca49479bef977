"""After a crash: images tried one by one, so that the one that ends the worker is known by name."""

import json
import signal
from pathlib import Path

import pytest

from shoal.contract.exit_codes import WorkerExit
from shoal_worker.loop.fetch_ahead import MOST_FETCHERS
from shoal_worker.loop.pipeline import AHEAD
from worker.http_faults import faulty_store, passed_on, status
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import constant_model, crash_on_white
from worker.processes import ATTEMPT, Workplace

IN_FLIGHT = MOST_FETCHERS + AHEAD + 1
"""Images that a worker may have begun: read, waiting, in the model."""


@pytest.fixture
def workplace(running_store, empty_bucket):
    return Workplace(running_store, empty_bucket, crash_on_white())


def named(workplace):
    path = workplace.folder / workplace.run.trying(0, ATTEMPT)
    return json.loads(path.read_text()) if path.exists() else None


def with_one_white(count=12, white=7):
    return {f"{n:02}.jpg": white_jpeg() if n == white else dark_jpeg(n) for n in range(count)}


def test_a_crash_of_a_normal_attempt_names_nobody(workplace):
    workplace.images = with_one_white()
    workplace.lay_out()
    assert workplace.work().returncode == -signal.SIGFPE
    assert named(workplace) is None


def test_a_careful_attempt_that_crashes_has_named_the_image(workplace):
    workplace.images = with_one_white()
    workplace.lay_out()
    assert workplace.work("--careful").returncode == -signal.SIGFPE
    name = named(workplace)
    assert (name["key"], name["size_bytes"]) == ("07.jpg", len(white_jpeg()))
    assert name.keys() == {"format_version", "key", "object_version", "size_bytes", "worker_version"}


def test_an_image_that_ends_the_decoder_is_named(workplace, tmp_path):
    """The decoder has no fault to show: the test puts one in, where Python starts."""
    workplace.images = {**with_one_white(white=None), "07.jpg": dark_jpeg(7) + b"poison"}
    workplace.lay_out()
    (tmp_path / "sitecustomize.py").write_text(DECODER_THAT_CRASHES)
    path = f"{tmp_path}:{Path(__file__).parents[3] / 'include'}"
    assert workplace.work("--careful", PYTHONPATH=path).returncode == -signal.SIGSEGV
    assert named(workplace)["key"] == "07.jpg"


DECODER_THAT_CRASHES = """
import ctypes
import simplejpeg

decode = simplejpeg.decode_jpeg
simplejpeg.decode_jpeg = lambda data, *a, **k: ctypes.string_at(8) if data.endswith(b"poison") else decode(data, *a, **k)
"""


def test_a_careful_attempt_that_comes_through_has_every_row_and_names_nobody(workplace):
    workplace.images = with_one_white(count=40, white=None)
    workplace.lay_out()
    done = workplace.work("--careful")
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert set(workplace.statuses().values()) == {"processed"}
    assert len(workplace.rows()) == 40
    assert named(workplace) is None


def test_only_what_a_crash_may_have_lost_goes_one_by_one(workplace):
    workplace.model = constant_model()
    workplace.images = {f"{n:03}.jpg": dark_jpeg(n) for n in range(60)}
    workplace.job = {"part_interval_s": 0.0001}
    workplace.lay_out()
    names = []

    def note(handler, _number):
        if handler.command == "PUT" and "/trying-" in handler.path:
            names.append(json.loads(handler.body)["key"])
        passed_on(workplace.store.access.endpoint_url)(handler, _number)

    with faulty_store(note) as (endpoint_url, _):
        done = workplace.work("--careful", SHOAL_RESULTS_ENDPOINT_URL=endpoint_url)
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert names == [f"{n:03}.jpg" for n in range(1 + IN_FLIGHT)]  # one image of work before
    assert len(workplace.rows()) == 60


def test_an_image_that_cannot_be_named_is_not_tried(workplace):
    workplace.images = {"a.jpg": dark_jpeg(), "b.jpg": white_jpeg()}
    workplace.lay_out()

    def refuse(handler, number):
        refused = handler.command == "PUT" and b"b.jpg" in handler.body and b"format_version" in handler.body
        (status(503, "SlowDown") if refused else passed_on(workplace.store.access.endpoint_url))(handler, number)

    with faulty_store(refuse) as (endpoint_url, _):
        done = workplace.work("--careful", SHOAL_RESULTS_ENDPOINT_URL=endpoint_url)
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stderr
    assert workplace.statuses() == {"a.jpg": "processed"}


def test_several_are_not_tried_at_once_while_one_is_still_named(workplace):
    workplace.images = {f"{n:02}.jpg": dark_jpeg(n) for n in range(40)}
    workplace.job = {"part_interval_s": 0.0001}
    workplace.lay_out()

    def refuse(handler, number):
        refused = handler.command == "DELETE"
        (status(503, "SlowDown") if refused else passed_on(workplace.store.access.endpoint_url))(handler, number)

    with faulty_store(refuse) as (endpoint_url, _):
        done = workplace.work("--careful", SHOAL_RESULTS_ENDPOINT_URL=endpoint_url)
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stderr
    assert len(workplace.rows()) == 1 + IN_FLIGHT


def test_a_worker_that_cannot_do_any_image_blames_none(workplace):
    """The blank image comes first: a model that crashes on it would crash on all."""
    workplace.model = crash_on_white(always=True)
    workplace.images = {"a.jpg": dark_jpeg()}
    workplace.lay_out()
    assert workplace.work("--careful").returncode == -signal.SIGFPE
    assert named(workplace) is None
