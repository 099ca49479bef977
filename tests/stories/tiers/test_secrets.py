"""Credentials are in Airflow's connections and in its processes' memory, and nowhere else: looked for wherever a run leaves anything.

On one machine the photos have hostile names, templates that ask for the password among them; on a cluster its API is read once a
second while the pods work.
"""

import base64
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostile import FILE_NAMES
from pods.installation import TRANSFERS

TEMPLATES = ("0{{600+66}}.jpg", "{{conn.shoal_demo.password}}.jpg")
"""Short enough to stand whole in the label of the only shard, whose first and last key they are."""

PLACES = ["processes", *(f"pods, {transfer}" for transfer in TRANSFERS)]


@dataclass(frozen=True)
class Left:
    """What a run left.

    Attributes:
        secrets: What must not be in it, by name.
        shown: What people were shown: printed lines, logs in the web interface.
        files: Files of the installation, Airflow's logs among them.
        database: Airflow's database, with XComs, rendered fields, triggers and task states.
        stored: What lies in the results bucket.
        cluster: What the API server said of pods, ConfigMaps and events; empty where there is none.
        processes: The command lines of everything that ran on the machine meanwhile, as anybody there may list them.
        told: What the run must have left, or nothing was looked at: it is in what is named by the key.
    """

    secrets: dict[str, str]
    shown: bytes
    files: dict[str, bytes]
    database: bytes
    stored: dict[str, bytes]
    cluster: bytes
    processes: bytes
    told: dict[str, bytes]


def found_in(data: bytes, secret: str) -> bool:
    """Whether bytes hold a secret: plain, as hex, or as base64 at any offset."""
    plain = secret.encode()
    shifted = [base64.b64encode(b"\0" * shift + plain)[4:-4] for shift in range(3)]
    return any(form in data for form in (plain, plain.hex().encode(), *shifted))


def process_list() -> set[bytes]:
    """The command lines of all processes, as `ps` shows them to everybody."""
    lines = (process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"]))
    return {" ".join(words).encode(errors="surrogateescape") for words in lines}


def leaks(left: Left, places: dict[str, bytes]) -> list[str]:
    return [
        f"{name} in {place}"
        for place, data in places.items()
        for name, secret in left.secrets.items()
        if found_in(data, secret)
    ]


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
def demo_run(installation, hostile_photos):
    """A run through Airflow over hostile photos: all it printed, the login of its store, and what ran meanwhile."""
    process = installation.start("demo", "--images", str(hostile_photos))
    lines, login, ran, ended = [], None, set(), threading.Event()

    def watch():  # a worker may begin and end between two lines
        while not ended.wait(0.2):
            ran.update(process_list())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    for line in process.stdout:
        lines.append(line)
        if login is None and line.startswith("plan "):
            children = psutil.Process(process.pid).children()
            environments = [child.environ() for child in children if "run_dag" in " ".join(child.cmdline())]
            login = json.loads(environments[0]["AIRFLOW_CONN_SHOAL_DEMO"])
    assert process.wait(60) == 0, "".join(lines)
    ended.set()
    watching.join()
    return "".join(lines), {"access key": login["login"], "secret key": login["password"]}, b"\n".join(ran)


def left_by_processes(installation, demo_run) -> Left:
    output, login, ran = demo_run
    files = {str(path.relative_to(installation.home)): path for path in installation.home.rglob("*") if path.is_file()}
    names = {path.name for path in files.values()}
    assert {"airflow.db", "demo.log", "plan.json", "summary.json", "report.html", "manifest.parquet"} <= names
    stored = {name: path.read_bytes() for name, path in files.items() if name.startswith("store/")}
    return Left(
        secrets=login,
        shown=output.encode(),
        files={name: path.read_bytes() for name, path in files.items() if name not in stored},
        database=(installation.home / "airflow/airflow.db").read_bytes(),
        stored=stored,
        cluster=b"",
        processes=ran,
        told={"shown": b"images listed", "database": b"reanalyse_", "processes": b"-m shoal_worker run"},
    )


@pytest.fixture(scope="module")
def left_by_pods(pods) -> dict[str, Left]:
    """By transfer, what a run in pods left; both at once, and the API server was asked every second."""
    datasets = {transfer: pods.add_dataset(f"canary-{transfer}", transfer) for transfer in TRANSFERS}
    runs = {transfer: pods.rest.trigger(f"reanalyse_{dataset.name}") for transfer, dataset in datasets.items()}
    seen: dict[str, set[bytes]] = {transfer: set() for transfer in TRANSFERS}
    ran: set[bytes] = set()

    def at_work(transfer: str) -> bool:
        run = pods.rest.get(f"dags/reanalyse_{datasets[transfer].name}/dagRuns/{runs[transfer]}")
        return run["state"] not in {"success", "failed"}

    while any(at_work(transfer) for transfer in TRANSFERS):
        for transfer, dataset in datasets.items():
            for kind in ("pod", "config_map", "event"):
                found = getattr(pods.core, f"list_namespaced_{kind}")(dataset.cluster.namespace, _preload_content=False)
                seen[transfer].add(found.data)
        ran |= process_list()
        time.sleep(1)
    return {
        name: _left_by_one(pods, dataset, runs[name], seen[name], b"\n".join(ran)) for name, dataset in datasets.items()
    }


def _left_by_one(pods, dataset, run_id: str, seen: set[bytes], ran: bytes) -> Left:
    assert pods.rest.finished(f"reanalyse_{dataset.name}", run_id) == "success", pods.story(dataset, run_id)
    results = pods.pipeline(dataset).stores.results
    roles = {"admin": pods.admin, "reader": pods.reader}
    return Left(
        secrets={
            f"{role}'s {what} key": getattr(access, f"{what}_key")
            for role, access in roles.items()
            for what in ("access", "secret")
        },
        shown=pods.story(dataset, run_id).encode(),
        files={
            str(path.relative_to(pods.home.root)): path.read_bytes()
            for path in pods.home.root.rglob("*")
            if path.is_file()
        },
        database=pods.airflow.database.dump(),
        stored={key: results.read_bytes(key) for key in results.list_keys("")},
        cluster=b"\n".join(seen),
        processes=ran,
        told={
            "shown": b"images",
            "database": run_id.encode(),
            "cluster": b'"shoal/run-key"',
            "processes": b"-m shoal_worker run",
        },
    )


@pytest.fixture(scope="module", params=PLACES)
def left(request) -> Iterator[Left]:
    place, _, transfer = request.param.partition(", ")
    if place == "processes":
        return left_by_processes(request.getfixturevalue("installation"), request.getfixturevalue("demo_run"))
    by_transfer: dict[str, Left] = request.getfixturevalue("left_by_pods")
    return by_transfer[transfer]


def test_the_canary_is_found_where_it_is():
    secret = "4f1c0ffee0badc0de5ecre7"
    for text in (secret, f"x{secret}", secret.encode().hex(), base64.b64encode(f"ab{secret}cd".encode()).decode()):
        assert found_in(text.encode(), secret)
    assert not found_in(b"nothing to see here", secret)


def test_the_canary_is_not_empty_and_the_run_was_looked_at(left):
    assert {name: len(secret) >= 10 for name, secret in left.secrets.items()} == dict.fromkeys(left.secrets, True)
    assert [place for place, words in left.told.items() if words not in getattr(left, place)] == []
    assert any(key.endswith("plan.json") for key in left.stored)


@pytest.mark.parametrize("place", ["shown", "database", "cluster", "processes"])
def test_no_credential_is_shown_or_written_down(left, place):
    """Printed lines and logs; Airflow's database; pods, ConfigMaps and events; command lines."""
    assert leaks(left, {place: getattr(left, place)}) == []


@pytest.mark.parametrize("places", ["files", "stored"])
def test_no_credential_is_in_any_file_or_object_a_run_leaves(left, places):
    assert leaks(left, getattr(left, places)) == []


def test_the_run_over_hostile_photos_is_complete(demo_run, hostile_photos):
    output, *_ = demo_run
    photos = len(list(hostile_photos.iterdir()))
    assert f"{photos} images listed: {photos - 1} processed, 1 failed" in output


def last_shard(installation) -> tuple[Any, str]:
    """What Airflow's database holds of the last run's shard: its rendered fields, and its label."""
    last = "WHERE task_id = 'infer' ORDER BY run_id DESC"  # other tests run in this installation, too
    with closing(sqlite3.connect(installation.home / "airflow/airflow.db")) as database:
        [shard] = database.execute(f"SELECT rendered_fields FROM rendered_task_instance_fields {last}").fetchone()
        [label] = database.execute(f"SELECT rendered_map_index FROM task_instance {last}").fetchone()
    return json.loads(shard)["shard"], label


def test_a_template_in_a_key_is_never_rendered(demo_run, installation):
    shard, label = last_shard(installation)
    assert label == shard["label"] == f"shard 0: {TEMPLATES[0]} to {TEMPLATES[1]}"


def test_no_file_of_the_demo_is_readable_by_others(demo_run, installation):
    assert installation.home.stat().st_mode & 0o077 == 0
    assert Path("hostile").exists() is False
