"""The container of somebody's own program that looks at images: started before the worker, and given nothing of ours."""

from math import ceil

from shoal.contract.errors import ConfigError
from shoal.contract.oscar_loop import LOOP, REQUESTS, SERVICE_FOLDER
from shoal.contract.service import CONTAINER, DEEPAAS, OSCAR
from shoal.engines.kubernetes.overlay import Manifest, literal
from shoal.settings.service import Service

SERVICE = CONTAINER

SERVICE_IMAGE = "shoal/service-image"
"""Annotation of a pod that has a service: the image that the plan names. Another container may be called so elsewhere."""

PROBED_EVERY_S = 5
"""So often it is asked whether it is ready, and so long the answer may take."""

UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What every image can live with. Its root filesystem stays writable: most programs write beside themselves."""

DEEPAAS_READY = "/v2/models/"
"""Answered once all models are loaded: https://docs.ai4os.eu."""


def service_sidecar(service: Service) -> Manifest:
    """Make the container of a service: a native sidecar, which the kubelet starts again when it ends.

    It has no variable and no secret of ours, and no volume but the folder that a script's files go through.

    Args:
        service: What the dataset file says of it.

    Raises:
        ConfigError: It has no image.
    """
    if service.image is None:
        raise ConfigError("worker.service.image is not set - write name@sha256:…")
    return {
        **_STARTED.get(service.kind, {}),
        "name": SERVICE,
        "image": service.image,
        "imagePullPolicy": service.pull_policy,
        "restartPolicy": "Always",
        "resources": {"requests": service.limits, "limits": service.limits},
        "securityContext": UNPRIVILEGED,
        "startupProbe": {
            **_READY[service.kind](service),
            "periodSeconds": PROBED_EVERY_S,
            "timeoutSeconds": PROBED_EVERY_S,
            "failureThreshold": max(1, ceil(service.start_timeout.total_seconds() / PROBED_EVERY_S)),
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def service_volumes(service: Service) -> list[Manifest]:
    """Make the folder that worker and service share; a service that is asked over HTTP needs none."""
    return [{"name": SERVICE, "emptyDir": {}}] if service.kind == OSCAR else []


def shared_with_worker(service: Service) -> list[Manifest]:
    """Mount it into the worker."""
    return [_SHARED] if service.kind == OSCAR else []


def _answers(service: Service) -> Manifest:
    # The kubelet asks from outside, at the pod's address: a service that listens on loopback alone is never ready.
    return {"httpGet": {"path": DEEPAAS_READY, "port": service.port}}


def _listens(_service: Service) -> Manifest:
    return {"exec": {"command": ["sh", "-c", f"test -p {SERVICE_FOLDER}/{REQUESTS}"]}}


_SHARED = {"name": SERVICE, "mountPath": SERVICE_FOLDER}
_READY = {DEEPAAS: _answers, OSCAR: _listens}
_STARTED = {OSCAR: {"command": ["sh", "-c", literal(LOOP), "shoal-loop", SERVICE_FOLDER], "volumeMounts": [_SHARED]}}
"""What an image does not start itself: the loop that runs the script."""
