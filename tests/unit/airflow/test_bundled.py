"""Dataset files in a DAG bundle: which folder they are of, in each version of it, and whose runs a DAG file stands for."""

import sys
from dataclasses import replace

import pytest

from dataset_settings import dataset_settings
from shoal.airflow import dags
from shoal.airflow.bundled import DatasetFolder, home_of
from shoal.airflow.open_runs import OpenRun
from shoal.contract.errors import ConfigError
from shoal.settings.changed import stored_settings
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import DATASETS_VARIABLE


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where Airflow keeps what it fetched."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    return tmp_path / "bundles"


def cloned(kept, monkeypatch, where, below="datasets"):
    """A bundle's folder as Airflow puts it on the path, and the dataset files' folder in it."""
    folder = kept / where / below
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(kept / where)])
    return folder


def test_a_folder_has_one_name_in_all_versions_of_its_bundle(kept, monkeypatch):
    named = {
        home_of(cloned(kept, monkeypatch, where))
        for where in ("science/tracking_repo/dags", "science/versions/0123abcd/dags", "science/versions/4567cdef/dags")
    }
    assert named == {"science/datasets"}


OTHERS = {
    "another bundle": ("atoll/tracking_repo/dags", "datasets"),
    "another folder of it": ("science/tracking_repo/dags", "more/datasets"),
}


@pytest.mark.parametrize(("where", "below"), OTHERS.values(), ids=OTHERS)
def test_other_folders_have_other_names(kept, monkeypatch, where, below):
    assert home_of(cloned(kept, monkeypatch, where, below)) != "science/datasets"


@pytest.mark.parametrize("resolved", [False, True], ids=["as named", "resolved by the DAG file"])
def test_another_commit_behind_the_link_of_git_sync_changes_no_name(kept, tmp_path, monkeypatch, resolved):
    link, named = tmp_path / "git/repo", set()
    monkeypatch.setattr(sys, "path", [*sys.path, str(link / "dags")])
    for commit in ("0123abcd", "4567cdef"):
        (worktree := tmp_path / "git/.worktrees" / commit / "dags/datasets").mkdir(parents=True)
        link.unlink(missing_ok=True)
        link.symlink_to(worktree.parents[1])
        named.add(home_of((link / "dags/datasets").resolve() if resolved else link / "dags/datasets"))
    assert named == {str(link / "dags/datasets")}


def test_a_folder_that_a_dag_file_puts_on_the_path_is_no_bundle(kept, monkeypatch):
    folder = cloned(kept, monkeypatch, "science/tracking_repo/dags", "more/datasets")
    before = home_of(folder)
    monkeypatch.setattr(sys, "path", [str(folder), str(folder.parent), *sys.path])
    assert home_of(folder) == before == "science/more/datasets"


def test_a_link_in_the_folder_that_airflow_keeps_changes_no_name(kept, tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    kept.symlink_to(tmp_path / "disk")
    folder = cloned(kept, monkeypatch, "science/tracking_repo/dags")
    assert {home_of(folder), home_of(folder.resolve())} == {"science/datasets"}


def test_a_bundle_that_lies_where_somebody_put_it_is_named_by_its_path(kept, tmp_path):
    assert home_of(tmp_path / "dags/datasets") == str(tmp_path / "dags/datasets")


def test_the_configured_folder_needs_no_name(tmp_path, monkeypatch):
    monkeypatch.setenv(DATASETS_VARIABLE, str(tmp_path))
    assert DatasetFolder.of(None) == DatasetFolder(tmp_path, "")


def test_a_folder_that_is_not_there_is_no_empty_list_of_dags(tmp_path):
    with pytest.raises(
        ConfigError, match=r"There is no folder .*/datsets of dataset files - correct what .* dags\.build"
    ):
        dags.build(tmp_path / "datsets")


@pytest.fixture
def run():
    """A run of a dataset whose file is nowhere any more."""
    reef = Dataset.model_validate({**dataset_settings("reef", "store"), "name": "reef"})
    return OpenRun("reanalyse_reef", "r1", stored_settings(reef), {}, "20261101T000000Z-aaaaaaaa")


RUNS = {
    "its own folder's run": ("", ["reanalyse_reef"]),
    "a run of a bundle's folder, which that stands for": ("science/datasets", []),
}


@pytest.mark.parametrize(("home", "made"), RUNS.values(), ids=RUNS)
def test_a_dag_file_stands_for_runs_of_its_own_folder_only(run, tmp_path, monkeypatch, home, made):
    monkeypatch.setenv(DATASETS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(dags, "list_open_runs", lambda: [replace(run, home=home)])
    assert [*dags.build()] == made


def test_a_bundle_stands_for_runs_of_its_own_folder(run, kept, monkeypatch):
    folder = cloned(kept, monkeypatch, "science/tracking_repo/dags")
    runs = [replace(run, home="science/datasets"), replace(run, dag_id="backfill_reef")]
    monkeypatch.setattr(dags, "list_open_runs", lambda: runs)
    made = dags.build(folder)
    assert [*made] == ["reanalyse_reef"]
    assert "is not in science/datasets any more" in made["reanalyse_reef"].doc_md
    assert made["reanalyse_reef"].get_task("infer").partial_kwargs["home"] == "science/datasets"
