"""Where shards run: the `cluster`, `worker` and `sidecar` groups of a dataset file."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shoal.contract.units import parse_quantity
from shoal.settings.field_types import Duration, PodTemplate, Quantity, Settings


class PodSettings(Settings):
    """What one worker asks for, and how its pod looks."""

    cpu: Quantity = Field("1", description="Cores, as a Kubernetes quantity; whole ones are inference threads")
    memory: Quantity = Field("2Gi", description="Memory, as a Kubernetes quantity")
    gpu: int = Field(
        0, ge=0, description="GPUs (nvidia.com/gpu); needs a worker image with a GPU build of ONNX Runtime"
    )
    transfer: Literal["mount", "direct"] = Field(
        "mount", description="mount: a sidecar mounts the bucket (privileged); direct: the worker reads over S3"
    )
    template: PodTemplate = Field(
        default_factory=dict, description="metadata and spec that every pod starts from: tolerations, nodeSelector, …"
    )

    def describe(self) -> str:
        """Write its size in words."""
        return f"cpu {self.cpu}, memory {self.memory}{f', gpu {self.gpu}' if self.gpu else ''}"

    @model_validator(mode="after")
    def _quantities(self) -> "PodSettings":
        for value in (self.cpu, self.memory):
            if parse_quantity(value) <= 0:
                raise ValueError(f"a pod cannot ask for {value}")
        return self


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
        if not self.has_pods and (self.pods is not None or self.pod.gpu or self.pod.template):
            raise ValueError(
                "pods, pod.gpu and pod.template are for cluster.kind kubernetes - set it or leave them out"
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
