"""`make demo` as a person runs it: through Airflow, twice, interrupted, two at once, with own files."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from embedded_installation import Installation, lay_database
from shoal.embedded.samples.demo_model import build_demo_model

STOPPED_S = 40
"""A worker has ten seconds, and a busy machine takes its own; far from what the rest of a run takes, which would say another end."""


@pytest.fixture(scope="module")
def first_demo(installation):
    return installation.run("demo")


@pytest.fixture(scope="module")
def second_demo(installation, first_demo):
    return installation.run("demo")


def summary_of(output: str) -> dict:
    path = re.search(r"^summary\s+(/.*summary\.json)$", output, re.MULTILINE)[1]
    return json.loads(Path(path).read_text(encoding="utf-8"))


def test_the_first_demo_shows_progress_the_table_and_where_the_answer_lies(first_demo):
    assert first_demo.returncode == 0, first_demo.stdout
    for words in (
        "listed 126 images", "shard 0:", "images/s", "Chromis chromis", "Image of MaxN", "126 images listed: 122 processed, 4 failed",
        "failed: 1 empty, 1 not_image, 1 too_large, 1 truncated", "report.html", "this run is the dataset's answer",
    ):  # fmt: skip
        assert words in first_demo.stdout


def test_the_readme_shows_what_the_demo_prints(first_demo):
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    shown = readme.split("<!-- demo output -->")[1].split("```")[1].strip().splitlines()
    printed = {" ".join(line.split()) for line in first_demo.stdout.splitlines()}
    told = [line for line in shown if line and not line.startswith(("infer", "─"))]
    assert [line for line in told if " ".join(line.split()) not in printed] == []


def test_the_second_demo_infers_nothing_and_says_so(first_demo, second_demo):
    assert second_demo.returncode == 0, second_demo.stdout
    assert "Nothing new in the bucket: no inference" in second_demo.stdout
    first, second = summary_of(first_demo.stdout), summary_of(second_demo.stdout)
    assert second["result_sha256"] == first["result_sha256"]
    assert second["run"]["balance"]["reused"] == 126


def test_verify_and_current_speak_of_the_demo_s_run(installation, second_demo):
    run = re.search(r"python -m shoal verify (\S+)", second_demo.stdout)[1]
    verified = installation.run("verify", run)
    assert (verified.returncode, "every check holds" in verified.stdout) == (0, True), verified.stdout
    current = installation.run("current", "demo")
    assert run in current.stdout
    assert "s3://demo-results/demo/demo-fish-v1-" in current.stdout


def test_verify_exits_1_on_a_deviation(installation, second_demo):
    report = Path(re.search(r"^report\s+(/.*report\.html)$", second_demo.stdout, re.MULTILINE)[1])
    original = report.read_bytes()
    report.write_bytes(original + b"<!-- touched -->")
    run = re.search(r"python -m shoal verify (\S+)", second_demo.stdout)[1]
    verified = installation.run("verify", run)
    report.write_bytes(original)
    assert verified.returncode == 1, verified.stdout
    assert "G3: file report.html has another sha256" in verified.stdout


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        pytest.param(
            ("verify", "demo/nonsense"), 2, "Run 'demo/nonsense' not understood - write <dataset>/<run_key>", id="run"
        ),
        pytest.param(
            ("verify", "demo/20200101T000000Z-aaaaaaaa"), 2, "Run 20200101T000000Z-aaaaaaaa not found", id="no such run"
        ),
        pytest.param(("current", "nope"), 2, "No dataset 'nope' in", id="no such dataset"),
        pytest.param(
            ("demo", "--model", "missing.onnx"), 2, "No model file missing.onnx - give MODEL=", id="model file"
        ),
        pytest.param(("demo", "--model", "Makefile"), 2, "is not ONNX - export it with: yolo export", id="not a model"),
        pytest.param(("demo", "--images", "missing"), 2, "No folder missing - give IMAGES=", id="folder"),
        pytest.param(("dem",), 2, 'No command "dem" - did you mean demo?', id="typo in a command"),
    ],
)
def test_bad_words_get_one_line(installation, second_demo, words, status, message):
    ended = installation.run(*words)
    assert ended.returncode == status
    assert message in ended.stdout
    assert "Traceback" not in ended.stdout


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_keeps_what_was_done_and_the_next_demo_goes_on(fresh_installation, presses):
    installation = fresh_installation
    process = installation.start("demo")
    children, said = [], []
    for line in process.stdout:
        if line.startswith("plan ") and "s per image" in line:
            time.sleep(2)
            children = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGINT)
            break
    told = time.monotonic()
    for line in process.stdout:
        said.append(line)
        if presses == 2 and line.startswith("stopping"):  # it says so what another one does
            time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)
            break
    output = "".join([*said, *process.stdout])
    assert process.wait(timeout=60) == 130, output
    assert time.monotonic() - told < STOPPED_S
    assert "stopping" in output
    assert "stopped - what was done is kept" in output
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert list(installation.home.glob("store/demo-results/demo/*/runs/*/summary.json")) == []
    again = installation.run("demo")
    assert again.returncode == 0, again.stdout
    assert "126 images listed" in again.stdout


def test_what_a_killed_demo_left_is_ended_and_its_run_failed_by_the_next(fresh_installation):
    installation = fresh_installation
    process = installation.start("demo")
    for line in process.stdout:
        if line.startswith("plan ") and "s per image" in line:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            break
    process.communicate(timeout=60)
    again = installation.run("demo")
    assert again.returncode == 0, again.stdout
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    with closing(sqlite3.connect(installation.home / "airflow/airflow.db")) as database:
        states = [row[0] for row in database.execute("SELECT state FROM dag_run ORDER BY id")]
    assert states == ["failed", "success"]


def start_until_a_shard_runs(installation, *words):
    """Start a demo and read its lines until workers are at work."""
    process = installation.start("demo", *words)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("infer"):
            return process
    raise AssertionError("".join(lines))


@pytest.fixture
def many_photos(scenes, tmp_path):
    """A folder with enough photos that a run over them takes a while."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2000):
        (folder / f"{number:04}.jpg").write_bytes(scenes[number % 20].jpeg + str(number).encode())
    return folder


def test_a_store_that_goes_in_mid_run_is_one_line(installation, second_demo, many_photos):
    process = start_until_a_shard_runs(installation, "--images", str(many_photos))
    (store,) = [child for child in psutil.Process(process.pid).children() if child.name() == "rclone"]
    store.kill()
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 2
    assert output.splitlines()[-1].startswith(
        "shoal: The embedded store has gone in mid-run (rclone ended with exit code"
    )
    assert "Retrying" not in output


def test_a_disk_that_fills_in_mid_run_is_one_line_that_says_so(new_database, small_disk, many_photos):
    installation = Installation(small_disk)
    lay_database(new_database, small_disk)
    process = start_until_a_shard_runs(installation, "--images", str(many_photos))
    with suppress(OSError), (small_disk / "filler").open("wb") as filler:
        while True:
            filler.write(bytes(1_000_000))
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 2
    assert f"shoal: No room left on the disk of {small_disk} (" in output.splitlines()[-1]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 MB."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a full disk is not tested: no right to mount a small one ({mounted.stderr.strip()})")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_broken_database_of_airflow_s_is_named_with_the_way_out(installation, second_demo):
    database = installation.home / "airflow/airflow.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:5000])
    ended = installation.run("demo")
    database.write_bytes(whole)
    assert ended.returncode == 2
    assert f"Airflow's database {database} cannot be used" in ended.stdout
    assert "make clean" in ended.stdout


def test_verify_finds_the_dataset_of_a_run_key(installation, second_demo):
    run_key = re.search(r"python -m shoal verify demo/(\S+)", second_demo.stdout)[1]
    verified = installation.run("verify", run_key)
    assert (verified.returncode, "every check holds" in verified.stdout) == (0, True), verified.stdout
    unknown = installation.run("verify", "20200101T000000Z-aaaaaaaa")
    assert "has it - write <dataset>/20200101T000000Z-aaaaaaaa" in unknown.stdout


def test_current_writes_nothing(installation, second_demo):
    def snapshot():
        return {path: path.stat().st_mtime_ns for path in installation.home.rglob("*") if path.name != "store.log"}

    before = snapshot()
    assert installation.run("current", "demo").returncode == 0
    assert snapshot() == before


def test_two_demos_at_once_are_refused_by_name(fresh_installation):
    installation = fresh_installation
    process = installation.start("demo")
    try:
        for line in process.stdout:
            if line.startswith("store"):
                break
        second = installation.run("demo")
        assert second.returncode == 2
        assert f"is in use by process {process.pid}" in second.stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=180)


def test_own_model_and_photos_make_a_dataset_of_their_own(installation, second_demo, scenes, tmp_path):
    photos = tmp_path / "my photos"
    photos.mkdir()
    for scene in scenes[5:9]:
        (photos / scene.key.replace("/", "_")).write_bytes(scene.jpeg)
    (photos / "holiday.jpg").write_bytes(scenes[9].jpeg)
    model = tmp_path / "best.onnx"
    model.write_bytes(build_demo_model(("Sarpa salpa", "Chromis chromis"), "own"))
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in photos.iterdir()}
    ended = installation.run("demo", "--model", str(model), "--images", str(photos))
    assert ended.returncode == 0, ended.stdout
    assert "5 images listed: 5 processed" in ended.stdout
    assert "undated: 1 image has no usable time, in no number above; detections there: " in ended.stdout
    assert re.search(
        r"of all examined images: 1 undated - clock and deployments in .*/own-my-photos-\w{6}\.yaml decide it",
        ended.stdout,
    )
    assert re.search(
        r"such as '.*holiday\.jpg'.* - \S*python -m shoal clock own-my-photos-[0-9a-f]{6} --propose looks for one",
        ended.stdout,
    )
    assert re.search(r"own-my-photos-[0-9a-f]{6}: model best [0-9a-f]{8}", ended.stdout)
    assert {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in photos.iterdir()} == before
