"""The files of deploy/, applied to namespaces of the tests' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import yaml
from kubernetes import client, utils

from cluster.example_pods import wait_for_account

if TYPE_CHECKING:
    from cluster.real_cluster import RealCluster

DEPLOY = Path(__file__).parents[3] / "deploy"
SERVICE_ACCOUNT = "shoal-airflow"
NAMESPACES = {"mount": "namespace-mount.yaml", "direct": "namespace.yaml"}


@contextmanager
def deployed_namespace(cluster: "RealCluster", transfer: str) -> Iterator[str]:
    """A namespace for one transfer, with the service account Airflow uses; removed afterwards."""
    api, name = cluster.connect(), f"test-{transfer}-{uuid4().hex[:6]}"
    apply(NAMESPACES[transfer], api, name)
    try:
        apply("rbac.yaml", api, name)
        wait_for_account(client.CoreV1Api(api), name)
        yield name
    finally:
        rbac = client.RbacAuthorizationV1Api(api)
        for kind in ("cluster_role", "cluster_role_binding"):
            getattr(rbac, f"delete_{kind}")(f"shoal-capacity-{name}")
        client.CoreV1Api(api).delete_namespace(name)


def apply(file: str, api: client.ApiClient, namespace: str) -> None:
    """Apply a file of deploy/ to a namespace of another name than the one it is written for."""
    for document in yaml.safe_load_all((DEPLOY / file).read_text(encoding="utf-8")):
        metadata = document["metadata"]
        if document["kind"] == "Namespace":
            metadata["name"] = namespace
        elif "namespace" in metadata:
            metadata["namespace"] = namespace
        else:
            metadata["name"] += f"-{namespace}"
        for subject in document.get("subjects", ()):
            subject["namespace"] = namespace
        if document["kind"] == "ClusterRoleBinding":
            document["roleRef"]["name"] += f"-{namespace}"
        utils.create_from_dict(api, document)


def waiting_pod(cpu_milli: int) -> dict[str, Any]:
    """A pod that requests CPU and never starts: requests alone decide what is free."""
    container = {
        "name": "hog", "image": "127.0.0.1:1/none:1", "resources": {"requests": {"cpu": f"{cpu_milli}m", "memory": "1Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "hog-"},
        "spec": {"containers": [container], "securityContext": security},
    }  # fmt: skip
