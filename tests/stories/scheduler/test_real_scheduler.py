"""K equals the number of identical pods the real kube-scheduler places: not one Pending, not one place left.

`SHOAL_SEEDS` says which clusters, see seeds.py.
"""

import pytest

from scheduling.objects import node
from scheduling.random_clusters import RandomCluster, random_cluster
from scheduling.random_pods import OURS
from scheduling.scheduler_truth import SchedulerTruth, Truth
from seeds import chosen_seeds
from service_settings import deepaas
from shoal.engines.engine import Workers
from shoal.engines.kubernetes.cluster import measure_room
from shoal.engines.kubernetes.settings import KubernetesSettings
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.service import Worker

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


def test_a_service_beside_the_worker_takes_its_room(scheduler):
    """0.5 of a core for the worker, 0.1 for the mount, 0.7 for the service: three such pods on a node of four cores."""
    ask = Cluster(kind="kubernetes", namespace=OURS, pod={"cpu": "500m", "memory": "200Mi", "transfer": "mount"})
    worker = Worker(image="worker:1", service=deepaas(cpu="700m", memory="1Gi"))
    ours = KubernetesSettings(Workers(ask, worker, Sidecar(image="sidecar:1"), "images")).sample_pod()
    cluster = RandomCluster(nodes=[node("first"), node("second")], ours=ours)
    with scheduler.built(cluster):
        fit = measure_room(scheduler.api_client, OURS, ours)
        assert (fit.pods, fit.never) == (6, False)
        assert scheduler.place(ours, fit.pods) == Truth(fit.pods, 0, one_more=False)
