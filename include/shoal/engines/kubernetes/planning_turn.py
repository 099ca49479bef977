"""One plan at a time looks at a namespace and promises what fits: two plans never see the same room."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from kubernetes.client import ApiException, CoreV1Api

from shoal.engines.kubernetes.errors import CONFLICT, NOT_FOUND
from shoal.engines.kubernetes.manifests import run_config_map
from shoal.settings.execution import Cluster

log = logging.getLogger(__name__)

TURN_NAME = "shoal-planning"
TURN_S = 120.0
"""A plan that holds its turn for so long has died in it."""


@contextmanager
def planning_turn(core: CoreV1Api, cluster: Cluster) -> Iterator[datetime]:
    """Hold the namespace's only turn: a ConfigMap of one name, which the API server lets only one plan create.

    Args:
        core: Client of the cluster.
        cluster: Names the namespace.

    Yields:
        The cluster's own time: planners' clocks may differ.
    """
    turn = _take_turn(core, cluster)
    try:
        yield turn.creation_timestamp
    finally:
        _end_turn(core, cluster.namespace, turn.uid)


def _take_turn(core: CoreV1Api, cluster: Cluster) -> Any:
    """Create the turn's ConfigMap, once the plan that has it is through; return its metadata."""
    holder, held_since = "", time.monotonic()
    while True:
        try:
            return core.create_namespaced_config_map(cluster.namespace, run_config_map(cluster, TURN_NAME, {})).metadata
        except ApiException as err:
            if err.status != CONFLICT:
                raise
        current = _find_turn_uid(core, cluster.namespace)
        if current != holder:
            holder, held_since = current, time.monotonic()
        elif time.monotonic() - held_since > TURN_S:
            log.warning("A plan has held ConfigMap %s for %.0f s; it is taken for dead", TURN_NAME, TURN_S)
            _end_turn(core, cluster.namespace, holder)
        time.sleep(1)


def _find_turn_uid(core: CoreV1Api, namespace: str) -> str:
    try:
        return str(core.read_namespaced_config_map(TURN_NAME, namespace).metadata.uid)
    except ApiException as err:
        if err.status == NOT_FOUND:
            return ""
        raise


def _end_turn(core: CoreV1Api, namespace: str, uid: str) -> None:
    try:
        core.delete_namespaced_config_map(TURN_NAME, namespace, body={"preconditions": {"uid": uid}})
    except ApiException as err:
        if err.status not in {NOT_FOUND, CONFLICT}:
            raise
