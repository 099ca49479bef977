"""Commands and `make up` look for a dataset file in one folder, and say where else one of that name lies."""

import pytest

from shoal.__main__ import main
from shoal.cli._reach import find_dataset, list_datasets
from shoal.contract.errors import ConfigError
from shoal.embedded.home import Home
from shoal.settings.dataset_files import AIRFLOW_VARIABLE, DATASETS_VARIABLE
from shoal.stores.s3_access import StoreAccess

FILE = """\
source: {conn_id: store, bucket: photos}
results: {conn_id: store, bucket: results}
models: {conn_id: store, bucket: models}
model: {name: demo-fish, version: v1}
"""


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """An embedded installation with the dataset `here`."""
    for name in (DATASETS_VARIABLE, AIRFLOW_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    home = Home.find()
    home.make()
    (home.datasets / "here.yaml").write_text(FILE)
    return home


def test_commands_see_what_the_airflow_of_make_up_sees(home):
    told = home.airflow_environment(StoreAccess("http://127.0.0.1:9", "nobody", "nothing"))
    assert list(list_datasets().values()) == [home.datasets / "here.yaml"]
    assert told["SHOAL_DATASETS"] == str(home.datasets)


def test_the_folder_of_an_airflow_of_yours_goes_before_it(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "there.yaml").write_text(FILE)
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "airflow.cfg").write_text(f"[shoal]\ndatasets_folder = {tmp_path / 'mine'}\n")
    monkeypatch.setattr("shoal.cli._reach.configured_name", lambda: str(tmp_path / "mine"))
    assert list(list_datasets()) == ["there"]
    with pytest.raises(
        ConfigError,
        match=rf"^No dataset 'here' in {tmp_path}/mine - {tmp_path}/home/datasets/here\.yaml is not looked at: copy it there, "
        rf"or set SHOAL_DATASETS={tmp_path}/home/datasets; there are: there$",
    ):
        find_dataset("here")


def test_an_example_of_the_checkout_is_no_dataset_until_it_is_copied(home, capsys):
    assert main(["check", "obsea"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"shoal: No dataset 'obsea' in {home.datasets} - ")
    assert "/include/datasets/obsea.yaml is not looked at: copy it there, or set SHOAL_DATASETS=" in said
    assert said.endswith("; there are: here\n")
