"""`shoal init`: ten lines and an empty folder become an answer, with nothing else made by hand."""

import re

import pytest

from pipeline import Pipeline
from shoal.__main__ import main
from shoal.cli._reach import find_dataset, reach_stores
from shoal.embedded.home import Home


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A fresh folder."""
    for name in ("SHOAL_DATASETS", "AIRFLOW__SHOAL__DATASETS_FOLDER", "AIRFLOW_CONN_SHOAL_DEMO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    return Home.find()


def test_photos_put_where_the_file_says_are_checked_and_run(home, scenes, capsys):
    assert main(["init", "my_reef"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"next     \S*python -m shoal check my_reef, then make up and trigger reanalyse_my_reef", said)
    lines = (home.datasets / "my_reef.yaml").read_text().splitlines()
    assert len(lines) == 10
    [folder] = re.findall(r"into (\S+) - they are only read", "\n".join(lines))
    for scene in scenes[10:13]:
        path = home.store / folder.rpartition("/")[2] / scene.key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(scene.jpeg)
    assert main(["check", "my_reef", "--no-worker"]) == 0
    said = capsys.readouterr().out
    assert "3 images among the first 3 objects" in said
    assert "3 of 3 sampled keys are dated" in said
    dataset = find_dataset("my_reef")
    with reach_stores(dataset) as stores:
        done = Pipeline(dataset, stores).run()
    assert done.balance.fates["processed"] == 3


def test_an_empty_folder_is_said_by_the_check(capsys):
    main(["init"])
    assert main(["check", "photos", "--no-worker"]) == 1
    assert "FIX" in capsys.readouterr().out


def test_a_file_that_is_there_is_left_alone(home, capsys):
    main(["init", "mine"])
    (home.datasets / "mine.yaml").write_text("mine")
    assert main(["init", "mine"]) == 2
    assert "mine.yaml is there already - edit it, or give another name" in capsys.readouterr().err
    assert (home.datasets / "mine.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["Ámfora", "../up", "a b", "", "x" * 64])
def test_what_cannot_name_a_dataset_is_said(home, name, capsys):
    assert main(["init", name]) == 2
    assert "names no dataset - lower case, digits, _ and -, at most 63" in capsys.readouterr().err
    assert not home.root.exists()


def test_a_name_as_long_as_names_may_be_has_buckets_that_a_store_takes(home):
    assert main(["init", "x" * 63]) == 0
    find_dataset("x" * 63)
