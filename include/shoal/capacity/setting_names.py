"""What whoever asks for room calls the settings that bound it, so that a line names a way out that is theirs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SettingNames:
    """Names of settings.

    Attributes:
        requests: What one pod asks for.
        share: What makes fewer pods, or smaller ones.
        pods: How many start whatever fits now.
        pod: Where what a policy asks for is added.
        namespace: Where the pods go.
        privileged: What lets a pod in that violates the namespace's Pod Security.
    """

    requests: str = "cluster.pod in the dataset file"
    share: str = "cluster.pod or cluster.share"
    pods: str = "cluster.pods"
    pod: str = "cluster.pod.template"
    namespace: str = "cluster.namespace"
    privileged: str = (
        "a bucket sidecar needs the namespace label pod-security.kubernetes.io/enforce=privileged; or set "
        "cluster.pod.transfer: direct"
    )


OF_DATASET = SettingNames()
"""As a dataset file has them."""

OF_TASK = SettingNames(
    requests="the requests of the task's pod",
    share="the requests of the task's pod or its share",
    pods="pods",
    pod="the task's pod",
    namespace="namespace",
    privileged="give the task's pod the securityContext that it asks for, or another namespace",
)
"""As a task has them whose pods are of no dataset: the arguments of its operator."""
