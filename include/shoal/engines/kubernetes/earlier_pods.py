"""Pods of an attempt before this one: they end, and have said all they saw, before anybody asks what is left."""

import logging
from collections.abc import Callable

from shoal.contract.errors import ShoalError
from shoal.engines.kubernetes.errors import explained
from shoal.engines.kubernetes.manifests import GRACE_S
from shoal.engines.kubernetes.owned_objects import RunObjects, has_said_all

log = logging.getLogger(__name__)


def end_earlier_pods(find_objects: Callable[[], RunObjects], name: str, namespace: str, shard: int | None) -> None:
    """End the pods of a run's earlier attempt, and wait for their last rows: they are reused, not inferred again.

    A pod that cannot be ended, since its node or the API server does not answer, is a warning: if it works on unseen, its
    rows are as good as the next one's.

    Args:
        find_objects: Reaches the run's objects; what goes wrong there is a warning too.
        name: Name of the run's objects.
        namespace: Where they are.
        shard: Only this shard's pods; None for those of the whole earlier plan.
    """
    whose = "this run's earlier plan" if shard is None else f"shard {shard}'s earlier attempt"
    try:
        with explained(f"look for pods of {whose} in namespace {namespace}"):
            pods = find_objects().delete_pods(name, shard, wait_s=2 * GRACE_S, until=has_said_all)
    except ShoalError as err:
        log.warning("Pods of %s may be at work, what they write last is inferred again: %s", whose, err)
    else:
        if pods:
            log.info("%s is ended (pods: %d); what was seen is kept", whose, pods)
