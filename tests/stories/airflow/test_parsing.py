"""What reading the DAG file costs and touches: no network, no database, no provider that no dataset uses, the same DAG each time."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PARSE = """
import json, logging, socket, sqlite3, sys
def refuse(*_, **__):
    raise AssertionError("the DAG file asked the network or the database")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
sqlite3.connect = sqlite3.dbapi2.connect = refuse
logging.disable(logging.CRITICAL)
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
print(json.dumps({
    "errors": bag.import_errors,
    "dags": {name: json.dumps(DagSerialization.to_dict(dag), sort_keys=True) for name, dag in sorted(bag.dags.items())},
    "provider": "airflow.providers.cncf.kubernetes.operators.pod" in sys.modules,
}, default=str))
"""

DEMO = (ROOT / "include/datasets/demo.yaml").read_text(encoding="utf-8")
PODS = """
cluster: {kind: kubernetes, pod: {transfer: direct}}
worker: {image: shoal-worker}
"""
TOLD = """
run: {schedule: 0 2 * * *, pool: shoal}
"""


@pytest.fixture(scope="module")
def parse(installation, tmp_path_factory):
    """Parses dataset files in a process of its own, without network and database."""

    def parse_files(files, hash_seed="0"):
        home = type(installation)(tmp_path_factory.mktemp("parsing"))
        (home.home / "datasets").mkdir(parents=True)
        for name, text in files.items():
            (home.home / f"datasets/{name}.yaml").write_text(text, encoding="utf-8")
        found = json.loads(home.airflow(PARSE, PYTHONHASHSEED=hash_seed))
        assert found["errors"] == {}
        return found

    return parse_files


@pytest.fixture(scope="module")
def local_only(parse):
    return parse({"demo": DEMO, "told": DEMO + TOLD})


@pytest.fixture(scope="module")
def with_pods(parse):
    """Two processes that hash differently, over the same files."""
    pods = DEMO.split("cluster:")[0] + PODS + TOLD
    return [parse({"demo": DEMO, "reef": pods}, seed) for seed in ("1", "2")]


def test_the_kubernetes_provider_is_left_to_the_tasks_that_start_pods(local_only, with_pods):
    """A dataset file may change from one machine to pods while a run is in flight: one task is there for both."""
    assert local_only["provider"] is False
    assert with_pods[0]["provider"] is False


def test_a_dag_is_the_same_from_parse_to_parse(with_pods):
    """Airflow makes a new version of a DAG whenever its serialized form changes."""
    first, second = with_pods
    assert set(first["dags"]) == {f"{kind}_{name}" for kind in ("backfill", "reanalyse") for name in ("demo", "reef")}
    assert first["dags"] == second["dags"]


def test_only_shards_wait_in_the_dataset_s_pool(local_only):
    tasks = {task["__var"]["task_id"]: task["__var"] for task in dag_of(local_only, "reanalyse_told")["tasks"]}
    pools = {
        name: task.get("pool") or task.get("partial_kwargs", {}).get("pool", "default_pool")
        for name, task in tasks.items()
    }
    assert pools.pop("infer") == "shoal"
    assert set(pools.values()) == {"default_pool"}


def test_a_backfill_waits_behind_nightly_runs(local_only):
    weights = {
        name: dag_of(local_only, f"{name}_told")["default_args"]["__var"]["priority_weight"]
        for name in ("reanalyse", "backfill")
    }
    assert weights["backfill"] < weights["reanalyse"]


ONE = """
import json
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
from shoal.airflow import dags
opened = []
load = dags.load_dataset
dags.load_dataset = lambda path: opened.append(path.stem) or load(path)
found = {}
for wanted in (None, "reanalyse_reef7", "backfill_reef7", "broken_torn", "reanalyse_torn", "reanalyse_gone"):
    opened.clear()
    with _airflow_parsing_context_manager(dag_id=wanted):
        found[str(wanted)] = [sorted(dags.build()), len(opened)]
print(json.dumps(found))
"""


def test_the_process_of_a_task_builds_its_own_dag_only(installation, tmp_path_factory):
    """With 20 dataset files each task would else make 40 DAGs to run one."""
    home = type(installation)(tmp_path_factory.mktemp("one"))
    (home.home / "datasets").mkdir(parents=True)
    for number in range(20):
        (home.home / f"datasets/reef{number}.yaml").write_text(DEMO, encoding="utf-8")
    (home.home / "datasets/torn.yaml").write_text("source: {conn_id: x", encoding="utf-8")
    found = json.loads(home.airflow(ONE))
    everything, files_read = found.pop("None")
    assert (len(everything), files_read) == (41, 21)
    assert found == {
        "reanalyse_reef7": [["reanalyse_reef7"], 1], "backfill_reef7": [["backfill_reef7"], 1], "broken_torn": [["broken_torn"], 1],
        "reanalyse_torn": [["broken_torn"], 1], "reanalyse_gone": [[], 0],
    }  # fmt: skip


def test_the_dag_file_of_the_package_is_that_of_the_checkout():
    """Airflow looks into files that have both words only."""
    installed, checkout = (ROOT / folder / "shoal_dags.py" for folder in ("include/shoal/airflow/dag_folder", "dags"))
    assert installed.read_bytes() == checkout.read_bytes()
    assert all(word in installed.read_bytes() for word in (b"airflow", b"dag"))


def dag_of(parsed, dag_id):
    return json.loads(parsed["dags"][dag_id])["dag"]
