"""The pod of one shard, and the two objects its run owns: plain Kubernetes manifests, made from plain values."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path

from shoal.contract.errors import ConfigError
from shoal.contract.progress_note import NODE_VARIABLE
from shoal.contract.units import parse_quantity
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.kubernetes.images_volume import images_mount, images_volume
from shoal.engines.kubernetes.mount_sidecar import CA_FOLDER, IMAGES, MOUNT_ROOT, SIDECAR, image_of, mount_sidecar
from shoal.engines.kubernetes.overlay import Manifest, literal, overlay
from shoal.engines.kubernetes.pod_template import need_template
from shoal.engines.kubernetes.serve_sidecar import serve_sidecar
from shoal.engines.kubernetes.service_sidecar import (
    SERVICE,
    SERVICE_IMAGE,
    service_sidecar,
    service_volumes,
    shared_with_worker,
)
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.service import Worker
from shoal.settings.source import Volume
from shoal.stores.access import Access
from shoal.stores.kinds import DEFAULT_KIND, load_kind, write_env
from shoal.stores.rclone_access import RcloneAccess

WORKER = "worker"
RUN_LABEL = "shoal/run"
RUN_KEY_LABEL = "shoal/run-key"
SHARD_LABEL = "shoal/shard"
MANAGED = {"app.kubernetes.io/name": "shoal", "app.kubernetes.io/managed-by": "shoal"}

USER_ID = 65532
"""The worker's user, that of the image; no name is needed for it."""

SCRATCH = "/tmp"  # noqa: S108 - the pod's own
"""Where the worker starts, and writes what it keeps for a moment."""

GRACE_S = 60
"""The worker has written its part 5 s after SIGTERM; the sidecar is told to unmount after it."""

DONE_GRACE_S = 10
"""What is left of a pod whose worker has ended: the sidecar unmounts in a second, others may not listen at all."""

_UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True)
class ShardPod:
    """What tells one shard's pod from another's.

    Attributes:
        run_name: Name of the run's ConfigMap and Secret.
        run_key: The run.
        command: The worker's command line; threads and mount are the pod's.
        source_bucket: Bucket a sidecar mounts.
        probe_key: A key of the shard.
        owner_uid: uid of the run's ConfigMap; empty for a dry run.
        source_kind: Kind of the store that holds the source bucket.
        volume: What holds the images as files instead of a bucket.
    """

    run_name: str
    run_key: str
    command: WorkerCommand
    source_bucket: str
    probe_key: str
    owner_uid: str = ""
    source_kind: str = DEFAULT_KIND
    volume: Volume | None = None


def shard_pod(cluster: Cluster, worker: Worker, sidecar: Sidecar, shard: ShardPod) -> Manifest:
    """Make the pod of one shard: the dataset's template, and over it what Shoal needs.

    Args:
        cluster: Namespace, requests, transfer and template.
        worker: Image of the main container, and the service beside it.
        sidecar: Image and requests of the container that mounts the bucket.
        shard: The shard.

    Raises:
        ConfigError: An image is not set, or the template has what it must not; one line for each field.
    """
    spec, template = _spec(cluster, worker, sidecar, shard), cluster.pod.template
    need_template(template, (WORKER, SIDECAR, *((SERVICE,) if worker.service else ())), spec)
    if (template.get("spec") or {}).get("automountServiceAccountToken"):  # the installation allows it
        del spec["automountServiceAccountToken"]
    own = {"metadata": _metadata(cluster, worker, shard), "spec": spec}
    pod: Manifest = overlay(template, {"apiVersion": "v1", "kind": "Pod", **own})
    # The provider takes the first container for its own.
    pod["spec"]["containers"].sort(key=lambda container: container["name"] != WORKER)
    return pod


def run_config_map(cluster: Cluster, name: str, data: Mapping[str, str]) -> Manifest:
    """Make the object that owns everything of one Dag run; its data are the run's promise."""
    metadata = {"name": name, "namespace": cluster.namespace, "labels": {**MANAGED, RUN_LABEL: name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def run_secret(cluster: Cluster, name: str, owner_uid: str, accesses: Mapping[str, Access]) -> Manifest:
    """Make the Secret that the pods of one run read their credentials from.

    Args:
        cluster: Names the namespace.
        name: Name of the run.
        owner_uid: uid of the run's ConfigMap.
        accesses: Store access by role: source, models, results.
    """
    data: dict[str, bytes] = {}
    for role, access in accesses.items():
        mounted = ""
        if access.ca_file:
            data[f"{role}.pem"] = _read_ca(access.ca_file)
            mounted = f"{CA_FOLDER}/{role}.pem"
        values = write_env(access, role, mounted)
        data |= {variable: value.encode() for variable, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": {**MANAGED, RUN_LABEL: name},
            "ownerReferences": [_owner(name, owner_uid)],
        },
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def _metadata(cluster: Cluster, worker: Worker, shard: ShardPod) -> Manifest:
    metadata: Manifest = {
        "name": f"{shard.run_name}-{shard.command.shard:04d}",
        "namespace": cluster.namespace,
        "labels": {
            **MANAGED,
            RUN_LABEL: shard.run_name,
            RUN_KEY_LABEL: shard.run_key,
            SHARD_LABEL: str(shard.command.shard),
        },
        # A bare pod that an autoscaler moves away begins its shard anew.
        "annotations": {
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            "karpenter.sh/do-not-disrupt": "true",
        },
    }
    if worker.service is not None:
        metadata["annotations"][SERVICE_IMAGE] = worker.service.image
    if shard.owner_uid:
        metadata["ownerReferences"] = [_owner(shard.run_name, shard.owner_uid)]
    return metadata


def _spec(cluster: Cluster, worker: Worker, sidecar: Sidecar, shard: ShardPod) -> Manifest:
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_worker(cluster, worker, shard)],
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "ca", "secret": {"secretName": shard.run_name, "items": _ca_items(), "optional": True}},
        ],
    }
    if shard.volume is not None:
        spec["volumes"].append(images_volume(shard.volume))
    elif shard.source_kind == RcloneAccess.kind:
        spec["initContainers"] = [serve_sidecar(sidecar, shard.run_name, _UNPRIVILEGED)]
    elif cluster.pod.transfer == "mount":
        remote = load_kind(shard.source_kind).rclone_remote("source", shard.source_bucket)
        spec["initContainers"] = [mount_sidecar(sidecar, shard.run_name, remote, literal(shard.probe_key))]
        spec["volumes"].append({"name": SIDECAR, "emptyDir": {}})
    if worker.service is not None:
        # Behind the sidecar: a store that does not answer is told before minutes of loading a model.
        spec.setdefault("initContainers", []).append(service_sidecar(worker.service))
        spec["volumes"] += service_volumes(worker.service)
    return spec


def _worker(cluster: Cluster, worker: Worker, shard: ShardPod) -> Manifest:
    pod = cluster.pod
    mounts = [
        {"name": "scratch", "mountPath": SCRATCH},
        {"name": "ca", "mountPath": CA_FOLDER, "readOnly": True},
    ]
    if worker.service is not None:
        mounts += shared_with_worker(worker.service)
    command = replace(shard.command, threads=max(1, floor(parse_quantity(pod.cpu))))
    if shard.volume is not None:
        mounts.append(images_mount(shard.volume))
    elif pod.transfer == "mount" and shard.source_kind != RcloneAccess.kind:
        mounts.append(
            {"name": SIDECAR, "mountPath": MOUNT_ROOT, "mountPropagation": "HostToContainer", "readOnly": True}
        )
        command = replace(command, mount=Path(IMAGES))
    return {
        "name": WORKER,
        "image": image_of(worker, "worker"),
        "imagePullPolicy": worker.pull_policy,
        "args": list(command.to_words()),
        "workingDir": SCRATCH,  # the pod's own, and empty when it starts
        "env": [{"name": NODE_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "envFrom": [{"secretRef": {"name": shard.run_name}}],
        "resources": {"requests": pod.limits, "limits": pod.limits},
        "securityContext": _UNPRIVILEGED,
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _owner(name: str, uid: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": False}


def _ca_items() -> list[Manifest]:
    return [{"key": f"{role}.pem", "path": f"{role}.pem"} for role in ("source", "models", "results")]


def _read_ca(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as err:
        raise ConfigError(f"CA file {path} of a connection cannot be read: {err.strerror} - correct ca_file") from err
