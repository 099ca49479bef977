"""Which Airflow a command asks for connections: that of the dataset files it reads, and none is made for asking.

Airflow makes its folder, `~/airflow`, when it is imported and none is named.
"""

import os
from atexit import register
from collections.abc import MutableMapping
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from shoal.embedded.home import Home

_NAMES_ONE = (
    "AIRFLOW_HOME",
    "AIRFLOW_CONFIG",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CORE__SQL_ALCHEMY_CONN",
)


def choose_airflow(folder: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let an import of Airflow find the right one: whichever the environment names, that of `make up`, the person's own.

    Call it before the first import of Airflow.

    Args:
        folder: Where the dataset files are that the command reads.
        environment: What Airflow reads; changed.
    """
    environment.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")  # else it asks the environment only, and no database
    if any(name.startswith(_NAMES_ONE) and said for name, said in environment.items()):
        return
    home = Home.find()
    if folder.resolve() == home.datasets.resolve() and home.airflow_database.is_file():
        for name in [name for name in environment if name.startswith("AIRFLOW__")]:
            del environment[name]  # settings of another Airflow of this person
        environment.update({"AIRFLOW_HOME": str(home.airflow), **home.airflow_folders()})
    elif not Path("~/airflow").expanduser().is_dir():
        environment.pop("_AIRFLOW_PROCESS_CONTEXT")  # there is no database to ask
        environment["AIRFLOW_HOME"] = nowhere = mkdtemp(prefix="shoal-no-airflow-")
        register(rmtree, nowhere, ignore_errors=True)
