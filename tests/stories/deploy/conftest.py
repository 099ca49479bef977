"""The compose installation, up from nothing, on an engine and beside a cluster of the tests' own."""

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from airflow_rest import AirflowRest
from cluster import images
from cluster.builds import POSTGRES
from cluster.place import MAIN
from cluster.shoal_namespace import shoal_namespace
from compose.engine import Engine, missing_programs, running_engine
from compose.project import Project, one_file
from embedded_installation import demo_content, fresh_installation, new_database

__all__ = ["demo_content", "fresh_installation", "new_database"]


@pytest.fixture(scope="module")
def engine(real_cluster) -> Iterator[Engine]:
    """A Docker Engine that has the project's images and Debian's Postgres."""
    if real_cluster.processes is None:
        pytest.skip("compose runs beside the tests' own cluster only: unset KUBECONFIG")
    missing = missing_programs()
    if missing:
        _unavailable(f"compose is not tested: no {', no '.join(missing)} - as root on Debian: make cluster-packages")
    archives = [*images.built_images().values(), images.stand_in(POSTGRES)]
    with running_engine(MAIN) as engine:
        for archive in archives:
            engine.load(archive)
        yield engine


@pytest.fixture(scope="module")
def project(engine, real_cluster, tmp_path_factory) -> Iterator[Project]:
    """The installation as `docker compose up` leaves it, where nothing was before."""
    project = Project(engine, one_file(real_cluster.kubeconfig, tmp_path_factory.mktemp("k3s")))
    with shoal_namespace(real_cluster.connect()):
        project.compose("down", "--volumes")
        try:
            project.up()
            yield project
        finally:
            project.compose("down", "--volumes")


@pytest.fixture(scope="module")
def rest(project) -> AirflowRest:
    """Airflow's REST API with the login that docs/where-it-runs.md shows."""
    return project.log_in()


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
