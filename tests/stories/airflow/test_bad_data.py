"""A bucket full of broken photos: the run stops by itself, is not tried again, and keeps what it found."""

import json
import sqlite3
from contextlib import closing

import pytest

from worker.images import dark_jpeg

BAD, GOOD = 150, 20


@pytest.fixture(scope="module")
def stopped(installation, tmp_path_factory):
    """A run over photos most of which are cut off, through Airflow, with the command's end."""
    folder = tmp_path_factory.mktemp("mostly-bad")
    for number in range(BAD):
        (folder / f"20260601-{number // 60:02}{number % 60:02}00-IPC608.jpg").write_bytes(dark_jpeg(number)[:200])
    for number in range(GOOD):
        (folder / f"20260602-00{number:02}00-IPC608.jpg").write_bytes(dark_jpeg(number))
    return folder, installation.run("demo", "--images", str(folder))


def tasks(installation):
    """State and number of tries of every task of the last Dag run, and how many runs its dataset has."""
    with closing(sqlite3.connect(installation.home / "airflow/airflow.db")) as database:
        dag_id, run_id = database.execute("SELECT dag_id, run_id FROM dag_run ORDER BY id DESC LIMIT 1").fetchone()
        found = database.execute(
            "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?",
            (dag_id, run_id),
        ).fetchall()
        name = dag_id.removeprefix("reanalyse_")
        runs = database.execute("SELECT count(*) FROM dag_run WHERE dag_id LIKE '%' || ?", (name,)).fetchone()[0]
    return name, {(task, index): (state, tries) for task, index, state, tries in found}, runs


def test_a_shard_of_bad_data_stops_without_a_retry_and_without_a_continuation(installation, stopped):
    _, ended = stopped
    assert ended.returncode == 1, ended.stdout
    assert "failed, tolerated are 50%" in ended.stdout
    assert "stopped: more images failed than run.tolerated_failed_share allows - see failures.csv" in ended.stdout
    _, states, runs = tasks(installation)
    infer = [value for (task, _), value in states.items() if task == "infer"]
    assert ("failed", 1) in infer
    assert all(tries == 1 for _, tries in infer)
    assert states["summarize", -1] == ("failed", 1)
    assert states["continue_run", -1][0] == "upstream_failed"
    assert runs == 1


def test_what_was_found_is_kept_and_counted(installation, stopped):
    name, _, _ = tasks(installation)
    [path] = installation.home.glob(f"store/demo-results/{name}/*/runs/*/summary.json")
    summary = json.loads(path.read_text(encoding="utf-8"))
    balance = summary["run"]["balance"]
    assert summary["run"]["stopped_shards"]
    assert not summary["complete"]
    assert balance["failed"] >= 50
    assert balance["unsettled"] > 0
    assert sum(count for fate, count in balance.items() if fate != "listed") == BAD + GOOD
    assert not (path.parents[3] / "current.json").exists()
    failures = (path.parent / summary["folder"].rstrip("/").rsplit("/", 1)[-1] / "failures.csv").read_text()
    assert failures.count(",failed,truncated") == balance["failed"]
