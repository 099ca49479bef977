"""Dataset files that lie in a DAG bundle, beside the DAG file that names their folder: no part of Airflow is told of it.

Each process of a task has the bundle's version that its run was made with, and so the dataset file as it was then. The web server
has no bundle; there the settings are known by the DAG that Airflow keeps, which whoever writes the bundle wrote.
"""

import logging
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from shoal.airflow.configured import configured_datasets_folder
from shoal.contract.errors import ConfigError, one_line
from shoal.contract.run_names import reanalyse_dag_id
from shoal.settings.dataset import Dataset

log = logging.getLogger(__name__)

SHARDS = "infer"
"""The task with which Airflow keeps the dataset's settings: what a mapped task is made of is part of its DAG."""

ORPHANED = "dataset file gone"
"""Tag of the DAG that outlives one."""


@dataclass(frozen=True)
class DatasetFolder:
    """A folder of dataset files that becomes DAGs.

    Attributes:
        path: Where it is, for this process.
        home: Names it alike in each version of its bundle; empty: the folder that every part of Airflow is told of.
    """

    path: Path
    home: str = ""

    @classmethod
    def of(cls, named: Path | str | None) -> "DatasetFolder":
        """Take the folder that a DAG file names, or the configured one.

        Raises:
            ConfigError: It is not there, or nobody says where it is.
        """
        if named is None:
            return cls(configured_datasets_folder())
        path = Path(named)
        if not path.is_dir():
            raise ConfigError(
                f"There is no folder {path} of dataset files - correct what the DAG file gives to dags.build, such as "
                'Path(__file__).parent / "datasets"'
            )
        return cls(path, home_of(path))


def home_of(folder: Path) -> str:
    """Name a folder by its bundle and its place there, as each version of the bundle has it.

    Airflow clones each version to another path, and git-sync puts another commit behind one link: what a link leads to names no
    folder. Only what Airflow itself fetches lies in the folder that it keeps for that; other bundles have one path.
    """
    from airflow.dag_processing.bundles.base import get_bundle_storage_root_path  # noqa: PLC0415 - of bundles only

    here, kept = _written(folder), _written(get_bundle_storage_root_path())  # type: ignore[no-untyped-call]
    # Airflow appends the bundle's own folder, of the version at work; a DAG file may put others below on the path.
    tops = sorted({_written(Path(one)) for one in sys.path if one}, key=lambda one: (len(one.parts), one))
    if (in_kept := _below(here, [kept])) is None:
        # A DAG file may have resolved what it gives; the bundle's link is on the path.
        linked = _below(here, [one for one in tops if one != one.resolve()])
        return str(here if linked is None else Path(*linked))
    bundle = in_kept[1].parts[0]
    found = _below(here, [one for one in tops if _below(one, [kept / bundle])])
    return f"{bundle}/{(found[1] if found else Path(here.name)).as_posix()}"


def _below(path: Path, tops: Sequence[Path]) -> tuple[Path, Path] | None:
    """Find the first of some folders that a path lies in, and its place there: as it is written, else where links lead."""
    for one in tops:
        if path.is_relative_to(one):
            return one, path.relative_to(one)
    led = path.resolve()
    return next(((one, led.relative_to(to)) for one in tops if led.is_relative_to(to := one.resolve())), None)


def _written(path: Path) -> Path:
    """Give a path without `..`, and with its links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - pathlib has none that leaves links


@dataclass(frozen=True)
class Bundled:
    """A dataset as Airflow's database knows it.

    Attributes:
        dataset: Its settings.
        version: Of its DAG.
    """

    dataset: Dataset
    version: str


def find_bundled(name: str) -> Bundled | None:
    """Read a dataset's settings from its DAG; None where it has none that is of use. Airflow's web server may ask.

    The settings decide what the web server's logins read, so they are taken from where DAGs are, and from no bucket.
    """
    from airflow.models.dag import DagModel  # noqa: PLC0415 - its database is needed here only
    from airflow.models.serialized_dag import SerializedDagModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    dag_id = reanalyse_dag_id(name)
    try:
        with create_session() as session:
            model = session.get(DagModel, dag_id)
            row = SerializedDagModel.get(dag_id, session=session) if model is not None and not model.is_stale else None
            if row is None or ORPHANED in row.dag.tags:
                return None
            return Bundled(_settings_in(row.dag), str(row.dag_hash))
    except Exception as err:  # noqa: BLE001 - what cannot be known so may be known by where the last run wrote
        log.warning("The settings of dataset %s are not known by its DAG: %s", name, one_line(err))
        return None


def _settings_in(dag: object) -> Dataset:
    kept = dag.get_task(SHARDS).partial_kwargs["dataset"]  # type: ignore[attr-defined]
    try:
        return Dataset.model_validate(kept, extra="ignore")
    except ValidationError as err:
        raise ConfigError(f"another release wrote them ({one_line(err, 200)})") from err


def say_broken(dag_ids: Collection[str]) -> Mapping[str, str]:
    """Read what is wrong with dataset files, by the ids of the DAGs that stand in for them; gone ones are left out."""
    from airflow.models.dag import DagModel  # noqa: PLC0415 - as above
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    if not dag_ids:
        return {}
    try:
        with create_session() as session:
            asked = select(DagModel.dag_id, DagModel.description).where(
                DagModel.dag_id.in_(dag_ids), DagModel.is_stale.is_(False)
            )
            return {dag_id: said or "" for dag_id, said in session.execute(asked)}
    except Exception as err:  # noqa: BLE001
        log.warning("Which dataset files are broken is not known: %s", one_line(err))
        return {}
