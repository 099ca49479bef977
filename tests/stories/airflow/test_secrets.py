"""Credentials are in Airflow's connections and in its processes' memory, and nowhere else: looked for where a run leaves anything.

The photos have hostile names, templates that ask for the password among them.
"""

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from hostile import FILE_NAMES

TEMPLATES = ("0{{600+66}}.jpg", "{{conn.shoal_demo.password}}.jpg")
"""Short enough to stand whole in the label of the only shard, whose first and last key they are."""


@pytest.fixture(scope="module")
def hostile_photos(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile photos")
    for number, name in enumerate(FILE_NAMES.values()):
        (folder / f"20260601-1200{number:02}-{name}-CAM1.jpg").write_bytes(scenes[20 + number].jpeg)
    for name in TEMPLATES:
        (folder / name).write_bytes(scenes[50].jpeg + name.encode())
    (folder / "20260601-120059-bad {{ conn.shoal_demo.password }}-CAM1.jpg").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def canary_run(installation, hostile_photos):
    """A run through Airflow over hostile photos, the login of its store, and all it printed."""
    process = installation.start("demo", "--images", str(hostile_photos))
    lines, login = [], None
    for line in process.stdout:
        lines.append(line)
        if login is None and line.startswith("plan "):
            children = psutil.Process(process.pid).children()
            environments = [child.environ() for child in children if "run_dag" in " ".join(child.cmdline())]
            login = json.loads(environments[0]["AIRFLOW_CONN_SHOAL_DEMO"])
    assert process.wait(60) == 0, "".join(lines)
    return "".join(lines), {"access key": login["login"], "secret key": login["password"]}


def found_in(data: bytes, secret: str) -> bool:
    """Whether bytes hold a secret, plain or as base64 at any offset."""
    plain = secret.encode()
    shifted = [base64.b64encode(b"\0" * shift + plain)[4:-4] for shift in range(3)]
    return any(form in data for form in (plain, *shifted))


def test_the_canary_is_found_where_it_is():
    secret = "4f1c0ffee0badc0de5ecre7"
    for text in (secret, f"x{secret}", base64.b64encode(f"ab{secret}cd".encode()).decode()):
        assert found_in(text.encode(), secret)
    assert not found_in(b"nothing to see here", secret)


def test_the_run_over_hostile_photos_is_complete(canary_run, hostile_photos):
    output, _ = canary_run
    photos = len(list(hostile_photos.iterdir()))
    assert f"{photos} images listed: {photos - 1} processed, 1 failed" in output


def test_no_credential_is_printed(canary_run):
    output, login = canary_run
    assert {name: found_in(output.encode(), secret) for name, secret in login.items()} == dict.fromkeys(login, False)


def test_no_credential_is_in_any_file_a_run_leaves(canary_run, installation):
    """Airflow's database with XComs, rendered fields and task states, all logs, and every stored object."""
    _, login = canary_run
    files = [path for path in installation.home.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"airflow.db", "demo.log", "plan.json", "summary.json", "report.html", "manifest.parquet"} <= names
    leaks = [
        f"{name} in {path.relative_to(installation.home)}"
        for path in files
        for name, secret in login.items()
        if found_in(path.read_bytes(), secret)
    ]
    assert leaks == []


def test_a_template_in_a_key_is_never_rendered(canary_run, installation):
    last = "WHERE task_id = 'infer' ORDER BY run_id DESC"  # other tests run in this installation, too
    with closing(sqlite3.connect(installation.home / "airflow/airflow.db")) as database:
        [shard] = database.execute(f"SELECT rendered_fields FROM rendered_task_instance_fields {last}").fetchone()
        [label] = database.execute(f"SELECT rendered_map_index FROM task_instance {last}").fetchone()
    whole = f"shard 0: {TEMPLATES[0]} to {TEMPLATES[1]}"
    assert label == whole
    assert json.loads(shard)["shard"]["label"] == whole


def test_no_file_of_the_demo_is_readable_by_others(canary_run, installation):
    assert installation.home.stat().st_mode & 0o077 == 0
    assert Path("hostile").exists() is False
