"""Where a run's pages look for it: what is wrong with the dataset file's place now hides nothing that lies in the one before."""

import pytest
import yaml

from pipeline import make_pipeline
from shard_attempts import airflow_connection
from shoal.airflow.pages.run_place import find_run
from shoal.contract.errors import ConfigError
from shoal.settings.dataset_files import DATASETS_VARIABLE
from shoal.settings.results_place import ResultsPlace


@pytest.fixture
def reef(store, demo_models, scenes, tmp_path, monkeypatch):
    pipeline = make_pipeline(store, demo_models, tmp_path)
    pipeline.put_scenes(scenes[:3])
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))
    name, folder = pipeline.dataset.name, tmp_path / "files"
    monkeypatch.setenv(f"AIRFLOW_VAR_SHOAL_RESULTS_{name.upper()}", str(ResultsPlace.of(pipeline.dataset)))
    monkeypatch.setenv(DATASETS_VARIABLE, str(folder))
    folder.mkdir()
    return pipeline, folder / f"{name}.yaml"


def write(file, pipeline, **results):
    settings = pipeline.dataset.model_dump(mode="json")
    del settings["name"]  # the file has it
    settings["results"] |= results
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")


FAULTS = {
    "the file is broken": lambda file, _: file.write_text("sauce: {}\n", encoding="utf-8"),
    "a connection that is not made yet": lambda file, reef: write(file, reef, conn_id="nobody_made_it"),
    "a bucket that is not made yet": lambda file, reef: write(file, reef, bucket="not-made-yet-0123"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_run_is_found_where_it_lies_though_the_place_of_today_fails(reef, fault):
    pipeline, file = reef
    plan = pipeline.plan()
    fault(file, pipeline)
    dag_id = f"reanalyse_{pipeline.dataset.name}"
    place, run = find_run(dag_id, plan.variant.directory, plan.run_key)
    assert place.results.has(run.plan)
    with pytest.raises(ConfigError, match=r"sauce|nobody_made_it|not-made-yet-0123"):
        find_run(dag_id, plan.variant.directory, "20260101T000000Z-aaaaaaaa")
