"""`--json`: one object on standard output with the keys that the page of commands names, and the same exit status."""

import json
import re
from pathlib import Path

import pytest

from pipeline import Pipeline
from shoal.__main__ import main
from shoal.cli._reach import find_dataset, reach_stores

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")


def keys_of_page(command):
    """All keys that the page names for a command, of the object and of those in it."""
    table = PAGE.partition("<!-- json keys -->")[2]
    (cell,) = re.findall(rf"^\| `{command}` \| (.+) \|$", table, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", cell)) - {"null"}


def keys_of(value):
    """All keys of an object and of those in it; fates are no keys that the page lists."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    fates = value.get("balance", {}).keys() - {"listed"} if isinstance(value.get("balance"), dict) else set()
    return value.keys() | keys_of(list(value.values())) - fates


@pytest.fixture
def at_home(monkeypatch, tmp_path, scenes):
    """A dataset on this machine with three photos and no run."""
    for name in ("SHOAL_DATASETS", "AIRFLOW__SHOAL__DATASETS_FOLDER", "AIRFLOW_CONN_SHOAL_DEMO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    main(["init", "reef"])
    for scene in scenes[10:13]:
        path = tmp_path / "home/store/reef-images" / scene.key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(scene.jpeg)


@pytest.fixture
def told(capsys, at_home):
    """Runs a command with --json; its status, its object and what it said beside it."""

    def run(*words):
        capsys.readouterr()  # what a worker in this process said
        status, said = main([*words, "--json"]), capsys.readouterr()
        assert said.out.count("\n") == (status != 2)
        return status, json.loads(said.out or "null"), said.err

    return run


def test_each_command_prints_the_object_that_the_page_describes(told):
    status, found, beside = told("current", "reef")
    assert (status, found) == (2, None)
    assert beside.startswith("shoal: Dataset 'reef' has no answer yet and no run - ")
    status, found, beside = told("check", "reef", "--no-worker")
    assert (status, found["ok"], keys_of(found)) == (0, True, keys_of_page("check"))
    assert [step["ok"] for step in found["steps"]][-1] is None
    dataset = find_dataset("reef")
    with reach_stores(dataset) as stores:
        pipeline = Pipeline(dataset, stores)
        plan = pipeline.plan()
    first = told("current", "reef")[1]
    assert (first["run"], first["first_run"]["rows"], first["first_run"]["images"]) == (None, 0, 3)
    with reach_stores(dataset) as stores:
        pipeline = Pipeline(dataset, stores)
        pipeline.infer(plan)
        pipeline.summarize(plan)
    status, answer, _ = told("current", "reef")
    assert (status, answer["run"]) == (0, f"reef/{plan.run_key}")
    assert keys_of(first) | keys_of(answer) <= keys_of_page("current")
    assert (
        answer.keys()
        == first.keys()
        == {"dataset", "run", "model", "result_sha256", "summary", "open", "first_run", "under_way", "newer"}
    )
    status, found, _ = told("verify", answer["run"], "--recheck", "2")
    assert (status, found["holds"], keys_of(found)) == (0, True, keys_of_page("verify"))
    assert (found["balance"]["listed"], found["result_sha256"]) == (3, answer["result_sha256"])
    status, found, _ = told("gc", "reef", "--dry-run")
    assert (status, found["dry_run"], found["deleted"], keys_of(found)) == (0, True, 0, keys_of_page("gc"))
    status, found, _ = told("why", "reef")
    assert (status, found["state"]) == (0, "complete")
    assert found.keys() == {"run", "dag_run", "model", "state", "cause", "next", "shards", "images", "progress", "pods"}
    assert keys_of(found) <= keys_of_page("why")


def test_a_step_that_fails_is_in_the_object_and_in_the_status(told, tmp_path):
    (tmp_path / "home/store/demo-models/demo-fish/v1/model.onnx").unlink()
    status, found, _ = told("check", "reef")
    assert (status, found["ok"]) == (1, False)
    assert {step["name"]: step["ok"] for step in found["steps"]}["model"] is False
