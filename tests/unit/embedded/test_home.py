"""Where everything embedded lives, and which folders its Airflow reads."""

import json
from pathlib import Path

import pytest

from shoal.embedded import home as module
from shoal.embedded.home import Home
from shoal.settings import checkout
from shoal.stores.s3_access import StoreAccess

ROOT = Path(__file__).parents[3]
ACCESS = StoreAccess("http://127.0.0.1:9", "nobody", "nothing")


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Shoal as it lies in site-packages, in a folder of somebody's."""
    for looks in (module, checkout):
        monkeypatch.setattr(looks, "find_checkout", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_variable_names_the_home_wherever_shoal_lies(installed, monkeypatch):
    monkeypatch.setenv("SHOAL_HOME", "elsewhere")
    assert Home.find().root == installed / "elsewhere"


def test_a_checkout_has_its_own(monkeypatch, tmp_path):
    monkeypatch.delenv("SHOAL_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Home.find().root == ROOT / ".shoal"


def test_an_installed_shoal_uses_the_current_folder(installed, monkeypatch):
    monkeypatch.delenv("SHOAL_HOME", raising=False)
    assert Home.find().root == installed / ".shoal"


def test_the_airflow_of_a_checkout_reads_its_folders(tmp_path):
    told = Home(tmp_path).airflow_environment(ACCESS)
    assert told["AIRFLOW__CORE__DAGS_FOLDER"] == str(ROOT / "dags")
    assert told["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(ROOT / "plugins")


def test_the_airflow_of_an_installed_shoal_reads_the_package(installed):
    told = Home(installed / "home").airflow_environment(ACCESS)
    (bundle,) = json.loads(told["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert bundle["classpath"] == "shoal.airflow.bundle.ShoalDagBundle"
    assert [path.name for path in Path(told["AIRFLOW__CORE__DAGS_FOLDER"]).iterdir() if path.suffix == ".py"] == [
        "shoal_dags.py"
    ]
    assert told["SHOAL_HOME"] == str(installed / "home")
