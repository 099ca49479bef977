"""What the Airflow image makes of the words that it is started with."""

import os
import subprocess

import pytest

from cluster.binaries import CHECKOUT


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        pytest.param(["scheduler"], "airflow scheduler", id="a component, as the page of operations starts it"),
        pytest.param(["airflow", "scheduler"], "airflow scheduler", id="compose"),
        pytest.param(["bash", "-c", "exec airflow scheduler"], "airflow scheduler", id="the Helm chart"),
        pytest.param(["python", "-c", "print('a task')"], "a task", id="the Kubernetes executor"),
        pytest.param([], "airflow", id="nothing"),
    ],
)
def test_airflow_is_meant_unless_a_program_is_named(words, runs, tmp_path):
    airflow = tmp_path / "airflow"
    airflow.write_text('#!/bin/sh\necho airflow "$@"\n')
    airflow.chmod(0o755)
    command = ["sh", CHECKOUT / "docker/airflow/entrypoint.sh", *words]
    ended = subprocess.run(
        command, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == runs
