"""Numbers of pods that a task asks room for: those that exclude each other are refused before anything waits."""

import re

import pytest

from shoal.airflow.operators.capacity import PodCapacityOperator
from shoal.airflow.pod_room import Bounds
from shoal.airflow.sensors.capacity import PodCapacitySensor
from shoal.contract.errors import ConfigError

POD = {"spec": {"containers": [{"name": "base"}]}}

REFUSED = [
    pytest.param({"pods": 9, "max_pods": 8}, "pods 9 is above max_pods 8 - start fewer", id="pods above the most"),
    pytest.param({"pods": 1025}, "pods 1025 is above core.max_map_length 1024 - start fewer", id="more than Airflow maps"),
    pytest.param(
        {"pods": 1025, "max_pods": 2000}, "pods 1025 is above core.max_map_length 1024 - ", id="though that many were allowed"
    ),
    pytest.param({"pods": 2, "min_pods": 3}, "min_pods 3 is above pods 2, which start whatever fits - ", id="a least above pods"),
    pytest.param({"min_pods": 3, "max_pods": 2}, "min_pods 3 is above max_pods 2 - correct it", id="a least above the most"),
    pytest.param({"min_pods": 2000}, "min_pods 2000 is above core.max_map_length 1024 - ", id="a least that is never mapped"),
    pytest.param({"min_pods": 0}, "min_pods is 0, not a whole number from 1 on - correct it", id="no least"),
    pytest.param({"max_pods": "many"}, "max_pods is 'many', not a whole number from 0 on - correct it", id="no number"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "line"), REFUSED)
def test_what_excludes_each_other_is_refused_when_the_dag_is_made(said, line):
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}"):
        PodCapacityOperator(task_id="room", pod=POD, **said)


@pytest.mark.parametrize(("said", "line"), REFUSED)
def test_it_is_refused_when_the_task_runs_where_one_is_a_template(said, line):
    asked = PodCapacityOperator(
        task_id="room", pod=POD, **{name: f"{{{{ {value!r} }}}}" for name, value in said.items()}
    )
    asked.render_template_fields({})
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}".replace(r"min_pods\ is\ 0", r"min_pods\ is\ '0'")):
        Bounds.read(asked.min_pods, asked.max_pods, asked.pods)


@pytest.mark.parametrize(
    ("said", "bounds"),
    [
        pytest.param({}, Bounds(1, 1024, None), id="nothing"),
        pytest.param({"max_pods": "8", "min_pods": "2", "pods": "None"}, Bounds(2, 8, None), id="rendered"),
        pytest.param({"max_pods": 5000}, Bounds(1, 1024, None), id="more than Airflow maps"),
        pytest.param({"max_pods": 0, "min_pods": 3, "pods": 3}, Bounds(3, 0, 3), id="nothing to do"),
        pytest.param({"pods": 8, "max_pods": 8, "min_pods": 8}, Bounds(8, 8, 8), id="all alike"),
    ],
)
def test_bounds_that_go_together_are_taken(said, bounds):
    assert Bounds.read(*(said.get(name) for name in ("min_pods", "max_pods", "pods"))) == bounds


def test_a_sensor_refuses_a_least_that_is_no_number_when_it_is_made():
    with pytest.raises(ConfigError, match=r"^min_pods is 0, not a whole number from 1 on"):
        PodCapacitySensor(task_id="room", pod=POD, min_pods=0)
