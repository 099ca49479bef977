"""Where a story is told: by processes of this machine, or by pods of a real cluster. A story asks the same of each."""

from embedded_installation import installation, new_database
from pods.installation import kubeconfig, namespaces, pods

__all__ = ["installation", "kubeconfig", "namespaces", "new_database", "pods"]
