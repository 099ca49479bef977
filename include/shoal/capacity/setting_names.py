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
        privileged: What lets a pod in of which a container is privileged, where Pod Security forbids that.
        nfs: What lets one in that mounts NFS.
        pod_security: What lets any other one in.
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
    nfs: str = (
        "name a PersistentVolumeClaim (source.volume.claim) in place of nfs, or a namespace with the label "
        "pod-security.kubernetes.io/enforce=baseline"
    )
    pod_security: str = (
        "the words in brackets say what is not allowed: change cluster.pod.template, or name another cluster.namespace"
    )


OF_DATASET = SettingNames()
"""As a dataset file has them."""

OF_TASK = SettingNames(
    requests="the requests of the task's pod",
    share="the requests of the task's pod or its share",
    pods="pods",
    pod="the task's pod",
    namespace="namespace",
    privileged="give the task's pod no privileged container, or a namespace that allows it",
    nfs="give the task's pod a PersistentVolumeClaim in place of nfs, or a namespace that allows it",
    pod_security="give the task's pod the securityContext that it asks for, or another namespace",
)
"""As a task has them whose pods are of no dataset: the arguments of its operator."""
