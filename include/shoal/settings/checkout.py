"""The checkout that this code lies in, when it was not installed: its examples, its DAG folder and its `.shoal` are used."""

import os
from pathlib import Path

HOME_VARIABLE = "SHOAL_HOME"

PACKAGE = Path(__file__).parents[1]
EXAMPLES = PACKAGE / "settings" / "examples"
"""Dataset files that come with Shoal; `include/datasets` of a checkout links to them."""

DAG_BUNDLE = {"name": "shoal", "classpath": "shoal.airflow.bundle.ShoalDagBundle", "kwargs": {}}
"""How Airflow's configuration names the DAGs of the package."""


def find_checkout() -> Path | None:
    """Find the checkout's root; None where Shoal is an installed package."""
    include = PACKAGE.parent
    return include.parent if include.name == "include" and (include / "datasets").is_dir() else None


def embedded_root() -> Path:
    """Find the folder of all that is embedded: `SHOAL_HOME`, else `.shoal` of the checkout, else of the current folder."""
    return Path(os.environ.get(HOME_VARIABLE) or (find_checkout() or Path.cwd()) / ".shoal").absolute()
