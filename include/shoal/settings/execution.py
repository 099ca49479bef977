"""Where shards run: the `cluster`, `worker` and `sidecar` groups of a dataset file."""

import re
from datetime import timedelta
from operator import not_
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from shoal.contract.units import parse_quantity
from shoal.settings.field_types import Duration, PodTemplate, Quantity, Settings

GPU = "nvidia.com/gpu"
"""What `pod.gpu` asks for."""

_DEVICE = re.compile(r"([a-z0-9][a-z0-9.-]*)/[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def check_device(name: str) -> str:
    """Check the name of a resource that a device plugin offers: it has a domain, and not Kubernetes' own.

    Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources

    Raises:
        ValueError: It is none.
    """
    found = _DEVICE.fullmatch(name)
    if found is None or found[1].startswith("requests.") or f".{found[1]}".endswith(".kubernetes.io"):
        raise ValueError(f"{name!r} is no resource of a device plugin - such as {GPU} or nvidia.com/mig-1g.10gb")
    return name


class Size(Settings):
    """What a container asks for."""

    cpu: Quantity = Field("1", description="Cores, as a Kubernetes quantity; whole ones are inference threads")
    memory: Quantity = Field("2Gi", description="Memory, as a Kubernetes quantity")
    gpu: int = Field(
        0, ge=0, description="GPUs (nvidia.com/gpu); needs a worker image with a GPU build of ONNX Runtime"
    )
    # Left out of plan.json where nobody wrote it, as before there were any.
    resources: dict[Annotated[str, AfterValidator(check_device)], Annotated[int, Field(strict=True, ge=1)]] = Field(
        default_factory=dict,
        exclude_if=not_,
        description="Other resources of device plugins, such as nvidia.com/mig-1g.10gb: 1",
    )

    def describe(self) -> str:
        """Write its size in words."""
        others = "".join(f", {name} {count}" for name, count in self.resources.items())
        return f"cpu {self.cpu}, memory {self.memory}{f', gpu {self.gpu}' if self.gpu else ''}{others}"

    @property
    def devices(self) -> dict[str, int]:
        """What it asks of device plugins, GPUs among them."""
        return {**({GPU: self.gpu} if self.gpu else {}), **self.resources}

    @property
    def limits(self) -> dict[str, str]:
        """What it asks for and may use, as a container's resources say it: no more than it was counted with."""
        return {"cpu": self.cpu, "memory": self.memory, **{name: str(count) for name, count in self.devices.items()}}

    @model_validator(mode="after")
    def _gpus_are_said_once(self) -> "Size":
        if self.gpu and GPU in self.resources:
            raise ValueError(f"gpu: {self.gpu} and resources: {GPU} are the same - leave one out")
        return self

    @model_validator(mode="after")
    def _quantities(self) -> "Size":
        for value in (self.cpu, self.memory):
            if parse_quantity(value) <= 0:
                raise ValueError(f"a pod cannot ask for {value}")
        return self


class PodSettings(Size):
    """What one worker asks for, and how its pod looks."""

    transfer: Literal["mount", "direct"] = Field(
        "mount", description="mount: a sidecar mounts the bucket (privileged); direct: the worker reads over S3"
    )
    template: PodTemplate = Field(
        default_factory=dict, description="metadata and spec that every pod starts from: tolerations, nodeSelector, …"
    )


HAVE_PODS = {"local": False, "kubernetes": True}
"""What the kinds of `cluster` are, as far as a dataset file says more of the one than of the other."""


class Cluster(Settings):
    """Where shards run."""

    kind: Literal["local", "kubernetes"] = Field(
        "local", description="local: worker processes beside Airflow's own; kubernetes: one pod per shard"
    )
    conn_id: str = Field("kubernetes_default", description="Airflow connection of the cluster")
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] = Field(
        "shoal", description="Namespace of the pods"
    )
    pod: PodSettings = PodSettings()
    share: float = Field(0.8, gt=0, le=1, description="Part of the free room one run may take")
    max_pods: int | None = Field(None, ge=1)
    pods: int | None = Field(
        None, ge=1, description="Start so many, whatever fits now: for clusters that scale up; the pods wait Pending"
    )
    wait: Duration = Field(
        timedelta(hours=12), description="How long a run waits for room, and a pod for a node, before it fails"
    )

    @property
    def has_pods(self) -> bool:
        """Whether workers run in pods, of images that nodes pull."""
        return HAVE_PODS[self.kind]

    @property
    def mounts(self) -> bool:
        """Whether workers read a mounted bucket: it lists whole directories, the way keys are laid out matters."""
        return self.has_pods and self.pod.transfer == "mount"

    @model_validator(mode="after")
    def _local_has_no_pods(self) -> "Cluster":
        if not self.has_pods and (self.pods is not None or self.pod.devices or self.pod.template):
            raise ValueError(
                "pods, pod.gpu, pod.resources and pod.template are for cluster.kind kubernetes - set it or leave them out"
            )
        return self


class Container(Settings):
    """An image that runs in a pod."""

    image: str | None = Field(None, min_length=1, description="Image reference, as the cluster's nodes pull it")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


class Sidecar(Container):
    """The container that mounts the bucket for the worker."""

    cpu: Quantity = Field("100m", description="Cores, as a Kubernetes quantity")
    memory: Quantity = Field("256Mi", description="Memory; rclone holds the listing of each directory it reads from")
