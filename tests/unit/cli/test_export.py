"""`python -m shoal export` as people type it, and its page."""

import csv
import json
import re
from pathlib import Path

import pytest

from shard_attempts import airflow_connection
from shoal.__main__ import main
from shoal.exports.export import BY_MONTH, PACKAGES
from shoal.stores.kinds import open_store

PAGE = (Path(__file__).parents[3] / "docs/exports.md").read_text(encoding="utf-8")


def first_column(marker):
    table = PAGE.split(f"<!-- {marker} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [line.split("|")[1].strip().strip("`") for line in table]


@pytest.fixture
def told(hostile, capsys, tmp_path, monkeypatch):
    """Runs the command beside the dataset's file; its status, what it said, and what it said aside."""
    monkeypatch.setenv("SHOAL_DATASETS", str(hostile.folder.parent))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(hostile.results.access))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        status, said = main(["export", *words]), capsys.readouterr()
        return status, said.out, said.err

    return run


def test_an_answer_is_exported_beside_whoever_asks(told, hostile, tmp_path):
    status, said, err = told("reef", "--to", "long")
    assert status == 0, err
    (folder,) = tmp_path.glob("reef-long-*")
    lines = list(csv.DictReader((folder / "long.csv").open(encoding="utf-8", newline="")))
    assert list(lines[0]) == first_column("columns: long.csv")
    assert f"3 files, {sum(path.stat().st_size for path in folder.glob('long.*'))} bytes, written: {folder}" in said
    status, said, _ = told(
        f"reef/{hostile.done.stored.run_key}",
        "--to",
        "long",
        "--json",
        "--out",
        "s3://reef-exports/a",
        "--where",
        "camera=A",
    )
    found = json.loads(said)
    assert (status, found["place"], found["where"]["cameras"]) == (0, "s3://reef-exports/a/", ["A"])
    store = open_store(hostile.results.access, "reef-exports")
    assert json.loads(store.read_bytes("a/export.json")).items() <= found.items()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["reef", "--to", "excel"], "shoal: No export 'excel' - there are ", id="no such export"),
        pytest.param(
            ["reef", "--to", "long", "--at", "1999"], "No run of dataset reef begins with '1999'", id="no such run"
        ),
        pytest.param(["reef", "--to", "long", "--where", "cam=A"], "--where 'cam=A' not understood", id="no such word"),
        pytest.param(["reef", "--to", "long", "--relative-to", "a"], "has no --relative-to", id="an option of others"),
        pytest.param(
            ["reef", "--to", "long", "--out", "s3://reef-images/x"], "lies among the images", id="among images"
        ),
        pytest.param(
            ["reef", "--to", "long", "--out", "s3://reef-results/reef/x"], "lies among the results", id="among results"
        ),
        pytest.param(["reef", "--to", "long", "--out", "s3://"], "--out s3:// not understood", id="no bucket"),
        pytest.param(["hake", "--to", "long"], "hake", id="no such dataset"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(told, words, said):
    status, out, err = told(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_the_page_names_every_export():
    assert first_column("exports") == sorted({**BY_MONTH, **PACKAGES})
    assert re.search(r"^## export\.json$", PAGE, re.MULTILINE)
