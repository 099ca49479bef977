"""docs/capacity.md: every argument of the operator has its row, and the example is as short as it says."""

import inspect
import re
from pathlib import Path

from shoal.airflow.operators.capacity import PodCapacityOperator
from shoal.airflow.sensors.capacity import PodCapacitySensor

PAGE = (Path(__file__).parents[2] / "docs/capacity.md").read_text(encoding="utf-8")


def own(task):
    """Arguments that a task has beside those of every task."""
    return [name for name in inspect.signature(task).parameters if name not in {"self", "kwargs"}]


def test_every_argument_of_the_operator_has_a_row():
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.split("<!-- capacity -->")[1].split("\n\n")[0], re.MULTILINE)
    assert sorted(rows) == sorted(own(PodCapacityOperator))


def test_every_argument_of_the_sensor_is_named():
    text = PAGE.split("`PodCapacitySensor` takes")[1].split("\n\n")[0]
    assert set(own(PodCapacitySensor)) <= set(re.findall(r"`(\w+)", text))


def test_the_example_is_about_twenty_lines():
    example = PAGE.split("```python\n")[1].split("```")[0]
    assert 15 <= len(example.splitlines()) <= 26
