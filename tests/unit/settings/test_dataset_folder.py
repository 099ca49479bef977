"""Where dataset files are looked for, by who says it."""

from pathlib import Path

import pytest

from dataset_settings import dataset_settings
from shoal.contract.errors import ConfigError
from shoal.embedded.home import Home
from shoal.settings import dataset_files
from shoal.settings.checkout import EXAMPLES, find_checkout
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def nobody_says(monkeypatch):
    for name in (dataset_files.DATASETS_VARIABLE, dataset_files.AIRFLOW_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """The folder of all that is embedded; dataset files were never made there."""
    monkeypatch.setenv("SHOAL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("said", "configured", "found"),
    [
        pytest.param({"SHOAL_DATASETS": "/a", "AIRFLOW__SHOAL__DATASETS_FOLDER": "/b"}, "/c", "/a", id="Shoal's variable first"),
        pytest.param({"AIRFLOW__SHOAL__DATASETS_FOLDER": "/b"}, "/c", "/b", id="then Airflow's variable"),
        pytest.param({}, "/c", "/c", id="then Airflow's configuration"),
    ],
)  # fmt: skip
def test_the_nearest_word_counts(said, configured, found, monkeypatch):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert dataset_files.datasets_folder(lambda: configured) == Path(found)


def test_last_comes_the_folder_of_make_up(home, monkeypatch):
    monkeypatch.setenv("SHOAL_DATASETS", "")
    (home / "datasets").mkdir(parents=True)
    assert dataset_files.datasets_folder() == home / "datasets" == Home.find().datasets


def test_where_there_is_none_it_is_said_how_one_is_made(home):
    with pytest.raises(
        ConfigError,
        match=rf"^Nothing says where the dataset files are, and there is no {home}/datasets - make one there: "
        r"python -m shoal init; or set SHOAL_DATASETS, or datasets_folder ",
    ):
        dataset_files.datasets_folder()


def test_shoals_own_folder_never_lies_among_the_images_whatever_links_lead_there(home, tmp_path):
    (tmp_path / "disk" / "own").mkdir(parents=True)
    home.symlink_to(tmp_path / "disk" / "own")
    (tmp_path / "photos").symlink_to(tmp_path / "disk")
    source = {"kind": "folder", "path": str(tmp_path / "photos")}
    dataset = Dataset.model_validate({**dataset_settings("reef", "test"), "name": "reef", "source": source})
    access = StoreAccess("http://localhost:1", "accesskey123", "secretkey123456")
    with pytest.raises(ConfigError, match=r"own folder .*/home lies in source.path .*/photos - it never writes among"):
        open_stores(dataset, lambda _: access)
    home.unlink()
    home.mkdir()
    assert open_stores(dataset, lambda _: access).source.bucket == str(tmp_path / "photos")


def test_a_checkout_links_to_the_examples_of_the_package():
    assert find_checkout() == ROOT
    names = sorted(path.name for path in dataset_files.dataset_files(EXAMPLES))
    assert names == ["demo.yaml", "obsea.yaml"]
    for name in names:
        assert (ROOT / "include/datasets" / name).resolve() == (EXAMPLES / name).resolve()
