"""The rights Shoal needs in a cluster, one by one: what deploy/rbac.yaml gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """One verb on one resource of the core group; `cluster_wide` ones are asked for in all namespaces."""

    verb: str
    resource: str
    cluster_wide: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{' in all namespaces' if self.cluster_wide else ''}"


NEEDED = (
    *(Right(verb, "pods") for verb in ("create", "get", "list", "delete")),
    Right("get", "pods/log"),
    Right("list", "events"),
    *(Right(verb, "configmaps") for verb in ("create", "get", "list", "patch", "delete")),
    *(Right(verb, "secrets") for verb in ("create", "patch", "delete")),
    Right("list", "resourcequotas"),
)
"""In the dataset's namespace; nothing works without them."""

FOR_CAPACITY = (Right("list", "nodes", cluster_wide=True), Right("list", "pods", cluster_wide=True))
"""Without them quotas alone are counted."""
