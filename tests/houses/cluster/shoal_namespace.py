"""The namespace that the files of deploy/ are written for: one test at a time has it, and it is gone afterwards."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kubernetes import client

from cluster.place import MAIN

NAMESPACE = "shoal"
GONE_S = 120


@contextmanager
def shoal_namespace(api: client.ApiClient) -> Iterator[str]:
    """Wait until nobody else uses the namespace `shoal`; remove all that deploy/ makes before and after."""
    with MAIN.folder.with_suffix(".shoal-namespace").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove(api)
        try:
            yield NAMESPACE
        finally:
            _remove(api)


def _remove(api: client.ApiClient) -> None:
    core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
    for delete, name in (
        (core.delete_namespace, NAMESPACE),
        (client.SchedulingV1Api(api).delete_priority_class, "shoal"),
        (rbac.delete_cluster_role, "shoal-capacity"),
        (rbac.delete_cluster_role_binding, "shoal-capacity"),
    ):
        with suppress(client.ApiException):
            delete(name)
    deadline = time.monotonic() + GONE_S
    while any(found.metadata.name == NAMESPACE for found in core.list_namespace().items):
        assert time.monotonic() < deadline, f"namespace {NAMESPACE} is still there {GONE_S} s after it was deleted"
        time.sleep(0.5)
