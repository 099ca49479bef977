"""Prepares the cluster of the compose installation: what deploy/ has for it, and Airflow's access.

That is namespace, rights, priority class and network policy, by which workers reach the store and names, nothing else.
Airflow gets the service account's token, never the administrator's certificate.
"""

import base64
import json
import os
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient

ADMIN, AIRFLOW = Path("/cluster/kubeconfig.yaml"), Path("/secrets/airflow/kubeconfig")
AIRFLOW_USER_ID = 65532
MANIFESTS = ("namespace.yaml", "rbac.yaml", "priorityclass.yaml", "token.yaml")
TOKEN_S = 60


def main() -> None:
    """Apply the manifests, then write the file that Airflow's connection names."""
    settings = client.Configuration()
    config.load_kube_config(str(ADMIN), client_configuration=settings)
    settings.host = os.environ.get("SHOAL_CLUSTER_URL") or settings.host
    cluster = DynamicClient(client.ApiClient(settings))
    bodies = [body for manifest in MANIFESTS for body in yaml.safe_load_all(Path("/deploy", manifest).read_text())]
    bodies += network_policies(Path("/deploy/networkpolicy.yaml").read_text(), os.environ["SHOAL_STORE_URL"])
    for body in bodies:
        resource = cluster.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        namespace = body["metadata"].get("namespace")
        resource.server_side_apply(body=body, namespace=namespace, field_manager="shoal-compose")
    token = _wait_for_token(client.CoreV1Api(client.ApiClient(settings)))
    _write_kubeconfig(settings.host, token)


def network_policies(text: str, store_url: str) -> list[dict[str, Any]]:
    """Write the store's address into the policy, in place of the one that stands for it; a policy knows no host names."""
    store = urlsplit(store_url)
    try:
        address = ip_address(store.hostname or "")
    except ValueError:
        return []
    policy: dict[str, Any] = yaml.safe_load(text)
    *_, rule = policy["spec"]["egress"]
    rule["to"] = [{"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}]
    rule["ports"] = [{"protocol": "TCP", "port": store.port or (443 if store.scheme == "https" else 80)}]
    return [policy]


def _wait_for_token(api: client.CoreV1Api) -> dict[str, str]:
    deadline = time.monotonic() + TOKEN_S
    while time.monotonic() < deadline:
        data = api.read_namespaced_secret("shoal-airflow-token", "shoal").data or {}
        if "token" in data:
            return data
        time.sleep(0.5)
    raise TimeoutError(
        f"The cluster gave no token to service account shoal-airflow in {TOKEN_S} s - see: docker compose logs k3s"
    )


def _write_kubeconfig(url: str, token: dict[str, str]) -> None:
    name = "shoal"
    user = {"token": base64.b64decode(token["token"]).decode()}
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority-data": token["ca.crt"]}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": name}}],
        "current-context": name,
    }
    os.umask(0o077)
    partial = AIRFLOW.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    os.chown(partial, AIRFLOW_USER_ID, AIRFLOW_USER_ID)
    partial.replace(AIRFLOW)


if __name__ == "__main__":
    main()
