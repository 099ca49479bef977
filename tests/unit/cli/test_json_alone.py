"""With `--json` the object is alone on standard output, whatever libraries log: Airflow's logging writes there by itself."""

import json
import os
import subprocess
import sys

from worker.http_faults import faulty_store, status

DATASET = """\
source: {conn_id: store, bucket: photos}
results: {conn_id: store, bucket: results}
models: {conn_id: store, bucket: models}
model: {name: demo-fish, version: v1}
cluster: {kind: local}
"""


def test_a_warning_that_airflow_s_logging_writes_stands_beside_the_object(tmp_path):
    (tmp_path / "mine.yaml").write_text(DATASET)
    with faulty_store(status(503, "SlowDown")) as (endpoint_url, _):
        extra = {"endpoint_url": endpoint_url}
        connection = {"conn_type": "generic", "login": "key", "password": "secret", "extra": extra}
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW_CONN_STORE": json.dumps(connection),
            "SHOAL_DATASETS": str(tmp_path),
            "SHOAL_STORE_PATIENCE_S": "0.1",
        }
        done = subprocess.run(
            [sys.executable, "-m", "shoal", "check", "mine", "--json"],
            capture_output=True, check=False, env=environment, text=True, timeout=100,
        )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False), done
    assert "The store asks for fewer requests (SlowDown" in done.stderr
