"""How long an attempt at a shard may take: from when its worker starts, and with all that it may wait for."""

from datetime import timedelta

from shoal.contract.units import format_duration
from shoal.settings.dataset import Dataset
from shoal.settings.execution import Cluster

LEAST_QUEUE = timedelta(hours=1)
"""A pod may wait so long for a node whatever `cluster.wait` says: that is of plans, and a node may have to be started."""

LAST_IMAGES = timedelta(minutes=30)
"""Images that were begun in time, and rows that a store takes late."""


def queue_of(cluster: Cluster) -> timedelta:
    """Say how long a pod may wait for a node, or for a quota to have room for it."""
    return max(cluster.wait, LEAST_QUEUE)


def tell_waited(what: str, waited: timedelta) -> str:
    """Say of what is waited for no more how long it was, by which setting, and what becomes of its images."""
    return f"{what} for {format_duration(waited)} (cluster.wait, an hour at least): the next run takes these images"


def work_of(dataset: Dataset) -> timedelta:
    """Say how long a worker may take from its own start on."""
    service = dataset.worker.service
    return dataset.run.budget + LAST_IMAGES + (service.timeout + service.start_timeout if service else timedelta(0))
