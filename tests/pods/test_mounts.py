"""A bucket that cannot be mounted is told within a minute of the sidecar's start, and a slow one is waited for."""

import dataclasses
import logging
import re
import threading
import time
from contextlib import nullcontext

import pytest
from kubernetes import client

from pods.odd_stores import elsewhere, packet_drop, silent_store, slow_lister
from shoal.contract.errors import WorkerError
from shoal.mount_sidecar import SIDECAR
from shoal.sample_run import SampleRun

log = logging.getLogger(__name__)

TOLD_S = 60
LISTING_S = 25
"""Longer than a store gets to answer at all; the bucket and a folder in it are listed, one after the other."""


class Watched:
    """Runs sample pods, and knows when their sidecar started."""

    def __init__(self, real_cluster, namespace, api):
        self.address, self.api, self.namespace = real_cluster.address, api, namespace
        self.core = client.CoreV1Api(real_cluster.connect())
        self.started_s = 0.0

    def failure(self, sample):
        """Run a sample that fails; return what is said, within a minute of the sidecar's start."""
        threading.Thread(target=self._note_start, daemon=True).start()
        with pytest.raises(WorkerError) as failed:
            sample.run_pod(self.api, lambda _: None)
        told_s = time.monotonic() - self.started_s
        log.info("told %.1f s after the sidecar's start: %s", told_s, failed.value)
        assert told_s < TOLD_S
        return str(failed.value)

    def _note_start(self):
        while not self.started_s:
            pods = self.core.list_namespaced_pod(
                self.namespace, label_selector="app.kubernetes.io/managed-by=shoal"
            ).items
            statuses = [status for pod in pods for status in pod.status.init_container_statuses or ()]
            if any(entry.name == SIDECAR and (entry.state.running or entry.restart_count) for entry in statuses):
                self.started_s = time.monotonic()
            time.sleep(0.2)


@pytest.fixture
def watched(real_cluster, namespaces, api):
    return Watched(real_cluster, namespaces["mount"], api)


@pytest.fixture
def sample(pipelines):
    """A pod over five images that mounts its bucket."""
    pipeline = pipelines("mount")
    return SampleRun.prepare(pipeline.dataset, pipeline.stores)


@pytest.mark.parametrize(
    ("find", "changes", "said"),
    [
        pytest.param(None, {"secret_key": "wrong-secret-key"}, "SignatureDoesNotMatch|403", id="a key that is refused"),
        pytest.param(None, {"endpoint_url": "http://127.0.0.1:9"}, "connection refused", id="a store that is down"),
        pytest.param(packet_drop, {}, "i/o timeout|no answer", id="a store that drops packets"),
        pytest.param(silent_store, {}, "no answer from http", id="a store that never answers"),
    ],
)
def test_a_mount_that_shows_nothing_is_named_within_a_minute(find, changes, said, sample, watched):
    with find(watched.address) if find else nullcontext() as url:
        stores = elsewhere(sample.stores, **changes, **({"endpoint_url": url} if url else {}))
        failure = watched.failure(dataclasses.replace(sample, stores=stores))
    assert re.search(rf"The sidecar could not mount the bucket \(.*({said}).*\) - check", failure)


def test_a_bucket_that_is_not_there_is_named_within_a_minute(sample, watched):
    source = sample.dataset.source.model_copy(update={"bucket": "no-such-bucket"})
    changed = dataclasses.replace(sample, dataset=sample.dataset.model_copy(update={"source": source}))
    said = r"The sidecar could not mount the bucket \(.*(not found|shows nothing).*\) - check that the bucket is there"
    assert re.search(said, watched.failure(changed))


def test_a_bucket_that_is_listed_slowly_is_waited_for(sample, watched):
    host, port = sample.stores.source.access.host.split(":")
    began = time.monotonic()
    with slow_lister(watched.address, (host, int(port)), LISTING_S) as url:
        slow = dataclasses.replace(sample, stores=elsewhere(sample.stores, endpoint_url=url))
        slow.run_pod(watched.api, lambda _: None)
    assert time.monotonic() - began > 2 * LISTING_S
    assert sample.count_rows()[0] == 5
