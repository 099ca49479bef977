"""A triggerer that waits for hundreds of pods: bounded connections, and looks as far apart as it can bear."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager

import pytest

from shoal.airflow.triggers import shard_pod
from shoal.airflow.triggers.shard_pod import LINES, ShardPodTrigger
from worker.http_faults import faulty_store

RUNNING = {
    "kind": "Pod", "metadata": {"name": "x"}, "spec": {"nodeName": "n", "containers": []},
    "status": {"phase": "Running", "containerStatuses": [
        {"name": "worker", "image": "w", "imageID": "w", "ready": True, "restartCount": 0,
         "state": {"running": {"startedAt": "2026-06-01T00:00:00Z"}}},
    ]},
}  # fmt: skip


class Counted:
    """An API server that takes a while for an answer, and counts how many it is asked for at once.

    Args:
        takes_s: The while.
        first: Of the first answers none is given before so many are asked for, however slow whoever asks is.
    """

    def __init__(self, takes_s=0.1, first=1):
        self.takes_s, self.now, self.most, self.asked = takes_s, 0, 0, 0
        self._lock = threading.Lock()
        self._first, self._are_asked = first, threading.Event()

    def __call__(self, handler, _number):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.asked += 1
        if self.most >= self._first:
            self._are_asked.set()
        self._are_asked.wait(40)
        time.sleep(self.takes_s)
        body = json.dumps(RUNNING).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        with self._lock:
            self.now -= 1
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def waiting(monkeypatch, folder, server, triggers, conn_id="many"):
    """Let so many triggers wait until it is enough."""
    with faulty_store(server) as (url, _):
        kubeconfig = {
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}], "users": [{"name": "u", "user": {"token": "nobody"}}],
        }  # fmt: skip
        path = folder / f"kubeconfig-{conn_id}"
        path.write_text(json.dumps(kubeconfig), encoding="utf-8")
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(path)}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        yield lambda is_enough, *beside: asyncio.run(_wait([conn_id] * triggers + list(beside), is_enough))


async def _wait(conn_ids, is_enough):
    tasks = [asyncio.create_task(_look_on(number, conn_id)) for number, conn_id in enumerate(conn_ids)]
    deadline = time.monotonic() + 60
    while not is_enough() and time.monotonic() < deadline:  # noqa: ASYNC110 - a server in other threads
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _look_on(number, conn_id):
    async for event in ShardPodTrigger(conn_id, "ns", f"pod-{number}", 60, 0.2).run():
        raise AssertionError(event.payload)


def test_hundreds_of_pods_are_looked_at_through_a_few_lines(monkeypatch, tmp_path):
    server = Counted(first=LINES)
    with waiting(monkeypatch, tmp_path, server, 40) as wait:
        wait(lambda: server.asked >= 40)
    assert server.most == LINES
    assert shard_pod._at_work == set()


@pytest.mark.parametrize(
    ("pods", "apart_s"),
    [
        pytest.param(1, 5.0, id="one"),
        pytest.param(250, 5.0, id="as many as can be looked at so often"),
        pytest.param(1000, 20.0, id="as many as a triggerer takes"),
    ],
)
def test_looks_at_many_pods_are_as_far_apart_as_a_triggerer_can_bear(monkeypatch, pods, apart_s):
    monkeypatch.setattr(shard_pod, "_at_work", set(range(pods)))
    assert shard_pod._apart_s(5.0) == apart_s


class Silent:
    """An API server that takes every question and answers none, until it may hang up."""

    def __init__(self):
        self.asked, self.may_hang_up = 0, threading.Event()
        self._lock = threading.Lock()

    def __call__(self, handler, _number):
        with self._lock:
            self.asked += 1
        self.may_hang_up.wait()
        handler.close_connection = True


def test_a_cluster_that_answers_nothing_holds_no_line_of_another_one(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(shard_pod, "LINES", 2)
    silent, server = Silent(), Counted(takes_s=0.01)

    def others_are_looked_at():
        return silent.asked >= 2 and server.asked >= 8

    def the_next_are_looked_at():
        return silent.asked >= 4

    with waiting(monkeypatch, tmp_path, silent, 6, "silent") as wait, waiting(monkeypatch, tmp_path, server, 0):
        try:
            monkeypatch.setattr(shard_pod, "ONE_LOOK_S", 300)
            wait(others_are_looked_at, *["many"] * 4)
            assert (silent.asked, server.asked >= 8) == (2, True), "it has its lines, and the others have theirs"
            assert "no answer in time" not in capsys.readouterr().out, "no look has ended by then"
            monkeypatch.setattr(shard_pod, "ONE_LOOK_S", 0.5)
            silent.asked = 0
            wait(the_next_are_looked_at)
        finally:
            silent.may_hang_up.set()
    assert silent.asked >= 4, "each look ends, and the next one has its line"
    assert "cannot be looked at, again in 0 s: no answer in time" in capsys.readouterr().out
