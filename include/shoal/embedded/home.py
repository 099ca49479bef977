"""The folder everything embedded lives in (`.shoal`), and the environment Airflow runs with there."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from shoal.contract.errors import ConfigError
from shoal.settings.checkout import DAG_BUNDLE, HOME_VARIABLE, PACKAGE, embedded_root, find_checkout
from shoal.settings.dataset_files import DATASETS_VARIABLE, embedded_datasets
from shoal.stores.s3_access import StoreAccess

OWNER_VARIABLE = "SHOAL_STARTED_OVER"
"""Names the folder in the environment of all that `demo` and `up` start, so that what a killed command left is found."""
CONN_ID = "shoal_demo"
NEEDED_BYTES = 300 * 1000**2
FULL_BYTES = 8 * 1000**2
"""With less than this free a run has no room left for its next parts."""


@dataclass(frozen=True)
class Home:
    """Paths of one embedded installation."""

    root: Path

    @classmethod
    def find(cls) -> "Home":
        """Use `SHOAL_HOME`, else `.shoal` in the checkout, else `.shoal` in the current folder."""
        return cls(embedded_root())

    @property
    def store(self) -> Path:
        """Buckets of the embedded store."""
        return self.root / "store"

    @property
    def datasets(self) -> Path:
        """Dataset files that its Airflow sees, and every command where nothing names another folder."""
        return embedded_datasets(self.root)

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """Messages of what runs in the background."""
        return self.root / "logs"

    @property
    def airflow_database(self) -> Path:
        """Airflow's database."""
        return self.airflow / "airflow.db"

    @property
    def free_bytes(self) -> int:
        """Room left on the disk the folder lies on."""
        return shutil.disk_usage(self.root).free

    def bucket(self, name: str) -> Path:
        """Folder of one bucket."""
        return self.store / name

    def make(self) -> None:
        """Create the folders.

        Raises:
            ConfigError: Not writable, or the disk is nearly full.
        """
        try:
            for folder in (self.store, self.datasets, self.airflow, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as err:
            raise ConfigError(
                f"Cannot write to {self.root}: {err.strerror} - set SHOAL_HOME to a folder of yours"
            ) from err
        if self.free_bytes < NEEDED_BYTES:
            raise ConfigError(
                f"Only {self.free_bytes / 1e6:.0f} MB of disk free in {self.root}, the demo needs {NEEDED_BYTES / 1e6:.0f} MB - "
                "free some disk or set SHOAL_HOME to a folder with room"
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder: one demo or web interface at a time, which marks every process it starts.

        Raises:
            ConfigError: Another one holds it.
        """
        with (self.root / "lock").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as err:
                file.seek(0)
                raise ConfigError(
                    f"{self.root} is in use by process {file.read().strip() or '?'} (make demo or make up) - "
                    "wait for it or stop it with Ctrl-C"
                ) from err
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            os.environ[OWNER_VARIABLE] = str(self.root)
            try:
                yield
            finally:
                del os.environ[OWNER_VARIABLE]

    def migrate(self, access: StoreAccess, before: Callable[[], None]) -> None:
        """Make or upgrade Airflow's database, once per Airflow version; `before` is called when there is work.

        Raises:
            ConfigError: Airflow cannot do it.
        """
        done = self.airflow / f"migrated-{version('apache-airflow')}"
        if done.exists():
            return
        before()
        log = self.logs / "migrate.log"
        with log.open("wb") as messages:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            ended = subprocess.run(
                command, env=self.airflow_environment(access), stdout=messages, stderr=messages, check=False
            )
        if ended.returncode != 0:
            raise ConfigError(
                f"Airflow could not make its database in {self.airflow} - see {log}, or start anew: make clean"
            )
        done.touch()

    def airflow_environment(self, access: StoreAccess) -> dict[str, str]:
        """Write the environment of every Airflow process: all its files in this folder, the store as a connection."""
        connection = {
            "conn_type": "generic",
            "login": access.access_key,
            "password": access.secret_key,
            "extra": {"endpoint_url": access.endpoint_url, "region_name": access.region},
        }
        # Settings of another Airflow of this person, its database above all, are not this one's.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
        return {
            **inherited,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            **self.airflow_folders(),
            HOME_VARIABLE: str(self.root),
            DATASETS_VARIABLE: str(self.datasets),
            # Else the titles Airflow gives its processes overwrite what they were started with: see OWNER_VARIABLE.
            "SPT_NOENV": "1",
            "AIRFLOW_HOME": str(self.airflow),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # The Kubernetes provider takes seconds to import, on a busy machine more than the 30 that Airflow allows.
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(connection),
        }

    def airflow_folders(self) -> dict[str, str]:
        """Say where DAGs and plugins are: in the checkout's folders, or in the installed package, which brings its plugin."""
        if (checkout := find_checkout()) is not None:
            return {
                "AIRFLOW__CORE__DAGS_FOLDER": str(checkout / "dags"),
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(checkout / "plugins"),
                "PYTHONPATH": str(checkout / "include"),
            }
        return {
            "AIRFLOW__CORE__DAGS_FOLDER": str(PACKAGE / "airflow" / "dag_folder"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.airflow / "plugins"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([DAG_BUNDLE]),
        }
