"""A command that is told is the one that works where it is read: in a checkout the system's python knows no Shoal."""

import sys
from pathlib import Path

import pytest

from shoal.cli._typed_here import as_typed


@pytest.mark.parametrize(
    ("told", "typed"),
    [
        pytest.param(
            "x - python -m shoal why reef looks", "x - .venv/bin/python -m shoal why reef looks", id="in a line"
        ),
        pytest.param(".venv/bin/python -m shoal why reef", ".venv/bin/python -m shoal why reef", id="as it is already"),
        pytest.param("python -m shoal_worker predict", "python -m shoal_worker predict", id="another program"),
    ],
)
def test_a_checkout_s_own_interpreter_is_named(told, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    assert as_typed(told) == typed


def test_elsewhere_it_is_the_python_of_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(Path("/opt/airflow/bin/python")))
    assert as_typed("python -m shoal why reef") == "python -m shoal why reef"
