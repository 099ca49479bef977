"""What a test says of a run that it does not understand, when Airflow itself knows only half of it."""

import json

from airflow_rest import AirflowRest
from worker.http_faults import faulty_store

TASKS = [
    {"task_id": "plan", "map_index": -1, "state": "success", "try_number": 1},
    {"task_id": "infer", "map_index": 0, "state": None, "try_number": 0},
]


def answer(handler, _number):
    """Airflow's answers, shortened: the log of a task that never ran is 404."""
    path, status, body = handler.path, 200, {}
    if path == "/auth/token":
        body = {"access_token": "x"}
    elif path.endswith("taskInstances?limit=1000"):
        body = {"task_instances": TASKS}
    elif "/plan/logs/1" in path:
        body = {"content": [{"event": "150 images"}]}
    else:
        status, body = 404, {"detail": "TaskInstance not found"}
    data = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def test_a_task_that_never_ran_has_no_log_and_does_not_keep_the_others_from_telling_theirs():
    with faulty_store(answer) as (url, _):
        story = AirflowRest(int(url.rpartition(":")[2]), "secret").story("reanalyse_x", "run")
    assert story == "== plan -1 success\n150 images\n== infer 0 None\n(no log: 404)"
