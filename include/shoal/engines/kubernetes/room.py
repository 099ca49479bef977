"""How many pods of a kind may start now, counted and promised in one turn, and what ended runs left of theirs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from kubernetes.client import ApiClient, CoreV1Api

from shoal.capacity.scheduler.pods import scheduled_part
from shoal.capacity.scheduler.snapshot import Promise
from shoal.capacity.setting_names import OF_DATASET, SettingNames
from shoal.capacity.share import Capacity, take_share
from shoal.contract.errors import ShoalError
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.engines.engine import DELETED, DagRunId, FindState, Owner
from shoal.engines.kubernetes.cluster import EffectivePod, effective_pod, fit_effective
from shoal.engines.kubernetes.earlier_pods import end_earlier_pods
from shoal.engines.kubernetes.errors import explained
from shoal.engines.kubernetes.owned_objects import PROMISE_HOLDS, OwnedRun, RunObjects, RunPromise
from shoal.engines.kubernetes.planning_turn import planning_turn
from shoal.settings.execution import Cluster

log = logging.getLogger(__name__)

ENDED = {"success", "failed"}
CHECK_LASTS = timedelta(hours=1)


@dataclass(frozen=True)
class Terms:
    """What whoever asks wants of the room beside its share.

    Attributes:
        least: Fewer pods are of no use.
        selector: Labels by which the pods are known that take a promise up; empty: the label of the run's own.
        holds: How long a promise is kept.
        names: What whoever asks calls their settings.
    """

    least: int = 1
    selector: str = ""
    holds: timedelta = PROMISE_HOLDS
    names: SettingNames = OF_DATASET


@dataclass(frozen=True)
class KubernetesRoom:
    """A namespace of a cluster, as one Dag run sees it.

    Attributes:
        connect: Opens the cluster, when it is needed.
        cluster: Namespace and share.
        pod: What one of the pods looks like.
        find_owner: Names the Dag run that asks.
        find_state: Asks its Airflow for the state of a Dag run.
        terms: What else it wants.
    """

    connect: Callable[[], ApiClient]
    cluster: Cluster
    pod: Mapping[str, Any]
    find_owner: Owner
    find_state: FindState
    terms: Terms = Terms()

    @cached_property
    def owner(self) -> DagRunId:
        """The Dag run that asks."""
        return self.find_owner()

    @property
    def objects(self) -> RunObjects:
        """What runs own in the namespace."""
        return RunObjects(self._core, self.cluster)

    @property
    def _core(self) -> CoreV1Api:
        return CoreV1Api(self.connect())

    def clean_up(self) -> None:
        """Delete what the runs left that run no longer, whatever became of their own teardown."""
        try:
            with explained(f"look for what ended runs left in namespace {self.cluster.namespace}"):
                self._delete_ended_runs()
        except ShoalError as err:
            log.warning("What ended runs left is not deleted now: %s", err)

    def end_earlier(self) -> None:
        """End the pods of a cleared plan of the same run, and wait for their last rows: they are reused, not done again."""
        end_earlier_pods(lambda: self.objects, self.owner.name, self.cluster.namespace, shard=None)

    def find(self, *, promise: bool) -> Capacity:
        """Count the pods that may start now, less what other runs promised, and promise them.

        Args:
            promise: Whether pods will follow; a plan alone promises nothing.

        Raises:
            InsufficientCapacityError: Not one fits now.
            NeverFitsError: Not one would ever fit.
            ConfigError: Namespace, rights or pod are wrong.
            ClusterError: The cluster does not answer.
        """
        namespace, terms = self.cluster.namespace, self.terms
        turn = planning_turn(self._core, self.cluster)
        with explained(f"plan in namespace {namespace}", terms.names), turn as now:
            # What admission refuses now it refuses every shard.
            pod = effective_pod(self.connect(), namespace, self.pod, terms.names)
            capacity = self._count(pod, now)
            if promise:
                part = scheduled_part(pod.pod)
                promised = RunPromise(self.owner.name, capacity.pods, part, terms.selector, terms.holds)
                self.objects.promise(self.owner, promised, now)
        return capacity

    def settle(self, pods: int) -> None:
        """Say how many will start, of those that were promised."""
        with explained(f"promise {pods} pods in namespace {self.cluster.namespace}"):
            self.objects.lower_promise(self.owner.name, pods)

    def _count(self, pod: EffectivePod, now: datetime) -> Capacity:
        cluster, terms = self.cluster, self.terms
        if cluster.pods is not None:
            reason = f"{terms.names.pods} {cluster.pods}: started whatever fits now, they wait Pending for room"
            return Capacity(cluster.pods, cluster.pods, (), reason)
        promised = [Promise(other.pod, other.pods) for other in self.objects.list_promises(self.owner.name, now)]
        fit = fit_effective(self.connect(), cluster.namespace, pod, promised)
        return take_share(fit, cluster.share, cluster.max_pods, least=terms.least, names=terms.names)

    def _delete_ended_runs(self) -> None:
        for run in self.objects.list_runs():
            if why := self._why_ended(run):
                log.info("deleting what run %s of %s left: %s", run.owner.run_id, run.owner.dag_id, why)
                self._delete(run)

    def _delete(self, run: OwnedRun) -> None:
        if run.owner.task:  # it owns its promise and nothing else; whoever asks for room may have no right to more
            self.objects.delete_promise(run.name)
        else:
            self.objects.delete_run(run.name, wait_s=0)

    def _why_ended(self, run: OwnedRun) -> str:
        """Say why a run cannot be at work any more; empty while it may be, or is another Airflow's."""
        owner = run.owner
        if owner.dag_id == CHECK_DAG_ID:
            return "no check takes so long" if datetime.now(UTC) - run.created_at > CHECK_LASTS else ""
        if owner.installation not in {"", self.owner.installation}:
            return ""
        state = self.find_state(owner.dag_id, owner.run_id)
        if state in ENDED:
            return f"it is {state}"
        # What an earlier version wrote names no Airflow: it may be another one's.
        return "it was deleted from this Airflow" if state == DELETED and owner.installation else ""
