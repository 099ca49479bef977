"""`make up`: the real scheduler, executor and REST API over the embedded store, until Ctrl-C."""

import os
import re
import signal
import socket
import time

import psutil
import pytest
import urllib3

READY_S, RUN_S = 300, 240


@pytest.fixture(scope="module")
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def web(installation, port):
    """A running web interface with a session, after another one was killed over the same folder and port; stopped by Ctrl-C,
    after which nothing may be left."""
    killed = installation.start("up", "--port", str(port))
    _password(killed)
    left = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.communicate(timeout=60)
    assert all(process.is_running() for process in left), "what a killed command leaves"
    process = installation.start("up", "--port", str(port))
    try:
        client = Client(port, _password(process))
        client.process = psutil.Process(process.pid)
        _, client.left_by_the_killed = psutil.wait_procs(left, timeout=1)
        yield client
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=90)
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == [], "Ctrl-C leaves no process behind"


def _password(process) -> str:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"password (\S+)", line):
            return found[1]
    raise AssertionError("".join(lines))


class Client:
    """Airflow's REST API, as a person's scripts use it."""

    def __init__(self, port: int, password: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.http = urllib3.PoolManager(retries=urllib3.Retry(3, backoff_factor=1))
        login = self.http.request("POST", f"{self.url}/auth/token", json={"username": "admin", "password": password})
        self.headers = {"Authorization": f"Bearer {login.json()['access_token']}"}

    def trigger(self, **conf):
        body = {"logical_date": None, "conf": conf}
        path = f"{self.url}/api/v2/dags/reanalyse_demo/dagRuns"
        return self.http.request("POST", path, json=body, headers=self.headers)

    def get(self, path):
        return self.http.request("GET", f"{self.url}/api/v2/{path}", headers=self.headers).json()

    def finished(self, run_id):
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            state = self.get(f"dags/reanalyse_demo/dagRuns/{run_id}")["state"]
            if state in {"success", "failed"}:
                return state
            time.sleep(2)
        raise AssertionError(f"run {run_id} did not end in {RUN_S} s")

    def tasks(self, run_id):
        found = self.get(f"dags/reanalyse_demo/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {(task["task_id"], task["rendered_map_index"]): task["state"] for task in found}


def test_what_a_killed_web_interface_left_is_ended_by_the_next(web):
    assert web.left_by_the_killed == []


def test_every_server_listens_on_loopback_only(web):
    listening = [
        connection.laddr.ip
        for process in web.process.children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 2, "the web interface and the store"
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        pytest.param({"limit": 0}, "Invalid input for param limit: 0 is less than the minimum of 1", id="limit"),
        pytest.param({"conf": "high"}, "Invalid input for param conf: 'high' is not of type", id="conf"),
        pytest.param({"prefix": "/x"}, "Invalid input for param prefix", id="prefix"),
        pytest.param({"retry_failed": ["bad luck"]}, "Invalid input for param retry_failed: 'bad luck'", id="reason"),
    ],
)
def test_a_bad_parameter_is_refused_when_triggering(web, conf, message):
    answer = web.trigger(**conf)
    assert answer.status == 400
    assert message in answer.json()["detail"]


def test_a_run_triggered_by_rest_maps_shards_and_ends_with_a_summary(web):
    run_id = web.trigger(model_version="v2").json()["dag_run_id"]
    assert web.finished(run_id) == "success"
    assert web.tasks(run_id) == {
        ("plan", None): "success", ("infer", "shard 0"): "success", ("infer", "shard 1"): "success",
        ("summarize", None): "success", ("continue_run", None): "skipped", ("end_run", None): "success",
    }  # fmt: skip
    result = web.get(f"dags/reanalyse_demo/dagRuns/{run_id}/taskInstances/summarize/xcomEntries/return_value")["value"]
    assert "demo/demo-fish-v2-" in str(result)


def test_the_report_is_one_click_away_for_those_who_may_see_the_dag(web):
    run_id = web.trigger(model_version="v1").json()["dag_run_id"]
    assert web.finished(run_id) == "success"
    links = web.get(f"dags/reanalyse_demo/dagRuns/{run_id}/taskInstances/summarize/links")["extra_links"]
    url = web.url + links["Report"]
    assert web.http.request("GET", url).status in {401, 403}
    page = web.http.request("GET", url, headers=web.headers)
    assert (page.status, "Chromis chromis" in page.data.decode()) == (200, True)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    missing = url[: url.rindex("/")] + "/20200101T000000Z-aaaaaaaa"
    assert web.http.request("GET", missing, headers=web.headers).status == 404
    assert web.http.request("GET", web.url + "/shoal/openapi.json").status == 404


def test_plan_only_starts_no_shard_and_summarizes_nothing(web):
    run_id = web.trigger(plan_only=True, model_version="v2", prefix="IPC608/").json()["dag_run_id"]
    assert web.finished(run_id) == "success"
    assert set(web.tasks(run_id).values()) == {"success", "skipped"}


def test_a_failed_plan_fails_the_run(web):
    run_id = web.trigger(model_version="v99").json()["dag_run_id"]
    assert web.finished(run_id) == "failed"
    assert web.tasks(run_id)["summarize", None] == "failed"
