"""`fit --dataset` of a dataset that runs on this machine: its room is told, no cluster is asked."""

import json

import pytest

from shoal.__main__ import main

LOCAL = """\
source: {conn_id: store, bucket: photos}
results: {conn_id: store, bucket: results}
model: {name: demo-fish, version: v1}
models: {conn_id: store, bucket: models}
cluster: {kind: local, share: 1, max_pods: 1, pod: {cpu: "%s", memory: 1Mi}}
"""


@pytest.mark.parametrize(("cpu", "workers", "status"), [("10m", 1, 0), ("100000", 0, 1)], ids=["fits", "too large"])
def test_the_room_of_this_machine_is_told(tmp_path, monkeypatch, capsys, *, cpu, workers, status):
    (tmp_path / "mine.yaml").write_text(LOCAL % cpu)
    monkeypatch.setenv("SHOAL_DATASETS", str(tmp_path))
    assert main(["fit", "--dataset", "mine"]) == status
    told = capsys.readouterr().out
    assert "may start on this machine (" in told
    assert told.rstrip().endswith(f": {workers}")
    assert main(["fit", "--dataset", "mine", "--json"]) == status
    assert json.loads(capsys.readouterr().out)["pods"] == workers
