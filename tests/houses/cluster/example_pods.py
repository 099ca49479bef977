"""Pods for the tests of the cluster itself; those of shards are made by `shoal.engines.kubernetes.manifests`."""

from collections.abc import Callable, Mapping
from typing import Any

from kubernetes import client

from shoal.stores.s3_access import StoreAccess
from waiting import wait_until

REACHED_S = 180
"""A pod starts in some seconds; a node beside builds and other tests may take long for it."""


def mounting_pod(store: StoreAccess, bucket: str, key: str, images: Mapping[str, str]) -> dict[str, Any]:
    """A pod like a shard's: a native sidecar mounts the bucket, the main container prints one object."""
    mount = "mkdir -p /bucket/images; exec rclone mount :s3:$BUCKET /bucket/images --read-only --allow-other --s3-provider Minio"
    sidecar = {
        "name": "bucket",
        "image": images["sidecar"],
        "restartPolicy": "Always",
        "command": ["sh", "-c", mount],
        "env": [
            {"name": "BUCKET", "value": bucket},
            {"name": "RCLONE_S3_ENDPOINT", "value": store.endpoint_url},
            {"name": "RCLONE_S3_ACCESS_KEY_ID", "value": store.access_key},
            {"name": "RCLONE_S3_SECRET_ACCESS_KEY", "value": store.secret_key},
        ],
        "securityContext": {"privileged": True},
        "startupProbe": {
            "exec": {"command": ["head", "-c", "1", f"/bucket/images/{key}"]},
            "periodSeconds": 1,
            "failureThreshold": 120,
        },
        "volumeMounts": [{"name": "bucket", "mountPath": "/bucket", "mountPropagation": "Bidirectional"}],
    }
    main = {
        "name": "main",
        "image": images["worker"],
        "command": ["cat", f"/bucket/images/{key}"],
        "volumeMounts": [
            {"name": "bucket", "mountPath": "/bucket", "mountPropagation": "HostToContainer", "readOnly": True}
        ],
    }
    spec = {
        "restartPolicy": "Never",
        "initContainers": [sidecar],
        "containers": [main],
        "volumes": [{"name": "bucket", "emptyDir": {}}],
    }
    return {"metadata": {"name": "reader"}, "spec": spec}


def sleeping_pod(images: Mapping[str, str], name: str) -> dict[str, Any]:
    """A pod that runs until it is ended, and ends at once."""
    container = {
        "name": "main",
        "image": images["worker"],
        "command": ["sleep", "infinity"],
        "resources": {"requests": {"cpu": "200m"}},
    }
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"metadata": {"name": name}, "spec": spec}


def wait_for_account(core: client.CoreV1Api, namespace: str) -> None:
    """Wait until a new namespace takes pods: the controller manager makes their service account a moment later."""

    def made() -> bool:
        return "default" in {account.metadata.name for account in core.list_namespaced_service_account(namespace).items}

    wait_until(made, REACHED_S, f"the service account of {namespace}")


def wait_for_pod(core: client.CoreV1Api, namespace: str, name: str, reached: Callable[[Any], bool]) -> Any:
    """Wait for a pod's state, and give the pod."""
    wait_until(lambda: reached(core.read_namespaced_pod(name, namespace)), REACHED_S, f"pod {name}")
    return core.read_namespaced_pod(name, namespace)
