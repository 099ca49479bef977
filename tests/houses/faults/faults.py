"""Everything that breaks: what is killed, stopped, refused, cleared or started twice, one function each."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from kubernetes import client

from faults.scenario import Fault, Scenario, patiently
from shoal.engines.kubernetes.manifests import SIDECAR, WORKER
from worker.http_faults import Answer, late, passed_on, status

AWAY_S, REFUSES_S, SLOW_S, NODE_AWAY_S = 10, 20, 40, 60
PULL_FAILS_S = 120


def _on_a_pod(hit: Callable[[Scenario, client.V1Pod], None]) -> Callable[[Scenario], str]:
    """Hit one of the dataset's working pods, where there is one."""

    def inject(scenario: Scenario) -> str:
        pod = scenario.working_pod()
        if pod is None:
            return ""
        try:
            patiently(lambda: _unless_gone(hit, scenario, pod))
        except PodGoneError:
            return ""
        return str(pod.metadata.name)

    return inject


class PodGoneError(Exception):
    """A pod ended just before it was hit."""


def _unless_gone(hit: Callable[[Scenario, client.V1Pod], None], scenario: Scenario, pod: client.V1Pod) -> None:
    try:
        hit(scenario, pod)
    except client.ApiException as err:
        if err.status in {404, 409}:
            raise PodGoneError(pod.metadata.name) from err
        raise


def _signal(container: str, signum: signal.Signals) -> Callable[[Scenario], str]:
    def hit(scenario: Scenario, pod: client.V1Pod) -> None:
        pids = scenario.site.cluster.container_pids(scenario.namespace, pod.metadata.name, container)
        if not pids:
            raise PodGoneError(pod.metadata.name)
        for pid in pids:
            with suppress(ProcessLookupError):  # it went with another one
                os.kill(pid, signum)

    return _on_a_pod(hit)


def _out_of_memory(scenario: Scenario, pod: client.V1Pod) -> None:
    if not scenario.site.cluster.out_of_memory(scenario.namespace, pod.metadata.name, WORKER):
        raise PodGoneError(pod.metadata.name)


def _delete(scenario: Scenario, pod: client.V1Pod) -> None:
    scenario.site.tier.core.delete_namespaced_pod(pod.metadata.name, scenario.namespace)


def _evict(scenario: Scenario, pod: client.V1Pod) -> None:
    name = pod.metadata.name
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=name))
    scenario.site.tier.core.create_namespaced_pod_eviction(name, scenario.namespace, eviction)


def _pull_fails(scenario: Scenario, pod: client.V1Pod) -> None:
    """The image goes from the node and the registry does not answer; the pod that is deleted is missed by nobody else."""
    cluster = scenario.site.cluster
    cluster.lose_image(WORKER)
    try:
        _delete(scenario, pod)
        deadline = time.monotonic() + PULL_FAILS_S
        while time.monotonic() < deadline and scenario.active_run() and not any(map(_cannot_pull, scenario.pods())):
            time.sleep(1)
    finally:
        cluster.bring_image(WORKER)


def _cannot_pull(pod: client.V1Pod) -> bool:
    waiting = [status.state.waiting for status in pod.status.container_statuses or ()]
    return any(state and state.reason in {"ErrImagePull", "ImagePullBackOff"} for state in waiting)


def _program_away(program: str, seconds: float, *, killed: bool = True) -> Callable[[Scenario], str]:
    """A program of the cluster ends, by itself or as in a shutdown, and is there again after a while."""

    def inject(scenario: Scenario) -> str:
        cluster = scenario.site.cluster
        (cluster.kill if killed else cluster.stop)(program)
        try:
            time.sleep(seconds)
        finally:
            cluster.restart(program)
        return f"{program} for {seconds} s"

    return inject


def _api_answers(code: int) -> Callable[[Scenario], str]:
    """Every other request of Airflow to the API server is answered so."""

    def inject(scenario: Scenario) -> str:
        return _requests(scenario.site.api.break_for(REFUSES_S, status(code, content_type="application/json"), every=2))

    return inject


def _store_answers(fault: Answer | None, seconds: float, every: int = 1) -> Callable[[Scenario], str]:
    """Requests to the store are answered so; None cuts bodies in half."""

    def inject(scenario: Scenario) -> str:
        site = scenario.site
        return _requests(site.store.break_for(seconds, fault or passed_on(site.store_url, keep=0.5), every))

    return inject


def _store_slow(scenario: Scenario) -> str:
    site = scenario.site
    return _requests(site.store.break_for(SLOW_S, late(10, passed_on(site.store_url))))


def _requests(count: int) -> str:
    return f"{count} requests" if count else ""


def _airflow_killed(program: str) -> Callable[[Scenario], str]:
    def inject(scenario: Scenario) -> str:
        airflow = scenario.site.tier.airflow
        airflow.kill(program)
        time.sleep(scenario.rng.uniform(0, 5))
        airflow.start(program)
        return program

    return inject


def _task_killed(scenario: Scenario) -> str:
    pids = sorted(scenario.site.tier.airflow.task_pids())
    if not pids:
        return ""
    pid = scenario.rng.choice(pids)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return f"a task of {len(pids)} processes"
    return ""


def _cleared(task_id: str) -> Callable[[Scenario], str]:
    """Somebody clears a task of the run at work, or of the last one, and all after it."""

    def inject(scenario: Scenario) -> str:
        run_id = scenario.active_run() or _last_run(scenario)
        if not run_id:
            return ""  # the only run was deleted
        scenario.site.tier.rest.clear(scenario.dag_id, run_id, task_id)
        return f"{task_id} of {run_id}"

    return inject


def _marked_failed(scenario: Scenario) -> str:
    run_id = scenario.active_run()
    if run_id:
        rest = scenario.site.tier.rest
        rest.send("PATCH", f"dags/{scenario.dag_id}/dagRuns/{run_id}", {"state": "failed"})
    return run_id


def _deleted_run(scenario: Scenario) -> str:
    """Somebody ends the run and deletes it in the web interface, which it refuses while anything of it runs."""
    run_id, rest = _marked_failed(scenario), scenario.site.tier.rest
    if run_id:
        rest.finished(scenario.dag_id, run_id)
        rest.send("DELETE", f"dags/{scenario.dag_id}/dagRuns/{run_id}")
    return run_id


def _started_twice(scenario: Scenario) -> str:
    return str(scenario.site.tier.rest.trigger(scenario.dag_id))


def _backfilled(scenario: Scenario) -> str:
    """A month of the same model version, while the night is at work."""
    return scenario.site.tier.rest.backfill(
        f"backfill_{scenario.dataset.name}", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", model_version="v1"
    )


def _last_run(scenario: Scenario) -> str:
    runs = [run["dag_run_id"] for run in scenario.runs() if run["dag_id"] == scenario.dag_id]
    return str(runs[-1]) if runs else ""


_everybody = partial(Fault, hits_everybody=True)

FAULTS: Sequence[Fault] = (
    Fault("worker SIGKILL", _signal(WORKER, signal.SIGKILL)),
    Fault("worker SIGTERM", _signal(WORKER, signal.SIGTERM)),
    Fault("worker OOM kill", _on_a_pod(_out_of_memory)),
    Fault("sidecar killed", _signal(SIDECAR, signal.SIGKILL), needs_mount=True),
    Fault("mount hung", _signal(SIDECAR, signal.SIGSTOP), needs_mount=True),
    Fault("pod deleted", _on_a_pod(_delete)),
    Fault("pod evicted", _on_a_pod(_evict)),
    _everybody("image pull fails once", _on_a_pod(_pull_fails)),
    _everybody("kubelet stopped", _program_away("kubelet", NODE_AWAY_S, killed=False)),
    _everybody("containerd stopped", _program_away("containerd", NODE_AWAY_S, killed=False)),
    _everybody("kube-apiserver restarted", _program_away("kube-apiserver", AWAY_S)),
    _everybody("API answers 429", _api_answers(429)),
    _everybody("API answers 500", _api_answers(500)),
    _everybody("MinIO restarted", _program_away("minio", AWAY_S)),
    _everybody("store answers 503", _store_answers(status(503, "SlowDown"), REFUSES_S)),
    _everybody("store cuts bodies", _store_answers(None, REFUSES_S, every=2)),
    _everybody("store takes 10 s", _store_slow),
    _everybody("credentials expired", _store_answers(status(403, "ExpiredToken"), REFUSES_S)),
    _everybody("Airflow task killed", _task_killed),
    _everybody("scheduler killed", _airflow_killed("scheduler")),
    _everybody("triggerer killed", _airflow_killed("triggerer")),
    Fault("shards cleared", _cleared("infer")),
    Fault("plan cleared", _cleared("plan")),
    Fault("summary cleared", _cleared("summarize")),
    Fault("run marked failed", _marked_failed),
    Fault("run deleted", _deleted_run),
    Fault("run started twice", _started_twice),
    Fault("backfill beside the night", _backfilled),
)
HAND = 4
"""Faults of one seed."""

SIDE_BY_SIDE, SEEDS_HERE = 4, 2
"""Seeds that run at once, and those of every test run."""

SEEDS_PER_DECK = -(-len(FAULTS) // HAND)
"""So many seeds in a row deal every fault exactly once."""


def deal(seed: int) -> list[Fault]:
    """Deal the faults of one seed: its group of seeds shuffles them, its place in the group cuts."""
    group, place = divmod(seed, SEEDS_PER_DECK)
    deck = random.Random(group).sample(FAULTS, len(FAULTS))
    # What hits everybody takes a minute, and would leave no pod for the others to hit.
    return sorted(deck[place * HAND : (place + 1) * HAND], key=lambda fault: fault.hits_everybody)
