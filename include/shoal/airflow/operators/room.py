"""Where a plan asks what fits: this machine, or a cluster."""

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from shoal.airflow.operators.installation import find_installation
from shoal.capacity.share import Capacity
from shoal.contract.errors import ShoalError
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.settings.dataset import Dataset

if TYPE_CHECKING:
    from shoal.engines.kubernetes.owned_objects import DagRunId, OwnedRun
    from shoal.engines.kubernetes.room import PodRoom

log = logging.getLogger(__name__)

ENDED = {"success", "failed"}
CHECK_LASTS = timedelta(hours=1)


class Room(Protocol):
    """What fits, and what of it a run takes."""

    def clean_up(self) -> None:
        """Delete what ended runs left; what stands in the way is a warning."""
        ...

    def end_earlier_plan(self) -> None:
        """End the pods of a cleared plan of the same run, and wait for their last rows: they are reused, not done again."""
        ...

    def find(self, *, promise: bool) -> Capacity:
        """Count the workers that may start now."""
        ...

    def settle(self, pods: int) -> None:
        """Say how many will start, of those that were promised."""
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
    """Choose by `cluster.kind`; a cluster is reached when it is needed."""
    return _ClusterRoom(dataset, task_instance) if dataset.cluster.kind == "kubernetes" else _MachineRoom(dataset)


class _MachineRoom:
    def __init__(self, dataset: Dataset) -> None:
        self._cluster = dataset.cluster

    def clean_up(self) -> None:
        pass

    def end_earlier_plan(self) -> None:
        pass  # Airflow ends the processes of tasks that are cleared

    def find(self, *, promise: bool) -> Capacity:  # noqa: ARG002 - nobody else plans here
        from shoal.engines.local.machine import find_room, read_headroom  # noqa: PLC0415 - see the package's docstring

        return find_room(self._cluster, [read_headroom()])

    def settle(self, pods: int) -> None:
        pass


class _ClusterRoom:
    def __init__(self, dataset: Dataset, task_instance: Any) -> None:
        self._dataset = dataset
        self._task_instance = task_instance

    def clean_up(self) -> None:
        from shoal.engines.kubernetes.errors import explained  # noqa: PLC0415

        try:
            with explained(f"look for what ended runs left in namespace {self._dataset.cluster.namespace}"):
                self._delete_ended_runs()
        except ShoalError as err:
            log.warning("What ended runs left is not deleted now: %s", err)

    def end_earlier_plan(self) -> None:
        from shoal.engines.kubernetes.earlier_pods import end_earlier_pods  # noqa: PLC0415

        namespace = self._dataset.cluster.namespace
        end_earlier_pods(lambda: self._room.objects, self._owner.name, namespace, shard=None)

    def find(self, *, promise: bool) -> Capacity:
        return self._room.find(promise=promise)

    def settle(self, pods: int) -> None:
        from shoal.engines.kubernetes.errors import explained  # noqa: PLC0415

        with explained(f"promise {pods} pods in namespace {self._dataset.cluster.namespace}"):
            self._room.objects.lower_promise(self._room.owner.name, pods)

    @cached_property
    def _room(self) -> "PodRoom":
        """Reach the cluster when it is needed: a night with nothing to infer does without it."""
        from shoal.airflow.hooks.cluster import connect  # noqa: PLC0415
        from shoal.engines.kubernetes.room import PodRoom  # noqa: PLC0415

        return PodRoom(connect(self._dataset.cluster.conn_id), self._dataset, self._owner)

    @cached_property
    def _owner(self) -> "DagRunId":
        from shoal.engines.kubernetes.owned_objects import DagRunId  # noqa: PLC0415

        return DagRunId(find_installation(), self._task_instance.dag_id, self._task_instance.run_id)

    def _delete_ended_runs(self) -> None:
        """Delete what the runs left that run no longer, whatever became of their own teardown."""
        for run in self._room.objects.list_runs():
            if why := self._why_ended(run):
                log.info("deleting what run %s of %s left: %s", run.owner.run_id, run.owner.dag_id, why)
                self._room.objects.delete_run(run.name, wait_s=0)

    def _why_ended(self, run: "OwnedRun") -> str:
        """Say why a run cannot be at work any more; empty while it may be, or is another Airflow's."""
        owner = run.owner
        if owner.dag_id == CHECK_DAG_ID:
            return "no check takes so long" if datetime.now(UTC) - run.created_at > CHECK_LASTS else ""
        if owner.installation not in {"", self._owner.installation}:
            return ""
        state = dag_run_state(self._task_instance, owner.dag_id, owner.run_id)
        if state in ENDED:
            return f"it is {state}"
        if state is None and owner.installation and self._is_deleted(owner):
            return "it was deleted from this Airflow"
        return ""

    def _is_deleted(self, owner: "DagRunId") -> bool:
        """Whether Airflow answers, and has no such run."""
        try:
            count: int = self._task_instance.get_dr_count(dag_id=owner.dag_id, run_ids=[owner.run_id])
        except Exception as err:  # noqa: BLE001 - see dag_run_state
            log.debug("Runs of %s cannot be counted: %s", owner.dag_id, err)
            return False
        return count == 0
