"""An Airflow that is itself a pod of the cluster: no connection, no kubeconfig, only what the kubelet mounts into every pod."""

import os
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from kubernetes import client

from pipeline import INCLUDE
from pods.deployed import SERVICE_ACCOUNT
from shoal.engines.kubernetes.rights import FOR_CAPACITY, NEEDED

FOLDER = "/run/secrets/kubernetes.io/serviceaccount"
ENTER = f'mount -t tmpfs none /run && mkdir -p {FOLDER} && cp "$MOUNTED"/* {FOLDER}/ && exec "$@"'
ASK = """
import asyncio, sys
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from shoal.engines.kubernetes.checks import check_rights
from shoal.airflow.hooks.cluster import connect
from shoal.airflow.triggers.shard_pod import ShardPodTrigger

async def look(name):
    hook = KubernetesHook(conn_id="kubernetes_default")
    hook.api_client
    trigger = ShardPodTrigger("kubernetes_default", sys.argv[1], name, 60, 0.5, in_cluster=bool(hook.is_in_cluster))
    return (await anext(trigger.run())).payload["status"]

print(check_rights(connect("kubernetes_default"), sys.argv[1]))
print(asyncio.run(look("no-such-pod")), asyncio.run(look(sys.argv[2])))
"""


@pytest.fixture
def mounted(real_cluster, namespaces, tmp_path):
    """What the kubelet would mount for the service account of deploy/rbac.yaml."""
    core, namespace = client.CoreV1Api(real_cluster.connect()), namespaces["direct"]
    token = core.create_namespaced_service_account_token(
        SERVICE_ACCOUNT, namespace, {"spec": {"expirationSeconds": 3600}}
    )
    folder = tmp_path / "mounted"
    folder.mkdir(mode=0o700)
    (folder / "token").write_text(token.status.token)
    (folder / "namespace").write_text(namespace)
    shutil.copy(core.api_client.configuration.ssl_ca_cert, folder / "ca.crt")
    return folder


@pytest.fixture
def ended_pod(real_cluster, namespaces):
    """Name of a pod that is over."""
    core, namespace = client.CoreV1Api(real_cluster.connect()), namespaces["direct"]
    container = {
        "name": "worker", "image": real_cluster.images["worker"], "imagePullPolicy": "IfNotPresent", "args": ["--help"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "containers": [container], "securityContext": security}
    name = core.create_namespaced_pod(namespace, {"metadata": {"generateName": "over-"}, "spec": spec}).metadata.name
    yield name
    core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)


def test_task_and_trigger_log_in_with_the_pod_s_own_service_account(
    mounted, ended_pod, real_cluster, namespaces, tmp_path
):
    server = urlsplit(real_cluster.connect().configuration.host)
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(INCLUDE), "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "MOUNTED": str(mounted), "KUBERNETES_SERVICE_HOST": server.hostname, "KUBERNETES_SERVICE_PORT": str(server.port),
    }  # fmt: skip
    words = ["unshare", "--mount", "sh", "-c", ENTER, "sh", sys.executable, "-c", ASK, namespaces["direct"], ended_pod]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.splitlines()[-2:] == [
        f"all {len(NEEDED) + len(FOR_CAPACITY)} rights of deploy/rbac.yaml, in namespace {namespaces['direct']}",
        "gone over",
    ]
