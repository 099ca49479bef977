"""The checkout that this code lies in, when it was not installed: its examples, its DAG folder and its `.shoal` are used."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
EXAMPLES = PACKAGE / "settings" / "examples"
"""Dataset files that come with Shoal; `include/datasets` of a checkout links to them."""

DAG_BUNDLE = {"name": "shoal", "classpath": "shoal.airflow.bundle.ShoalDagBundle", "kwargs": {}}
"""How Airflow's configuration names the DAGs of the package."""


def find_checkout() -> Path | None:
    """Find the checkout's root; None where Shoal is an installed package."""
    include = PACKAGE.parent
    return include.parent if include.name == "include" and (include / "datasets").is_dir() else None
