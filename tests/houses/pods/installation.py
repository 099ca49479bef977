"""The whole product on a real cluster: Airflow with its scheduler, executor and triggerer, Kubernetes, MinIO."""

import inspect
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client

from drawn_scenes import drawn
from pipeline import make_pipeline
from pods.deployed import SERVICE_ACCOUNT, deployed_namespace
from pods.tier import PodTier
from running_airflow import RunningAirflow, running_airflow
from shoal.embedded.home import Home
from shoal.embedded.processes.airflow_servers import PRELOADED
from shoal.embedded.samples.scenes import Scene, demo_scene
from shoal.stores.s3_access import StoreAccess

IMAGES = 304
TRANSFERS = ("mount", "direct")


@pytest.fixture(scope="session")
def namespaces(real_cluster) -> Iterator[dict[str, str]]:
    """A namespace per transfer: privileged for mount, restricted for direct."""
    with ExitStack() as stack:
        yield {transfer: stack.enter_context(deployed_namespace(real_cluster, transfer)) for transfer in TRANSFERS}


@pytest.fixture(scope="session")
def kubeconfig(real_cluster, namespaces, tmp_path_factory) -> Path:
    """The login of the service account of deploy/rbac.yaml: all that Airflow has, never an admin's."""
    login, other = namespaces["direct"], namespaces["mount"]
    client.RbacAuthorizationV1Api(real_cluster.connect()).create_namespaced_role_binding(
        other,
        {
            "metadata": {"name": "from-direct"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": SERVICE_ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": login}],
        },
    )
    return real_cluster.kubeconfig_of(SERVICE_ACCOUNT, login, tmp_path_factory.mktemp("kube"))


@pytest.fixture(scope="session")
def api(real_cluster, kubeconfig):
    """The cluster as Airflow's service account sees it."""
    return real_cluster.connect(kubeconfig)


@pytest.fixture(scope="session")
def pipelines(real_cluster, namespaces, demo_models, scenes, tmp_path_factory):
    """Makes datasets of five scenes in MinIO whose workers are pods."""

    def make(transfer="direct", **changes):
        cluster = {
            "kind": "kubernetes", "namespace": namespaces[transfer], "share": 1.0,
            "pod": {"cpu": "200m", "memory": "400Mi", "transfer": transfer, **changes.pop("pod", {})}, **changes.pop("cluster", {}),
        }  # fmt: skip
        images = {
            "worker": {"image": real_cluster.images["worker"]},
            "sidecar": {"image": real_cluster.images["sidecar"], "cpu": "50m", "memory": "100Mi"},
        }
        folder = tmp_path_factory.mktemp("pipeline")
        made = make_pipeline(real_cluster.store, demo_models, folder, cluster=cluster, **{**images, **changes})
        made.put_scenes(scenes[:5])
        return made

    return make


@pytest.fixture(scope="session")
def pods(real_cluster, namespaces, kubeconfig, demo_models, tmp_path_factory) -> Iterator[PodTier]:
    """Airflow with scheduler, executor and triggerer over a populated bucket."""
    prefix = f"e2e{uuid4().hex[:6]}"
    populate(real_cluster.store, prefix, demo_models)
    home = Home(tmp_path_factory.mktemp("pods") / "home")
    home.make()
    environment = airflow_environment(home, real_cluster, kubeconfig)
    with running_airflow(home, environment) as airflow:
        yield make_tier(airflow, home, real_cluster, namespaces, prefix)


def make_tier(airflow: RunningAirflow, home: Home, real_cluster, namespaces: dict[str, str], prefix: str) -> PodTier:
    """The tier of a running Airflow."""
    core = client.CoreV1Api(real_cluster.connect())
    stores, images = (real_cluster.store, real_cluster.reader), dict(real_cluster.images)
    return PodTier(airflow, home, core, *stores, namespaces, images, prefix)


def airflow_environment(
    home: Home, real_cluster, kubeconfig: Path, *, source: StoreAccess | None = None, results: StoreAccess | None = None
) -> dict[str, str]:
    """What Airflow is told: the store's two connections, elsewhere where that is said, and the cluster's."""
    environment = home.airflow_environment(real_cluster.store)
    del environment["AIRFLOW_CONN_SHOAL_DEMO"]
    connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(kubeconfig)}}
    return {
        **{name: value for name, value in environment.items() if name != "KUBECONFIG"},
        "AIRFLOW_CONN_SHOAL_SOURCE": _store_connection(source or real_cluster.reader),
        "AIRFLOW_CONN_SHOAL_RESULTS": _store_connection(results or real_cluster.store),
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(connection),
        "AIRFLOW__CORE__PARALLELISM": str(2 * (os.cpu_count() or 2)),
        # A task process inherits the provider's import, seconds of it, too.
        "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD": ",".join([*PRELOADED, "shoal.airflow.operators.shard_pod"]),
        "HOME": str(home.root),
    }


def _store_connection(access: StoreAccess) -> str:
    return json.dumps(
        {
            "conn_type": "generic", "login": access.access_key, "password": access.secret_key,
            "extra": {"endpoint_url": access.endpoint_url},
        }
    )  # fmt: skip


def populate(access: StoreAccess, prefix: str, models: dict[str, bytes]) -> None:
    """Put scenes of two cameras and both models into the store."""
    store = access.connect()
    for name in ("images", "models"):
        store.make_bucket(f"{prefix}-{name}")
    for version, model in models.items():
        put(store, f"{prefix}-models", f"demo-fish/{version}/model.onnx", model)
    for scene in drawn("pods", _scenes, inspect.getsource(_scenes), str(IMAGES)):
        put(store, f"{prefix}-images", scene.key, scene.jpeg)


def _scenes() -> Iterator[Scene]:
    start = datetime(2026, 6, 1, 8, tzinfo=UTC)
    for number in range(IMAGES):
        yield demo_scene(("IPC608", "IPC710")[number % 2], start + timedelta(minutes=7 * number))


def put(store: Any, bucket: str, key: str, data: bytes) -> None:
    store.put_object(bucket, key, BytesIO(data), len(data))
