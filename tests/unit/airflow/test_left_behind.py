"""A dataset file in a checkout's include/datasets, which was read there once, does not vanish without a word."""

import shutil

import pytest

from shoal.airflow import dags
from shoal.settings import dataset_files
from shoal.settings.checkout import EXAMPLES
from shoal.settings.dataset_files import AIRFLOW_VARIABLE, DATASETS_VARIABLE


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    """A checkout that nobody names a folder for, with its two examples, one of them copied, and the embedded dataset `here`."""
    for name in (DATASETS_VARIABLE, AIRFLOW_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOAL_HOME", str(tmp_path / ".shoal"))
    monkeypatch.setattr(dataset_files, "find_checkout", lambda: tmp_path)
    old = tmp_path / "include/datasets"
    old.mkdir(parents=True)
    (old / "obsea.yaml").symlink_to(EXAMPLES / "obsea.yaml")
    shutil.copy(EXAMPLES / "demo.yaml", old)
    (tmp_path / ".shoal/datasets").mkdir(parents=True)
    shutil.copy(EXAMPLES / "demo.yaml", tmp_path / ".shoal/datasets/here.yaml")
    return tmp_path


def test_examples_are_no_datasets_that_were_left_behind(checkout):
    assert set(dags.build()) == {"reanalyse_here", "backfill_here"}


def test_a_file_of_yours_is_told_where_to_go(checkout):
    shutil.copy(EXAMPLES / "demo.yaml", checkout / "include/datasets/reef.yaml")
    made = dags.build()
    assert set(made) == {"reanalyse_here", "backfill_here", "broken_reef"}
    assert (
        f"Dataset file reef.yaml is not looked at in {checkout}/include/datasets any more - move it to {checkout}/.shoal/datasets, "
        f"or set SHOAL_DATASETS={checkout}/include/datasets where Airflow runs"
    ) in made["broken_reef"].doc_md


@pytest.mark.parametrize("variable", [DATASETS_VARIABLE, AIRFLOW_VARIABLE])
def test_where_a_folder_is_named_nothing_else_was_ever_read(checkout, monkeypatch, tmp_path, variable):
    shutil.copy(EXAMPLES / "demo.yaml", checkout / "include/datasets/reef.yaml")
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    assert dags.build() == {}


def test_a_file_that_was_copied_is_the_one_that_is_read(checkout):
    for folder in ("include/datasets", ".shoal/datasets"):
        shutil.copy(EXAMPLES / "demo.yaml", checkout / folder / "reef.yaml")
    assert set(dags.build()) == {"reanalyse_here", "backfill_here", "reanalyse_reef", "backfill_reef"}
