"""One installation of the whole product for all stories told in pods."""

from pods.installation import api, kubeconfig, namespaces, pipelines, pods

__all__ = ["api", "kubeconfig", "namespaces", "pipelines", "pods"]
