"""One plan at a time looks at a namespace and promises what fits: two plans never see the same room."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from kubernetes.client import ApiException, CoreV1Api

from shoal.contract.units import utc_text
from shoal.engines.kubernetes.errors import CONFLICT, NOT_FOUND
from shoal.engines.kubernetes.manifests import run_config_map
from shoal.settings.execution import Cluster

log = logging.getLogger(__name__)

TURN_NAME = "shoal-planning"
PLANNER = "planner"
"""Its field that tells a plan its own turn from another's."""

TURN_S = 600.0
"""A plan that holds its turn for so long has died in it: where the API server is in trouble each request has a minute."""

SAID_S = 10.0
"""A plan that waits for its turn for so long says so: most are through sooner."""


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
    holder, held_since, own, said = "", time.monotonic(), uuid4().hex, False
    while True:
        try:
            turn = run_config_map(cluster, TURN_NAME, {PLANNER: own})
            return core.create_namespaced_config_map(cluster.namespace, turn).metadata
        except ApiException as err:
            if err.status != CONFLICT:
                raise
        found = _find_turn(core, cluster.namespace)
        if found is not None and (found.data or {}).get(PLANNER) == own:  # only the answer to its creation was lost
            return found.metadata
        current = "" if found is None else str(found.metadata.uid)
        if current != holder:
            holder, held_since, said = current, time.monotonic(), False
        elif time.monotonic() - held_since > TURN_S:
            log.warning("A plan has held ConfigMap %s for %.0f s; it is taken for dead", TURN_NAME, TURN_S)
            _end_turn(core, cluster.namespace, holder)
        elif found is not None and not said and time.monotonic() - held_since > SAID_S:
            log.info("%s", _tell_holder(found.metadata, cluster.namespace, held_since + TURN_S - time.monotonic()))
            said = True
        time.sleep(1)


def _tell_holder(turn: Any, namespace: str, rest_s: float) -> str:
    """Say whose turn is waited for, since when they have it by the cluster's clock, and until when they are waited for."""
    since, until = turn.creation_timestamp, datetime.now(UTC) + timedelta(seconds=rest_s)
    return (
        f"Another plan looks for room in namespace {namespace} (ConfigMap {TURN_NAME}, since {utc_text(since)}): waiting until "
        f"it is through, at most until {utc_text(until)}, when it is taken for dead"
    )


def _find_turn(core: CoreV1Api, namespace: str) -> Any:
    """Read who has the turn; None where nobody has."""
    try:
        return core.read_namespaced_config_map(TURN_NAME, namespace)
    except ApiException as err:
        if err.status == NOT_FOUND:
            return None
        raise


def _end_turn(core: CoreV1Api, namespace: str, uid: str) -> None:
    try:
        core.delete_namespaced_config_map(TURN_NAME, namespace, body={"preconditions": {"uid": uid}})
    except ApiException as err:
        if err.status not in {NOT_FOUND, CONFLICT}:
            raise
