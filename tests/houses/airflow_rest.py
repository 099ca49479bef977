"""Airflow's REST API, as a person's scripts use it."""

import time
from datetime import UTC, datetime
from typing import Any

import urllib3

from waiting import wait_until

RUN_S = 600
LOCKED_S = 60
LOG_CHARACTERS = 3000
READING_S = 3
"""A person reads first. An answer within the second in which a question is asked can reach Airflow before its scheduler has
heard that the asking process ended: it takes that for a failed attempt ("state mismatch") and asks once more. A scheduler on a
busy machine hears it later still."""


class AirflowRest:
    """A session of the web interface's user."""

    def __init__(self, port: int, password: str, host: str = "127.0.0.1") -> None:
        self.url = f"http://{host}:{port}"
        self.http = urllib3.PoolManager(retries=urllib3.Retry(3, backoff_factor=1))
        login = self.http.request("POST", f"{self.url}/auth/token", json={"username": "admin", "password": password})
        self.headers = {"Authorization": f"Bearer {login.json()['access_token']}"}

    def send(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._request(method, path, body)
        assert answer.status < 300, (path, answer.status, answer.data)
        return answer.json() if answer.data else None

    def try_to_trigger(self, dag_id: str, **conf: Any) -> "urllib3.BaseHTTPResponse":
        return self._request("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})

    def _request(self, method: str, path: str, body: Any) -> "urllib3.BaseHTTPResponse":
        """Send one request, again for a while where SQLite was locked: then nothing was written."""
        deadline = time.monotonic() + LOCKED_S
        while True:
            answer = self.http.request(method, f"{self.url}/api/v2/{path}", json=body, headers=self.headers)
            if answer.status < 500 or b"Database error" not in answer.data or time.monotonic() > deadline:
                return answer
            time.sleep(1)

    def knows(self, dag_id: str) -> bool:
        """Whether a DAG was parsed and stored: a web interface answers before that."""
        return self._request("GET", f"dags/{dag_id}", None).status == 200

    def trigger(self, dag_id: str, **conf: Any) -> str:
        answer = self.try_to_trigger(dag_id, **conf)
        assert answer.status == 200, answer.data
        return str(answer.json()["dag_run_id"])

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def finished(self, dag_id: str, run_id: str, within_s: float = RUN_S) -> str:
        """Wait until a run has ended; return its state."""

        def ended() -> str:
            state = self.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"]
            return str(state) if state in {"success", "failed"} else ""

        what = f"the end of run {run_id}"
        return str(wait_until(ended, within_s, lambda: f"{what}: {self.tasks(dag_id, run_id)}", pause_s=0.5))

    def reached(self, dag_id: str, run_id: str, task_id: str, state: str, within_s: float = RUN_S) -> None:
        """Wait until a task, or one of its mapped instances, is in a state."""

        def reached() -> bool:
            return state in {found for (task, _), found in self.tasks(dag_id, run_id).items() if task == task_id}

        what = f"{task_id} of {run_id} {state}"
        wait_until(reached, within_s, lambda: f"{what}: {self.tasks(dag_id, run_id)}", pause_s=0.5)

    def tried_in_vain(self, dag_id: str, run_id: str, task_id: str, within_s: float = RUN_S) -> None:
        """Wait until an attempt at a task, or at one of its mapped instances, has failed; the next one may be at work by then."""

        def failed() -> bool:
            found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
            return any(
                task["state"] == "up_for_retry" or task["try_number"] > 1
                for task in found
                if task["task_id"] == task_id
            )

        what = f"an attempt at {task_id} of {run_id} failed"
        wait_until(failed, within_s, lambda: f"{what}: {self.tasks(dag_id, run_id)}", pause_s=0.5)

    def asked(self, dag_id: str, run_id: str, within_s: float = RUN_S) -> Any:
        """Wait until a run asks a person; return the question."""
        self.reached(dag_id, run_id, "approve", "awaiting_input", within_s)
        time.sleep(READING_S)
        read = datetime.now(UTC)
        wait_until(lambda: self._heartbeat() > read, within_s, "a turn of the scheduler's", pause_s=0.3)
        return self.get(_question(dag_id, run_id))

    def _heartbeat(self) -> datetime:
        """When the scheduler last came through its loop: by then it has heard of every process that had ended before."""
        return datetime.fromisoformat(self.get("monitor/health")["scheduler"]["latest_scheduler_heartbeat"])

    def answer(self, dag_id: str, run_id: str, option: str) -> None:
        """Answer what a run asks, as the button under Required actions does."""
        self.send("PATCH", _question(dag_id, run_id), {"chosen_options": [option], "params_input": {}})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task and all after it, as the button in the web interface does; wait until it runs again."""
        body = {
            "dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True,
            "only_failed": False, "reset_dag_runs": True,
        }  # fmt: skip
        self.send("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def backfill(self, dag_id: str, first: str, last: str, **conf: Any) -> str:
        """Start a backfill from one logical date to another, as a person's script does; return its id.

        SQLite takes none while another task writes (503), and Airflow none beside one of the same DAG (409).
        """
        body = {
            "dag_id": dag_id, "from_date": first, "to_date": last, "reprocess_behavior": "completed", "max_active_runs": 1,
            "dag_run_conf": conf or None,
        }  # fmt: skip
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            answer = self.http.request(
                "POST", f"{self.url}/api/v2/backfills", json=body, headers=self.headers, retries=False
            )
            if answer.status == 200:
                return str(answer.json()["id"])
            assert answer.status in {409, 503}, answer.data
            time.sleep(1)
        raise AssertionError(f"no backfill of {dag_id} in {RUN_S} s: {answer.data!r}")

    def tasks(self, dag_id: str, run_id: str) -> dict[tuple[str, str | None], str]:
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
        return {(task["task_id"], task["rendered_map_index"]): task["state"] for task in found}

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, attempt: int = 1) -> str:
        found = self.get(_log_path(dag_id, run_id, task_id, map_index, attempt))
        return "\n".join(_line(entry) for entry in found["content"])

    def logs(self, dag_id: str, run_id: str, task_id: str) -> list[str]:
        """Every attempt's log: one that a busy machine did not begin in time has none."""
        tries = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")["try_number"]
        paths = [_log_path(dag_id, run_id, task_id, -1, attempt) for attempt in range(1, tries + 1)]
        answers = [self._request("GET", path, None) for path in paths]
        return ["\n".join(map(_line, answer.json()["content"])) for answer in answers if answer.status < 300]

    def story(self, dag_id: str, run_id: str) -> str:
        """Every task's state and the end of its log, for a person who asks why: a task that never ran has none."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
        logs = [
            f"== {task['task_id']} {task['map_index']} {task['state']}\n{self._end_of_log(dag_id, run_id, task)}"
            for task in found
        ]
        return "\n".join(logs)

    def _end_of_log(self, dag_id: str, run_id: str, task: dict[str, Any]) -> str:
        path = _log_path(dag_id, run_id, task["task_id"], task["map_index"], max(1, task["try_number"]))
        answer = self._request("GET", path, None)
        if answer.status >= 300:
            return f"(no log: {answer.status})"
        return "\n".join(_line(entry) for entry in answer.json()["content"])[-LOG_CHARACTERS:]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        return self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true")[
            "value"
        ]


def _line(entry: dict[str, Any]) -> str:
    """Show what a person reads: the message, and of an exception its type and text, outermost last."""
    causes = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
    return "\n".join([str(entry.get("event", entry)), *causes])


def _log_path(dag_id: str, run_id: str, task_id: str, map_index: int, attempt: int) -> str:
    place = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
    return f"{place}?map_index={map_index}&full_content=true"


def _question(dag_id: str, run_id: str) -> str:
    return f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
