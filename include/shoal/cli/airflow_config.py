"""`python -m shoal airflow-config`: print what to set in an Airflow of yours, the same for each of its components.

As environment lines, for a shell (`set -a; eval "$(python -m shoal airflow-config)"`) or a file of systemd or compose.
"""

import json
import os
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from shoal.settings.checkout import DAG_BUNDLE
from shoal.settings.dataset_files import said_folder

BUNDLES = [
    {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}},
    DAG_BUNDLE,
]
"""The first is Airflow's own: it goes on reading the folder that it reads without this setting."""

PRELOADED = "airflow.executors.local_executor,shoal.airflow.operators.shard_pod"


class _Setting(NamedTuple):
    why: str
    section: str
    name: str
    value: str

    @property
    def variable(self) -> str:
        return f"AIRFLOW__{self.section}__{self.name}".upper()


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "--datasets", type=Path, metavar="FOLDER", help="folder of your dataset files (default: AIRFLOW_HOME/datasets)"
    )
    parser.add_argument("--cfg", action="store_true", help="print sections of airflow.cfg in place of variables")


def execute(arguments: Namespace) -> int:
    """Print the settings; nothing is changed."""
    settings = list(_settings(arguments.datasets or said_folder() or _default_folder()))
    print("\n".join(_as_cfg(settings) if arguments.cfg else _as_variables(settings)))
    return 0


def _default_folder() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow") / "datasets"


def _settings(datasets: Path) -> Iterator[_Setting]:
    yield _Setting("Shoal's DAGs, beside your own", "dag_processor", "dag_bundle_config_list", json.dumps(BUNDLES))
    yield _Setting("Your dataset files, in every component", "shoal", "datasets_folder", str(datasets.absolute()))
    why = "Where datasets have pods: the Kubernetes provider takes seconds to import, on a busy machine more than the 30 allowed"
    yield _Setting(why, "core", "dagbag_import_timeout", "120")
    yield _Setting("The same, for a whole DAG file", "dag_processor", "dag_file_processor_timeout", "180")
    why = "With LocalExecutor: tasks inherit that import from the process they are forked from"
    yield _Setting(why, "scheduler", "mp_start_method", "forkserver")
    yield _Setting("What they inherit", "scheduler", "mp_forkserver_preload", PRELOADED)


def _as_variables(settings: list[_Setting]) -> Iterator[str]:
    for setting in settings:
        yield f"# {setting.why}"
        yield f"{setting.variable}={shlex.quote(setting.value)}"


def _as_cfg(settings: list[_Setting]) -> Iterator[str]:
    for section, group in groupby(
        sorted(settings, key=lambda setting: setting.section), lambda setting: setting.section
    ):
        yield f"[{section}]"
        for setting in group:
            yield f"# {setting.why}"
            yield f"{setting.name} = {setting.value}"
