"""The bucket sidecar: rclone mounts the image bucket for the worker, which then reads plain files."""

from shoal.cluster_settings import Container, Sidecar
from shoal.contract.errors import ConfigError
from shoal.manifests import Manifest

SIDECAR = "bucket"
CA_FOLDER = "/etc/shoal/ca"

MOUNT_ROOT = "/bucket"
IMAGES = f"{MOUNT_ROOT}/images"
"""Below the volume's root: a dead mount on the root itself would keep the sidecar from ever starting again."""

MOUNT_PROBE_S = 30
"""A mount that does not show the bucket by then is restarted, which the task reports: within a minute of the start."""

_PROBE = (
    f"grep -q ' {IMAGES} fuse.rclone ' /proc/mounts && "
    f'{{ timeout 5 head -c 1 "{IMAGES}/$SHOAL_PROBE_KEY" >/dev/null || [ -n "$(timeout 5 ls -A {IMAGES} | head -n 1)" ]; }}'
)
"""Reads a real key, since a missing bucket looks like an empty folder; that key may be gone, then the folder has others."""


def mount_sidecar(sidecar: Sidecar, secret_name: str, bucket: str, probe_key: str) -> Manifest:
    """Make the container that mounts the bucket: rclone, read-only, nothing cached, started before the worker.

    Args:
        sidecar: Image and requests.
        secret_name: Secret with the source's credentials.
        bucket: The bucket.
        probe_key: A key that the bucket should hold.

    Raises:
        ConfigError: The image is not set.
    """
    from_secret = {
        "RCLONE_S3_ENDPOINT": "SHOAL_SOURCE_ENDPOINT_URL",
        "RCLONE_S3_ACCESS_KEY_ID": "SHOAL_SOURCE_ACCESS_KEY",
        "RCLONE_S3_SECRET_ACCESS_KEY": "SHOAL_SOURCE_SECRET_KEY",
        "RCLONE_S3_REGION": "SHOAL_SOURCE_REGION",
        "SHOAL_SOURCE_CA_FILE": "SHOAL_SOURCE_CA_FILE",
    }
    environment: list[Manifest] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret_name, "key": key}}}
        for name, key in from_secret.items()
    ]
    environment.append({"name": "SHOAL_PROBE_KEY", "value": probe_key})
    requests = {"cpu": sidecar.cpu, "memory": sidecar.memory}
    return {
        "name": SIDECAR,
        "image": image_of(sidecar, "sidecar"),
        "imagePullPolicy": sidecar.pull_policy,
        "restartPolicy": "Always",
        "command": ["sh", "-c", _mount_script(bucket)],
        "env": environment,
        "resources": {"requests": requests, "limits": requests},
        # A mount that another container sees can only be made by a privileged one.
        "securityContext": {"privileged": True, "runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False},
        "startupProbe": {
            "exec": {"command": ["sh", "-c", _PROBE]},
            "periodSeconds": 1,
            "timeoutSeconds": 11,
            "failureThreshold": MOUNT_PROBE_S,
        },
        "lifecycle": {"preStop": {"exec": {"command": ["fusermount3", "-uz", IMAGES]}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": SIDECAR, "mountPath": MOUNT_ROOT, "mountPropagation": "Bidirectional"},
            {"name": "ca", "mountPath": CA_FOLDER, "readOnly": True},
        ],
    }


def _mount_script(bucket: str) -> str:
    # A sidecar that starts again finds the dead mount of the one before it.
    options = {
        "--config": "/dev/null",
        "--s3-provider": "Other",
        "--s3-no-check-bucket": "",
        "--s3-no-head-object": "",
        "--read-only": "",
        "--allow-other": "",
        "--umask": "0222",
        "--no-modtime": "",
        "--no-checksum": "",
        "--no-unicode-normalization": "",
        "--vfs-cache-mode": "off",
        "--dir-cache-time": "9999h",
        "--poll-interval": "0",
        "--attr-timeout": "1h",
        "--buffer-size": "0",
        "--vfs-read-chunk-size": "32M",
        "--low-level-retries": "10",
        "--contimeout": "5s",
        "--timeout": "60s",
    }
    words = " ".join(f"{option} {value}".rstrip() for option, value in options.items())
    return (
        f"fusermount3 -uz {IMAGES} 2>/dev/null; mkdir -p {IMAGES}; "
        f'exec rclone mount ":s3:{bucket}" {IMAGES} {words} ${{SHOAL_SOURCE_CA_FILE:+--ca-cert "$SHOAL_SOURCE_CA_FILE"}}'
    )


def image_of(container: Container, role: str) -> str:
    """Read a container's image.

    Raises:
        ConfigError: It is not set.
    """
    if container.image is None:
        raise ConfigError(f"{role}.image is not set - `make images` builds it, name it in the dataset file")
    return container.image
