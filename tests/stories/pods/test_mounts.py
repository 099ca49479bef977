"""A bucket that cannot be mounted is told within a minute of the sidecar's start, and a slow one is waited for."""

import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from kubernetes import client

from pods.odd_stores import led_elsewhere, packet_drop, silent_store, slow_lister
from shoal.contract.errors import WorkerError
from shoal.engines.kubernetes.manifests import RUN_KEY_LABEL
from shoal.engines.kubernetes.mount_sidecar import SIDECAR
from shoal.preflight.sample_run import SampleRun

log = logging.getLogger(__name__)

TOLD_S = 60
LISTING_S = 25
"""Longer than a store gets to answer at all; the bucket and a folder in it are listed, one after the other."""


@dataclass(frozen=True)
class Told:
    """How a sample pod failed: in which words, and how long after its sidecar's start."""

    words: str
    after_s: float


FAILURES = {
    "a key that is refused": "SignatureDoesNotMatch|403",
    "a store that is down": "connection refused",
    "a store that drops packets": "i/o timeout|no answer",
    "a store that never answers": "no answer from http",
    "a bucket that is not there": "not found|shows nothing",
}


@pytest.fixture(scope="module")
def pipeline(pipelines):
    """A dataset whose pods mount its bucket."""
    return pipelines("mount")


@pytest.fixture(scope="module")
def listed_slowly(pipeline, real_cluster, api):
    """A pod whose bucket is listed slowly, at work beside all others: how long it will have taken, and its rows."""
    sample = SampleRun.prepare(pipeline.dataset, pipeline.stores)
    host, port = sample.stores.source.access.host.split(":")

    def run(url):
        began = time.monotonic()
        led_elsewhere(sample, endpoint_url=url).run(lambda _: api, lambda _: None)
        return time.monotonic() - began, sample.count_rows()[0]

    with slow_lister(real_cluster.address, (host, int(port)), LISTING_S) as url, ThreadPoolExecutor() as pool:
        yield pool.submit(run, url)


@pytest.fixture(scope="module")
def told(pipeline, real_cluster, namespaces, api, listed_slowly):
    """Pods whose bucket cannot be mounted, all at once; how each was told."""
    prepared = SampleRun.prepare(pipeline.dataset, pipeline.stores)
    source = prepared.dataset.source.model_copy(update={"bucket": "no-such-bucket"})
    with packet_drop(real_cluster.address) as dropping, silent_store(real_cluster.address) as silent:
        samples = {
            "a key that is refused": _led_elsewhere(pipeline, secret_key="wrong-secret-key"),
            "a store that is down": _led_elsewhere(pipeline, endpoint_url="http://127.0.0.1:9"),
            "a store that drops packets": _led_elsewhere(pipeline, endpoint_url=dropping),
            "a store that never answers": _led_elsewhere(pipeline, endpoint_url=silent),
            "a bucket that is not there": led_elsewhere(
                replace(prepared, dataset=prepared.dataset.model_copy(update={"source": source}))
            ),
        }
        core = client.CoreV1Api(real_cluster.connect())
        with ThreadPoolExecutor(len(samples)) as pool:
            ends = {
                name: pool.submit(_fail, sample, core, namespaces["mount"], api) for name, sample in samples.items()
            }
            return {name: end.result() for name, end in ends.items()}


def _led_elsewhere(pipeline, **changes):
    return led_elsewhere(SampleRun.prepare(pipeline.dataset, pipeline.stores), **changes)


def _fail(sample, core, namespace, api):
    """Run a sample pod that fails."""
    started: list[float] = []
    threading.Thread(target=_note_start, args=(started, sample.plan.run_key, core, namespace), daemon=True).start()
    with pytest.raises(WorkerError) as failed:
        sample.run(lambda _: api, lambda _: None)
    told = Told(str(failed.value), time.monotonic() - started[0])
    log.info("told %.1f s after the sidecar's start: %s", told.after_s, told.words)
    return told


def _note_start(started, run_key, core, namespace):
    """Note when the sidecar of a run's pod started."""
    while not started:
        pods = core.list_namespaced_pod(namespace, label_selector=f"{RUN_KEY_LABEL}={run_key}").items
        statuses = [status for pod in pods for status in pod.status.init_container_statuses or ()]
        if any(entry.name == SIDECAR and (entry.state.running or entry.restart_count) for entry in statuses):
            started.append(time.monotonic())
        time.sleep(0.2)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_mount_that_shows_nothing_is_named_within_a_minute(told, failure):
    words = told[failure].words
    assert re.search(rf"The sidecar could not mount the bucket \(.*({FAILURES[failure]}).*\) - check", words), words
    assert told[failure].after_s < TOLD_S


def test_who_names_a_bucket_that_is_not_there_is_told_to_look(told):
    assert ") - check that the bucket is there" in told["a bucket that is not there"].words


def test_a_bucket_that_is_listed_slowly_is_waited_for(listed_slowly):
    took_s, rows = listed_slowly.result()
    assert took_s > 2 * LISTING_S
    assert rows == 5
