"""Somebody's own program as the model, started by the worker: whole shards through it, and all that such programs do wrong."""

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from deepaas_environment import deepaas_command
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.contract.service import DEEPAAS, Service
from shoal.embedded.samples.demo_model import build_demo_model
from shoal.embedded.samples.scenes import LOOKS, scene
from waiting import wait_until
from worker.images import dark_jpeg, encoded
from worker.onnx_models import constant_model
from worker.processes import ATTEMPT, Workplace
from worker.services import left_of, oscar

SPECIES = tuple(LOOKS)
BLUE, WHITE = (encoded(np.full((48, 64, 3), colour, np.uint8), ".png") for colour in ((255, 0, 0), (255, 255, 255)))
"""What this module wants too much memory for, and what it dies of."""

GONE_S = 30.0
"""Whatever a service started is ended by then."""


@pytest.fixture
def workplace(running_store, empty_bucket):
    return Workplace(running_store, empty_bucket, constant_model())


@pytest.fixture
def marked(tmp_path):
    """Options of a worker whose service and all that it starts are told from other processes of this machine."""
    yield {"TMPDIR": str(tmp_path)}
    wait_until(lambda: not left_of(str(tmp_path)), GONE_S, lambda: f"all of {left_of(str(tmp_path))} end")


def serve(workplace, service, images):
    workplace.images = images
    workplace.job |= {"service": service.to_json()}
    workplace.lay_out()


def named(workplace, attempt):
    path = workplace.folder / workplace.run.trying(0, attempt)
    return json.loads(path.read_text())["key"] if path.exists() else None


def reasons(workplace):
    return {key: (row["reason"], row["detail"]) for key, row in workplace.rows().items() if row["reason"]}


# DEEPaaS itself, with a module of ours, in an environment of its own.


def reef(command, **settings):
    """The demo model behind DEEPaaS, as a dataset file of it would have it."""
    asked = {
        "mapping": "{image: predictions.file, found: predictions.fish[].{class: species, confidence: score, xywh: box}}",
        "params": {"conf": 0.05},
        "start_timeout_s": 120.0,
    }
    return Service(DEEPAAS, "detect", SPECIES, command=command, **{**asked, **settings})


@pytest.fixture(scope="module")
def demo_model():
    return build_demo_model(SPECIES, "1")


def test_a_shard_through_deepaas_has_the_boxes_of_its_model_and_one_that_ends_it_is_named(
    workplace, demo_model, tmp_path, marked
):
    """The same ONNX file behind a module of somebody's: its own rounding of scores (4 places) and boxes (2) is all that differs."""
    path = tmp_path / "demo.onnx"
    path.write_bytes(demo_model)
    photos = {f"reef/{n} ä b.jpg": scene(f"{n}", dict.fromkeys(SPECIES, 2.0)).jpeg for n in range(4)}
    workplace.model = demo_model
    workplace.images = photos
    workplace.job = {"inference": Inference((640, 640), rect=False).to_json()}
    workplace.lay_out()
    assert workplace.work().returncode == WorkerExit.DONE
    ours = workplace.rows()
    for part in workplace.parts():
        part.unlink()

    # Last of all: what its own process dies of DEEPaaS does not notice, and answers nothing any more.
    odd = {"reef/9 blue.png": BLUE, "reef/a text.jpg": b"no picture", "z white.jpg": WHITE}
    serve(workplace, reef(deepaas_command(path), timeout_s=15.0), {**photos, **odd})
    done = workplace.work("--careful", **marked)
    assert done.returncode == WorkerExit.HELD, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"The service gave no answer within 15 s: 'z white.jpg' ({len(WHITE):,} bytes) - the next attempt"
    )
    assert named(workplace, ATTEMPT) == "z white.jpg"
    theirs = workplace.rows()
    assert set(theirs) == {*photos, "reef/9 blue.png", "reef/a text.jpg"}
    assert reasons(workplace) == {
        "reef/9 blue.png": (
            "refused_by_service",
            "HTTP 500: 500 Internal Server Error Server got itself in trouble",
        ),
        "reef/a text.jpg": ("not_image", theirs["reef/a text.jpg"]["detail"]),
    }
    boxes = 0
    for key in photos:
        expected, found = (_sorted(rows[key]["detections"]) for rows in (ours, theirs))
        assert [box["class_id"] for box in found] == [box["class_id"] for box in expected]
        for one, other in zip(found, expected, strict=True):
            assert one["confidence"] == pytest.approx(other["confidence"], abs=2e-4)
            assert [one[side] for side in SIDES] == pytest.approx([other[side] for side in SIDES], abs=0.02)
        boxes += len(found)
        same = ("content_sha256", "width", "height", "luma_mean", "dhash", "max_det_reached", "version_checked", "exif")
        assert {name: theirs[key][name] for name in same} == {name: ours[key][name] for name in same}
    assert boxes > 10


SIDES = ("x1", "y1", "x2", "y2")


def _sorted(boxes):
    return sorted(boxes, key=lambda box: (box["class_id"], round(box["x1"]), round(box["y1"])))


# OSCAR's way: a script for each image.


def test_a_shard_through_a_script_has_its_scores_and_its_files(workplace, marked):
    images = {f"a/{n}.jpg": dark_jpeg(n) for n in range(3)} | {"b/$(rm -rf) ü;'\".jpg": dark_jpeg(7)}
    serve(workplace, oscar(), images)
    done = workplace.work(**marked)
    assert done.returncode == WorkerExit.DONE, done.stderr
    rows = workplace.rows()
    assert set(workplace.statuses().values()) == {"processed"}
    for key, data in images.items():
        dark = 0.25 if len(data) % 2 else 0.75
        assert rows[key]["class_scores"] == [dark, 1 - dark]
        assert rows[key]["detections"] is None
        [file] = rows[key]["files"]
        assert file.startswith("fish/model-1-0123456789ab/files/")
        assert file.endswith("-head.bin")
        assert (workplace.folder / file).read_bytes() == data[:16]
    assert len({row["files"][0] for row in rows.values()}) == len(images)


FAULTS = """
case $INPUT_FILE_PATH in
*exit*) echo "model: out of cheese" >&2; exit 3;;
*html*) echo "<html><body>Sign in</body></html>";;
*huge*) head -c 20000000 /dev/zero;;
*other*) echo '{"photo": "another.jpg", "scores": {"dark": 1}}';;
*nan*) echo '{"photo": "'$(basename "$INPUT_FILE_PATH")'", "scores": {"dark": NaN}}';;
*silent*) ;;
*two*) echo '{}' > "$TMP_OUTPUT_DIR/1.json"; echo '{}' > "$TMP_OUTPUT_DIR/2.json";;
*link*) ln -s /proc/self/environ "$TMP_OUTPUT_DIR/secrets.txt"; echo '{}';;
*memory*) ulimit -v 500000; python3 -c 'b"0" * 10**9';;
*) echo '{"photo": "'$(basename "$INPUT_FILE_PATH")'", "scores": {"dark": 0.5}}';;
esac
"""


def test_what_a_script_does_wrong_with_one_image_is_told_of_that_one(workplace, marked):
    said = {
        "exit": "the script ended with exit status 3: model: out of cheese",
        "html": "what the script printed (it wrote no JSON file) is no JSON (Expecting value: line 1 column 1 (char 0)): "
        "<html><body>Sign in</body></html>",
        "huge": "what the script printed (it wrote no JSON file) has more than 16 MiB, and one image's boxes or scores never do",
        "link": "its file 'secrets.txt' cannot be read: Too many levels of symbolic links",
        "memory": "the script ended with exit status 1: MemoryError",
        "nan": "its answer has nan as a confidence",
        "other": 'the answer is of "another.jpg", the image is other.jpg',
        "silent": "what the script printed (it wrote no JSON file) is no JSON (Expecting value: line 1 column 1 (char 0)): nothing",
        "two": "the script wrote 2 JSON files (1.json, 2.json), one is mapped",
    }
    # Two good ones for each: else too many failed.
    images = {f"{name}.jpg": dark_jpeg(n) for n, name in enumerate([*said, *(f"good-{n}" for n in range(4))])}
    serve(workplace, oscar(FAULTS), images)
    done = workplace.work(**marked)
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert reasons(workplace) == {f"{name}.jpg": ("refused_by_service", detail) for name, detail in said.items()}
    rows = workplace.rows()
    assert [rows[f"good-{n}.jpg"]["class_scores"] for n in range(4)] == [[0.5, None]] * 4
    row = rows["exit.jpg"]
    assert (row["width"], row["height"], row["class_scores"], row["luma_mean"]) == (64, 48, None, None)
    assert len(row["content_sha256"]) == 64


SUFFERS = """
case $INPUT_FILE_PATH in
*/5.jpg) {}
esac
echo '{"photo": "'$(basename "$INPUT_FILE_PATH")'", "scores": {"dark": 0.5}}'
"""


def test_an_image_that_ends_the_service_is_named_by_the_next_attempt_which_goes_on_without_it(workplace, marked):
    images = {f"{n}.jpg": dark_jpeg(n) for n in range(9)}
    serve(workplace, oscar(SUFFERS.replace("{}", "kill -SEGV $$;;")), images)
    done = workplace.work(**marked)
    assert done.returncode == WorkerExit.HELD, done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"The script was killed by SIGSEGV (it printed nothing): '5.jpg' ({len(images['5.jpg']):,} bytes) - the next attempt tries "
        "it alone; if the same happens again, it is failed"
    )
    assert named(workplace, ATTEMPT) is None  # a normal attempt names nobody
    first = workplace.rows()
    assert first
    assert "5.jpg" not in first
    workplace.images = {key: data for key, data in images.items() if key not in first}
    remaining = workplace.run.remaining(0, "attempt2")
    workplace.write_manifest(workplace.folder / remaining)
    done = workplace.work("--careful", "--attempt", "attempt2", "--manifest", remaining, **marked)
    assert done.returncode == WorkerExit.HELD, done.stderr
    assert named(workplace, "attempt2") == "5.jpg"
    assert set(first) <= set(workplace.rows()) <= images.keys() - {"5.jpg"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_of_a_service_outlives_its_worker_and_the_next_attempt_does_the_rest(workplace, tmp_path, marked, how):
    images = {f"{n}.jpg": dark_jpeg(n) for n in range(9)}
    serve(workplace, oscar(SUFFERS.replace("{}", f"test -e {tmp_path}/again || setsid sleep 600;;")), images)
    worker = subprocess.Popen(workplace.command(), env=workplace.env(**marked), stderr=subprocess.PIPE, text=True)
    try:
        wait_until(
            lambda: any("sleep 600" in line for line in left_of(str(tmp_path))), 120, "the image that takes for ever"
        )
    finally:
        worker.send_signal(how)
    began = time.monotonic()
    said = worker.communicate(timeout=60)[1]
    assert time.monotonic() - began < 20, said
    assert worker.returncode == (WorkerExit.STOPPED if how is signal.SIGTERM else -signal.SIGKILL)
    kept = workplace.rows()
    assert bool(kept) is (how is signal.SIGTERM)  # what a killed one had is in no part yet
    assert "5.jpg" not in kept
    wait_until(lambda: not left_of(str(tmp_path)), GONE_S, lambda: f"all of {left_of(str(tmp_path))} end")
    Path(tmp_path, "again").touch()
    workplace.images = {key: data for key, data in images.items() if key not in kept}
    workplace.write_manifest(workplace.folder / workplace.run.remaining(0, "attempt2"))
    done = workplace.work("--attempt", "attempt2", "--manifest", workplace.run.remaining(0, "attempt2"), **marked)
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert workplace.statuses() == dict.fromkeys(images, "processed")
