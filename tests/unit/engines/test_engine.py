"""The door of the engines: one table of places where workers run, and nothing elsewhere that asks which it is."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from shoal.contract.errors import InsufficientCapacityError, WorkerError
from shoal.engines.engine import ENGINES, DagRunId, Watch, Workers, open_engine, run_to_end
from shoal.engines.local.engine import LocalEngine
from shoal.settings.dataset import Dataset
from shoal.settings.execution import HAVE_PODS, Cluster

INCLUDE = Path(__file__).parents[3] / "include"


def nowhere(*ids):
    raise AssertionError(f"asked for {ids}")


def local(**cluster):
    return LocalEngine(Workers(Cluster(**cluster)), nowhere)


def dataset(**cluster):
    store = {"conn_id": "s3", "bucket": "bucket"}
    return Dataset.model_validate(
        {
            "name": "demo",
            "source": store,
            "models": store,
            "results": {"conn_id": "other", "bucket": "bucket"},
            "model": {"name": "fish"},
            "clock": {"pattern": r"(?P<time>\d{8}-\d{6})"},
            "worker": {"image": "worker:1"},
            "sidecar": {"image": "sidecar:1"},
            "cluster": cluster,
        }
    )


def test_every_kind_that_a_dataset_file_may_name_has_its_engine():
    kinds = set(get_args(Cluster.model_fields["kind"].annotation))
    assert kinds == set(ENGINES) == set(HAVE_PODS)


@pytest.mark.parametrize("kind", ENGINES)
def test_an_engine_does_all_that_engines_do_and_is_reached_by_none_of_it(kind):
    engine = open_engine(dataset(kind=kind), nowhere)
    assert {name for name in dir(engine) if not name.startswith("_")} >= {
        "runner", "waits", "pause_s", "conn_id", "describe", "sample_pod", "room", "start", "look", "last_words", "verdict",
        "end", "check_steps", "tell",
    }  # fmt: skip
    assert engine.sample_pod()["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "2Gi"}
    assert engine.room(engine.sample_pod(), nowhere, nowhere)


def test_nothing_asks_which_kind_it_is():
    asking = re.compile(r"cluster\.kind\s*(==|!=|in\b)|\bkind == \"(local|kubernetes)\"")
    found = [path.name for path in INCLUDE.rglob("*.py") if asking.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_a_machine_counts_room_for_a_pod_of_anybody():
    def pod(cpu):
        return {"spec": {"containers": [{"name": "any", "resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}}]}}

    engine = local(share=1.0)
    assert engine.room(pod("100m"), nowhere, nowhere).find(promise=True).pods >= 10
    with pytest.raises(InsufficientCapacityError, match="cpu 5000"):
        engine.room(pod("5000"), nowhere, nowhere).find(promise=True)


def test_a_machine_owns_nothing_and_has_no_story():
    engine = local()
    assert (engine.end(nowhere, 0), engine.tell("run", {"pod"})) == ("", [])


def test_a_dag_run_has_one_name_wherever_it_is_asked_for():
    named = DagRunId("a", "reanalyse_demo", "manual")
    assert (
        named.name == DagRunId("a", "reanalyse_demo", "manual").name != DagRunId("b", "reanalyse_demo", "manual").name
    )


def test_the_door_imports_no_engine():
    program = (
        "import sys, shoal.engines.engine\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'kubernetes', 'duckdb', 'psutil', 'airflow'}])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(INCLUDE)}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


class Stubborn:
    """A place whose worker fails, and where nothing goes."""

    pause_s = 0.0

    def __init__(self, failure):
        self.failure = failure

    def start(self, _work, _owner):
        return "worker"

    def look(self, _handle, _before):
        return Watch(status="over")

    def last_words(self, _handle, _watch):
        yield "goodbye"

    def verdict(self, _handle, _watch):
        return self.failure

    def end(self, _owner, _wait_s):
        raise WorkerError("1 pods are still there")


def test_what_failed_first_is_told_where_the_clean_up_fails_too():
    said = []
    with pytest.raises(WorkerError, match="no lease"):
        run_to_end(Stubborn(WorkerError("no lease")), None, nowhere, said.append)
    assert said == ["goodbye", "1 pods are still there"]
    with pytest.raises(WorkerError, match="1 pods are still there"):
        run_to_end(Stubborn(None), None, nowhere, said.append)
