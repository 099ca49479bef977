"""Which Airflow a command asks for connections, and that none is made for asking."""

from pathlib import Path

import pytest

from shoal.cli._which_airflow import choose_airflow


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A person's home folder, and a `.shoal` beside it with dataset files, in which make up has run once."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("SHOAL_HOME", str(tmp_path / ".shoal"))
    for folder in ("me", ".shoal/datasets", ".shoal/airflow", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".shoal/airflow/airflow.db").touch()
    return tmp_path


def chosen(folder, **environment):
    choose_airflow(folder, environment)
    return environment


def test_dataset_files_of_make_up_are_those_of_its_airflow(place):
    found = chosen(place / ".shoal/datasets", AIRFLOW__CORE__FERNET_KEY="another's")
    assert found["AIRFLOW_HOME"] == str(place / ".shoal/airflow")
    assert found["_AIRFLOW_PROCESS_CONTEXT"] == "server"
    assert "AIRFLOW__CORE__FERNET_KEY" not in found


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME",
        "AIRFLOW_CONFIG",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD",
    ],
)
def test_an_airflow_that_is_named_is_asked(place, name):
    assert chosen(place / ".shoal/datasets", **{name: "x"}) == {name: "x", "_AIRFLOW_PROCESS_CONTEXT": "server"}


def test_files_elsewhere_are_of_the_airflow_in_the_home_folder(place):
    (place / "me/airflow").mkdir()
    assert "AIRFLOW_HOME" not in chosen(place / "elsewhere")


@pytest.mark.parametrize("before", ["no make up", "files elsewhere"])
def test_where_there_is_none_none_is_made(place, before):
    folder = place / ".shoal/datasets"
    if before == "no make up":
        (place / ".shoal/airflow/airflow.db").unlink()
    else:
        folder = place / "elsewhere"
    environment = chosen(folder)
    home = Path(environment["AIRFLOW_HOME"])
    assert home.is_dir()
    assert "_AIRFLOW_PROCESS_CONTEXT" not in environment, "there is no database to ask"
    assert place not in home.parents
