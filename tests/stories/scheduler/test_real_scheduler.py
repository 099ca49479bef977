"""K equals the number of identical pods the real kube-scheduler places: not one Pending, not one place left.

`SHOAL_SEEDS` says which clusters, see seeds.py.
"""

import pytest

from scheduling.random_clusters import random_cluster
from scheduling.random_pods import OURS
from scheduling.scheduler_truth import SchedulerTruth, Truth
from seeds import chosen_seeds
from shoal.engines.kubernetes.cluster import measure_room

SEEDS_HERE = 15


@pytest.fixture(scope="module")
def scheduler(control_plane):
    return SchedulerTruth(control_plane)


@pytest.mark.parametrize("seed", chosen_seeds(SEEDS_HERE))
def test_the_scheduler_places_exactly_the_pods_that_fit(scheduler, seed, record_property):
    cluster = random_cluster(seed)
    with scheduler.built(cluster):
        fit = measure_room(scheduler.api_client, OURS, cluster.ours)
        record_property("fit", fit)
        assert scheduler.place(cluster.ours, fit.pods) == Truth(fit.pods, 0, one_more=False), fit
