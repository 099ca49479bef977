"""An installation in which everything can be broken, and the table of what was."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from faults.scenario import TRIALS
from faults.site import Line, Site
from pods.installation import airflow_environment, kubeconfig, make_tier, namespaces, populate
from running_airflow import running_airflow
from shoal.embedded.home import Home
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from worker.http_faults import faulty_store, passed_on

__all__ = ["kubeconfig", "namespaces"]

QUICK = {
    # What a machine that is gone has left in Airflow is found in seconds, not in minutes.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__CORE__PARALLELISM": "8",
}


@pytest.fixture(scope="package")
def site(real_cluster, namespaces, kubeconfig, demo_models, tmp_path_factory) -> Iterator[Site]:
    """A running installation: Airflow reaches the API server, and everybody the store, through lines that break."""
    if real_cluster.processes is None:
        pytest.skip("faults are injected into the tests' own cluster only: unset KUBECONFIG")
    prefix = f"faults{uuid4().hex[:6]}"
    trials = {version: build_demo_model(VERSIONS["v2"], version) for version in TRIALS}
    populate(real_cluster.store, prefix, demo_models | trials)
    folder = tmp_path_factory.mktemp("faults")
    home = Home(folder / "home")
    home.make()
    login = yaml.safe_load(kubeconfig.read_text())
    server = login["clusters"][0]["cluster"]
    store_url = real_cluster.store.endpoint_url
    store, api = Line(passed_on(store_url)), Line(passed_on(server["server"], ca_file=server["certificate-authority"]))
    with faulty_store(store, real_cluster.address) as (broken_store, _), faulty_store(api) as (broken_api, _):
        login["clusters"][0]["cluster"] = {"server": broken_api}
        environment = airflow_environment(
            home,
            real_cluster,
            _written(folder / "kubeconfig", login),
            source=replace(real_cluster.reader, endpoint_url=broken_store),
            results=replace(real_cluster.store, endpoint_url=broken_store),
        )
        # How long a storm may last, and what it costs, depends on the half minute between two attempts.
        with running_airflow(home, environment | QUICK, impatient="reanalyse_stuck") as airflow:
            tier = make_tier(airflow, home, real_cluster, namespaces, prefix)
            yield Site(tier, real_cluster, store, store_url, api)


def _written(path: Path, content: object) -> Path:
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
