"""What Airflow's configuration says for Shoal: section [shoal]."""

from pathlib import Path

from airflow.sdk.configuration import conf

from shoal.settings.dataset_files import datasets_folder


def configured_datasets_folder() -> Path:
    """Find the folder of dataset files as every part of Airflow finds it.

    Raises:
        ConfigError: Nobody says where they are.
    """
    return datasets_folder(named_folder)


def named_folder() -> str:
    """Read `datasets_folder` as Airflow finds it; empty where it is not set."""
    return conf.get("shoal", "datasets_folder", fallback="") or ""
