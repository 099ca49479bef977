"""`python -m shoal airflow WORD…`: Airflow's own command over the folder of `make up`, also while that runs."""

import subprocess
import sys
from argparse import REMAINDER, ArgumentParser, Namespace

from shoal.contract.errors import ConfigError
from shoal.embedded.home import Home
from shoal.stores.s3_access import StoreAccess


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("words", nargs=REMAINDER, metavar="WORD", help="such as: dags list-runs reanalyse_demo")


def execute(arguments: Namespace) -> int:
    """Run Airflow's command; its exit status is ours."""
    home = Home.find()
    if not home.airflow_database.exists():
        raise ConfigError(f"No Airflow in {home.airflow} yet - make demo, or make up")
    # The store's keys are made anew at each start and known to those processes only.
    environment = home.airflow_environment(StoreAccess("http://127.0.0.1:9", "unknown", "unknown"))
    return subprocess.run([sys.executable, "-m", "airflow", *arguments.words], env=environment, check=False).returncode
