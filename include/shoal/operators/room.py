"""Where a plan asks what fits: this machine, or a cluster."""

import logging
from typing import Any, Protocol

from shoal.capacity import Capacity
from shoal.dataset import Dataset

log = logging.getLogger(__name__)

ENDED = {"success", "failed"}


class Room(Protocol):
    """What fits, and what of it a run takes."""

    def find(self, *, promise: bool) -> Capacity:
        """Count the workers that may start now."""
        ...

    def settle(self, pods: int) -> None:
        """Say how many will."""
        ...


def dag_run_state(task_instance: Any, dag_id: str, run_id: str) -> str | None:
    """Ask Airflow for the state of a Dag run; None for one it does not know, such as another Airflow's."""
    try:
        state: str = task_instance.get_dagrun_state(dag_id, run_id)
    except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
        log.debug("Run %s of %s is not known here: %s", run_id, dag_id, err)
        return None
    return state


def open_room(dataset: Dataset, task_instance: Any) -> Room:
    """Choose by `cluster.kind`.

    Raises:
        ConfigError: The cluster's connection is not defined.
    """
    return _ClusterRoom(dataset, task_instance) if dataset.cluster.kind == "kubernetes" else _MachineRoom(dataset)


class _MachineRoom:
    def __init__(self, dataset: Dataset) -> None:
        self._cluster = dataset.cluster

    def find(self, *, promise: bool) -> Capacity:  # noqa: ARG002 - nobody else plans here
        from shoal.machine import find_room, read_headroom  # noqa: PLC0415 - see the package's docstring

        return find_room(self._cluster, [read_headroom()])

    def settle(self, pods: int) -> None:
        pass


class _ClusterRoom:
    def __init__(self, dataset: Dataset, task_instance: Any) -> None:
        from shoal.hooks.cluster import connect  # noqa: PLC0415
        from shoal.pod_room import PodRoom  # noqa: PLC0415
        from shoal.run_objects import DagRunId  # noqa: PLC0415

        owner = DagRunId(task_instance.dag_id, task_instance.run_id)
        self._room = PodRoom(connect(dataset.cluster.conn_id), dataset, owner)
        self._task_instance = task_instance

    def find(self, *, promise: bool) -> Capacity:
        from shoal.api_errors import explained  # noqa: PLC0415

        with explained(f"look for what ended runs left in namespace {self._room.dataset.cluster.namespace}"):
            self._delete_ended_runs()
        return self._room.find(promise=promise)

    def settle(self, pods: int) -> None:
        from shoal.api_errors import explained  # noqa: PLC0415

        if pods:
            with explained(f"promise {pods} pods in namespace {self._room.dataset.cluster.namespace}"):
                self._room.objects.lower_promise(self._room.name, pods)

    def _delete_ended_runs(self) -> None:
        """Delete what the runs left that Airflow no longer reports as running, whatever became of their own teardown."""
        for name, owner in self._room.objects.list_runs().items():
            state = dag_run_state(self._task_instance, owner.dag_id, owner.run_id)
            if state in ENDED:
                log.info("deleting what run %s of %s left: it is %s", owner.run_id, owner.dag_id, state)
                self._room.objects.delete_run(name, wait_s=0)
