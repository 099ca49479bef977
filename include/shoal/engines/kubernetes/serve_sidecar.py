"""The sidecar that reads a store by rclone for the worker: it serves single files on the pod's loopback, unprivileged."""

from urllib.parse import urlsplit

from shoal.engines.kubernetes.mount_sidecar import CA_FOLDER, SIDECAR, image_of
from shoal.engines.kubernetes.overlay import Manifest, literal
from shoal.settings.execution import Sidecar
from shoal.stores.rclone_access import IN_PODS, SECTION_PREFIX, USER, RcloneAccess
from shoal.stores.rclone_serving import SERVE

STARTS_S = 60
"""It asks nobody for that; a node that has much to do takes seconds."""

_ASK_S = 5


def serve_sidecar(sidecar: Sidecar, secret_name: str, security: Manifest) -> Manifest:
    """Make the container; the worker asks it at `IN_PODS`, and says why an image is not given.

    Args:
        sidecar: Image and requests.
        secret_name: Secret with the source's credentials.
        security: What a container without privileges has as its securityContext.

    Raises:
        ConfigError: The image is not set.
    """
    names = RcloneAccess.env_names("source")
    from_secret = {
        **{names[part]: names[part] for part in ("rclone", "rclone_password", "ca_file")},
        "RCLONE_RC_PASS": names["rclone_door"],
    }
    environment: list[Manifest] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret_name, "key": key}}}
        for name, key in from_secret.items()
    ]
    environment += [{"name": "RCLONE_RC_USER", "value": USER}, {"name": "HOME", "value": "/tmp"}]  # noqa: S108 - the pod's
    requests = {"cpu": sidecar.cpu, "memory": sidecar.memory}
    return {
        "name": SIDECAR,
        "image": image_of(sidecar, "sidecar"),
        "imagePullPolicy": sidecar.pull_policy,
        "restartPolicy": "Always",
        "command": ["sh", "-c", literal(serve_script())],
        "env": environment,
        "resources": {"requests": requests, "limits": requests},
        "securityContext": security,
        "startupProbe": {
            "exec": {"command": ["rclone", "rc", "rc/noop", "--config", "/dev/null", "--url", IN_PODS]},
            "periodSeconds": 1,
            "timeoutSeconds": _ASK_S,
            "failureThreshold": STARTS_S,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "ca", "mountPath": CA_FOLDER, "readOnly": True}],
    }


def serve_script() -> str:
    """Write what its shell does: the section becomes rclone's variables, and a password what rclone takes for one."""
    names = RcloneAccess.env_names("source")
    password, ca_file = names["rclone_password"], names["ca_file"]
    return (
        f'eval "export ${names["rclone"]}"; '
        f'[ -z "${password}" ] || export {SECTION_PREFIX}PASS="$(printf %s "${password}" | rclone obscure -)"; '
        f"unset {names['rclone']} {password}; "
        f"exec rclone {' '.join(SERVE)} --rc-addr {urlsplit(IN_PODS).netloc} --config /dev/null "
        f'${{{ca_file}:+--ca-cert "${ca_file}"}}'
    )
