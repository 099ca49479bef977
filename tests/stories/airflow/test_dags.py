"""The DAGs Airflow sees: structure, form, broken files; parsed as Airflow parses them."""

import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]

PARSE = """
from airflow.dag_processing.dagbag import DagBag
import json, logging
logging.disable(logging.CRITICAL)
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
def look(dag):
    return {
        "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "defaults": dag.params.dump(), "doc": dag.doc_md, "max_active_runs": dag.max_active_runs, "schedule": str(dag.schedule),
        "shown": dag.dag_display_name, "tags": sorted(dag.tags),
    }
def schema(dag):
    return {name: dag.params.get_param(name).schema for name in dag.params}
from airflow.serialization.serialized_objects import DagSerialization
again = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
written, rewritten = ({name: json.dumps(DagSerialization.to_dict(dag), sort_keys=True) for name, dag in found.dags.items()} for found in (bag, again))
print(json.dumps({
    "unstable": [name for name in written if written[name] != rewritten[name]],
    "timetables": {name: json.loads(text)["dag"]["timetable"] for name, text in written.items()},
    "errors": {path: error[-300:] for path, error in bag.import_errors.items()},
    "dags": {name: {**look(dag), "params": schema(dag)} for name, dag in bag.dags.items()},
}, default=str))
"""


WATCHED = {
    "nightly": "run: {schedule: 0 2 * * *}",
    "nightly_only": "run: {schedule: 0 2 * * *}\nmodel: {name: demo-fish, version: v1, watch: false}",
    "release_only": "model: {name: demo-fish, version: latest, watch: true}",
}
"""Datasets that start by themselves, by what they add to the demo's file."""


@pytest.fixture(scope="module")
def parsed(installation, tmp_path_factory):
    """What Airflow makes of one good and two broken dataset files."""
    installation = type(installation)(tmp_path_factory.mktemp("parse"))
    datasets = installation.home / "datasets"
    datasets.mkdir(parents=True)
    demo = (ROOT / "include/datasets/demo.yaml").read_text(encoding="utf-8")
    (datasets / "demo.yaml").write_text(demo, encoding="utf-8")
    for name, settings in WATCHED.items():
        merged = {**yaml.safe_load(demo), **yaml.safe_load(settings)}
        (datasets / f"{name}.yaml").write_text(yaml.safe_dump(merged), encoding="utf-8")
    (datasets / "torn.yaml").write_text("source: {conn_id: x", encoding="utf-8")
    (datasets / "typo.yaml").write_text(demo.replace("clock:", "clocks:"), encoding="utf-8")
    return json.loads(installation.airflow(PARSE))


def test_a_broken_file_breaks_only_itself(parsed):
    assert parsed["errors"] == {}
    good = {f"{kind}_{name}" for kind in ("reanalyse", "backfill") for name in ("demo", *WATCHED)}
    assert set(parsed["dags"]) == {*good, "broken_torn", "broken_typo"}


def test_the_broken_dag_shows_the_error(parsed):
    assert "Dataset file typo.yaml: clocks: no such field - did you mean clock?" in parsed["dags"]["broken_typo"]["doc"]
    assert "Dataset file torn.yaml cannot be read" in parsed["dags"]["broken_torn"]["doc"]


def test_a_broken_file_looks_broken_in_the_list_of_dags(parsed):
    assert (
        parsed["dags"]["broken_typo"]["shown"]
        == "\N{WARNING SIGN} Dataset file typo.yaml: clocks: no such field - did you mean clock?"
    )
    assert parsed["dags"]["broken_torn"]["shown"].startswith("\N{WARNING SIGN} Dataset file torn.yaml cannot be read")
    assert parsed["dags"]["broken_torn"]["tags"] == ["broken dataset file", "shoal"]
    assert parsed["dags"]["reanalyse_demo"]["shown"] == "reanalyse_demo"


@pytest.mark.parametrize("dag_id", ["reanalyse_demo", "backfill_demo"])
def test_the_tasks_and_their_order(parsed, dag_id):
    dag = parsed["dags"][dag_id]
    assert dag["tasks"] == {
        "plan": ["approve", "infer"], "approve": ["infer"], "infer": ["summarize"], "summarize": ["continue_run", "end_run"], "continue_run": [], "end_run": [],
    }  # fmt: skip
    assert dag["max_active_runs"] == 1


def test_every_run_parameter_is_in_the_form_with_a_default(parsed):
    from shoal.settings.run_form import RunParams

    dag = parsed["dags"]["reanalyse_demo"]
    assert set(dag["params"]) == set(RunParams.model_fields)
    RunParams.parse(dag["defaults"])
    assert dag["params"]["limit"]["type"] == ["string", "integer", "null"]
    assert dag["params"]["retry_failed"]["items"]["enum"][0] == "empty"
    for schema in dag["params"].values():
        assert schema["title"]
        assert schema["description_md"]


def test_a_dag_is_the_same_from_parse_to_parse(parsed):
    assert parsed["unstable"] == []


@pytest.mark.parametrize(
    ("dataset", "kinds"),
    [
        pytest.param("demo", ["NullTimetable"], id="by hand only"),
        pytest.param("nightly", ["AssetOrTimeSchedule", "CronTriggerTimetable"], id="at night and on a release"),
        pytest.param("nightly_only", ["CronTriggerTimetable"], id="at night only"),
        pytest.param("release_only", ["AssetTriggeredTimetable"], id="on a release only"),
    ],
)
def test_what_starts_a_run_by_itself(parsed, dataset, kinds):
    timetable = json.dumps(parsed["timetables"][f"reanalyse_{dataset}"])
    found = [
        kind
        for kind in ("AssetOrTimeSchedule", "AssetTriggeredTimetable", "CronTriggerTimetable", "NullTimetable")
        if kind in timetable
    ]
    assert found == kinds
    if "Asset" in kinds[0]:
        assert "shoal://shoal_demo/demo-models/demo-fish" in timetable
        assert "shoal.airflow.triggers.model_release.ModelReleaseTrigger" in timetable
