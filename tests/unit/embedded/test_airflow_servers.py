"""How Airflow's own processes are configured on this machine."""

from importlib.util import find_spec

import pytest

from shoal.embedded.processes.airflow_servers import PRELOADED, web_environment


@pytest.mark.parametrize("module", PRELOADED)
def test_what_task_processes_are_to_inherit_is_there(module):
    """Python passes over what it cannot import beforehand, and each task is slow again."""
    assert find_spec(module) is not None


def test_task_processes_are_forked_from_a_server_that_has_imported_it():
    told = web_environment(8080)
    assert told["AIRFLOW__SCHEDULER__MP_START_METHOD"] == "forkserver", "preloading is for that one only"
    assert told["AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD"].split(",") == list(PRELOADED)
