"""Telling people through Apprise, which knows Matrix and a hundred others: here its own JSON over HTTP, received by a server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dataset_settings import dataset_settings
from shoal.airflow.alerts import Message, tell
from shoal.airflow.notifiers import check_notifiers
from shoal.settings.dataset import Dataset

pytest.importorskip("airflow.providers.apprise", reason="apache-airflow-providers-apprise is not installed")

NOTIFIER = {
    "notifier": "airflow.providers.apprise.notifications.apprise.AppriseNotifier",
    "arguments": {
        "apprise_conn_id": "matrix", "title": "Shoal {{ dataset }}", "body": "{{ alert }} {{ url }}", "notify_type": "info",
    },
}  # fmt: skip
"""As docs/operations.md writes it."""


@pytest.fixture
def received(monkeypatch):
    """What the server got; Airflow's connection `matrix` leads there."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {"path": f"json://127.0.0.1:{server.server_port}/", "tag": "all"}
    connection = {"conn_type": "apprise", "extra": {"config": config}}
    monkeypatch.setenv("AIRFLOW_CONN_MATRIX", json.dumps(connection))
    yield bodies
    server.shutdown()
    server.server_close()


def test_a_message_arrives_with_title_line_link_and_command(received):
    dataset = Dataset.model_validate({
        "name": "reef", **dataset_settings("reef", "store"), "alerts": {"notifiers": [NOTIFIER]},
    })  # fmt: skip
    assert "AppriseNotifier will be told" in check_notifiers(dataset.alerts)
    tell(dataset, Message("silent", "no image of camera A since 02:00", "mend it"), "reanalyse_reef", "run 1")
    [body] = received
    assert body["title"] == "Shoal reef"
    assert body["message"].startswith("no image of camera A since 02:00 - mend it ")
    assert body["message"].endswith("/dags/reanalyse_reef/runs/run%201")
