"""Where a story is told: by processes of this machine, or by pods of a real cluster. A story asks the same of each."""

from embedded_installation import installation
from pods.installation import kubeconfig, namespaces, pods

__all__ = ["installation", "kubeconfig", "namespaces", "pods"]
