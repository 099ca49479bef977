"""Shoal's DAGs as a bundle of Airflow's: whoever names it in the configuration copies no file, and upgrades with the wheel."""

from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle

DAG_FOLDER = Path(__file__).parent / "dag_folder"


class ShoalDagBundle(BaseDagBundle):
    """The folder of the installed package that holds the DAG file."""

    supports_versioning = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    @property
    def path(self) -> Path:
        """Where the DAG file is."""
        return DAG_FOLDER

    def get_current_version(self) -> None:
        """Give none: the dataset files, which the DAGs are made of, are not in it."""

    def refresh(self) -> None:
        """Do nothing: the folder changes with the package only."""
