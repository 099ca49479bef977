"""Where a worker of this machine starts: nothing of Airflow's lies beside it."""

import sys
from pathlib import Path

import pytest

from shoal.contract.worker_command import WorkerCommand
from shoal.engines.local.process import WorkerProcess
from shoal.models import trial
from shoal.models.trial import judge_model
from shoal.stores.s3_access import StoreAccess
from worker.onnx_models import constant_model


@pytest.mark.skipif(sys.platform != "linux", reason="another process's folder is not tested: no /proc here")
def test_a_worker_starts_in_an_empty_folder_of_its_own_that_goes_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "airflow.cfg").write_text("fernet_key = secret")
    worker = WorkerProcess.start(WorkerCommand("results", "plan.json", 0, "attempt1"), {})
    folder = Path(f"/proc/{worker._process.pid}/cwd").readlink()
    assert folder != tmp_path
    assert list(folder.iterdir()) == []
    worker.stop()
    assert not folder.exists()


def test_a_worker_that_is_asked_finds_what_is_named_from_where_the_asker_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trial, "_ANSWERS", {})
    Path("model.onnx").write_bytes(constant_model())
    assert judge_model(Path("model.onnx")).untried == ""


def test_a_certificate_authority_is_named_for_readers_that_start_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    access = StoreAccess("https://store", "accesskey123", "secretkey123456", ca_file="ca.pem")
    assert access.to_env("source")["SHOAL_SOURCE_CA_FILE"] == str(tmp_path / "ca.pem")
