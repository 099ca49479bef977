"""K equals the number of identical pods the real kube-scheduler places: not one Pending, not one place left.

`SHOAL_SEEDS=200` compares the clusters of 200 seeds, `SHOAL_SEEDS=17,` that of one, `SHOAL_SEEDS=17,23` those of two.
"""

import os

import pytest

from scheduling.random_clusters import random_cluster
from scheduling.random_pods import OURS
from scheduling.scheduler_truth import SchedulerTruth, Truth
from shoal.cluster import measure_room

SEEDS_HERE = 15


def seeds():
    chosen = os.environ.get("SHOAL_SEEDS", str(SEEDS_HERE))
    return [int(seed) for seed in chosen.split(",") if seed] if "," in chosen else range(int(chosen))


@pytest.fixture(scope="module")
def scheduler(control_plane):
    return SchedulerTruth(control_plane)


@pytest.mark.parametrize("seed", seeds())
def test_the_scheduler_places_exactly_the_pods_that_fit(scheduler, seed, record_property):
    cluster = random_cluster(seed)
    with scheduler.built(cluster):
        fit = measure_room(scheduler.api_client, OURS, cluster.ours)
        record_property("fit", fit)
        assert scheduler.place(cluster.ours, fit.pods) == Truth(fit.pods, 0, one_more=False), fit
