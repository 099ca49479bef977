"""A dataset whose file and image store are gone: commands still tell of it, by the place of its results."""

import json
from types import SimpleNamespace

import pytest

from pipeline import make_pipeline
from shard_attempts import airflow_connection
from shoal.__main__ import main
from shoal.settings.results_place import ResultsPlace


@pytest.fixture(scope="module")
def retired(store, demo_models, scenes, tmp_path_factory):
    """A dataset with an answer, of which nothing is left but its results: their place, the answer's run, and its folder."""
    made = make_pipeline(store, demo_models, tmp_path_factory.mktemp("retired"))
    made.put_scenes(scenes[:3])
    pipeline = made.with_settings(source={**made.dataset.source.model_dump(mode="json"), "conn_id": "retired"})
    variant, _, run_key, _ = pipeline.run().key.removeprefix(pipeline.stores.layout.root).split("/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))
        yield SimpleNamespace(
            place=str(ResultsPlace.of(pipeline.dataset)), run_key=run_key, variant=variant, name=pipeline.dataset.name
        )


@pytest.fixture
def told(capsys, tmp_path, monkeypatch):
    """Runs a command where there is no dataset file; its status, and its object."""
    monkeypatch.setenv("SHOAL_DATASETS", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))

    def run(*words):
        status = main([*words, "--json"])
        said = capsys.readouterr()
        return status, json.loads(said.out or "null"), said.err

    return run


def test_its_answer_is_told(retired, told):
    status, found, err = told("current", retired.place)
    assert (status, found and found["run"]) == (0, f"{retired.name}/{retired.run_key}"), err


@pytest.mark.parametrize(
    "written", ["", "{run_key}", "{variant}/runs/{run_key}/summary.json"], ids=["latest", "a run", "an object"]
)
def test_why_says_how_a_run_of_it_is(retired, told, written):
    status, found, err = told("why", retired.place + written.format(**vars(retired)))
    assert (status, found and found["run"]) == (0, f"{retired.place}{retired.run_key}"), err
    assert found["state"] == "complete"


@pytest.mark.parametrize("run_key", ["", "{run_key}"], ids=["the answer", "a run"])
def test_a_run_of_it_is_verified(retired, told, run_key):
    status, found, err = told("verify", retired.place + run_key.format(**vars(retired)))
    assert (status, found and found["run"]) == (0, f"{retired.place}{retired.run_key}"), err
    assert found["holds"] is True


def test_what_could_go_of_it_is_told(retired, told):
    status, found, err = told("gc", retired.place, "--dry-run")
    assert (status, found and found["dataset"], found and found["goes"]) == (0, retired.name, 0), err


def test_a_place_where_nothing_lies_is_said(retired, told):
    nowhere = retired.place.replace(f"/{retired.name}/", "/nowhere/")
    status, found, err = told("current", nowhere)
    assert (status, found) == (2, None)
    assert f"No run of a dataset lies at {nowhere} - write s3://<connection>@<bucket>/<results.prefix><dataset>/" in err


def test_a_place_that_names_no_dataset_is_refused(told):
    status, found, err = told("why", "s3://results@bucket/")
    assert (status, found) == (2, None)
    assert (
        "Results 's3://results@bucket/' not understood - write s3://<connection>@<bucket>/<results.prefix><dataset>/"
        in err
    )
