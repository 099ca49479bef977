"""A mount that hangs under a worker: the kubelet starts it anew and the worker goes on. By `make soak` only: it takes a minute."""

import os
import signal
import threading
import time

import pytest
from kubernetes import client

from pods.installation import api, pipelines
from seeds import CHOSEN
from shoal.engines.kubernetes.manifests import RUN_KEY_LABEL, SIDECAR
from shoal.preflight.sample_run import SampleRun

__all__ = ["api", "pipelines"]

GIVEN_UP_S = 120


@pytest.mark.skipif(CHOSEN not in os.environ, reason=f"takes a minute: make soak, or set {CHOSEN}")
def test_a_mount_that_hangs_costs_a_minute_and_no_attempt(pipelines, api, real_cluster, namespaces):
    pipeline = pipelines("mount")
    sample, stopped, lines = SampleRun.prepare(pipeline.dataset, pipeline.stores), [], []
    core = client.CoreV1Api(real_cluster.connect())
    stopper = threading.Thread(
        target=stop_mount, args=(sample.plan.run_key, core, namespaces["mount"], real_cluster, stopped)
    )
    stopper.start()
    sample.run(lambda _: api, lines.append)
    seconds = time.monotonic() - stopped[0]
    assert sample.count_rows()[0] == 5
    assert 20 < seconds < GIVEN_UP_S, "it was stopped before the first image"


def stop_mount(run_key, core, namespace, cluster, stopped):
    """Stop the sidecar of a run's pod once it has mounted the bucket, before the worker has read an image."""
    deadline = time.monotonic() + 120
    while not stopped and time.monotonic() < deadline:
        for pod in core.list_namespaced_pod(namespace, label_selector=f"{RUN_KEY_LABEL}={run_key}").items:
            if any(entry.name == SIDECAR and entry.started for entry in pod.status.init_container_statuses or ()):
                for pid in cluster.container_pids(namespace, pod.metadata.name, SIDECAR):
                    os.kill(pid, signal.SIGSTOP)
                stopped.append(time.monotonic())
        time.sleep(0.05)
