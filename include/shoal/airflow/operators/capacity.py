"""As many of a pod as fit now: for any DAG, without a dataset and without a bucket."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context

from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pod_room import Bounds, PodRoom, is_known, plain_pod, pods_of
from shoal.capacity.share import DEFAULT_SHARE
from shoal.contract.errors import ConfigError, InsufficientCapacityError
from shoal.contract.units import counted, format_duration

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

    from shoal.capacity.share import Capacity

log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=1)
PODS_XCOM = "pods"
"""XCom key under which the number lies by itself."""


class PodCapacityOperator(BaseOperator):
    """Say how many of a pod fit the cluster now, wait while none does, and promise them the room.

    What fits is counted by the scheduler's own rules, less what other runs were promised in the namespace and what its quotas
    leave: pods that are started by this number are not Pending. The tasks after this one start them, mapped over what it returns:
    `KubernetesPodOperator.partial(…, pod_template_dict=pod).expand(env_vars=capacity.output)`. Until their pods are there, or
    `promise_for` is over, no other run is told of that room.

    It returns `[{"POD_INDEX": "0", "POD_COUNT": "3"}, …]`, one for each pod, and the number alone under the XCom key `pods`.

    Args:
        pod: One of the pods: a `V1Pod`, a manifest, or the path of a pod template file. It is rendered, and kept nowhere.
        namespace: Where the pods go; else the pod's own, the connection's, or `default`.
        kubernetes_conn_id: Airflow connection of the cluster.
        share: Part of the free room that may be taken, above 0 and at most 1: others share the cluster.
        max_pods: Upper bound, such as the number of pieces of work: of 0 nothing is started. So is `core.max_map_length`.
        min_pods: Fewer are of no use: it waits until so many may start. More than `max_pods` or `pods` is refused.
        pods: Start so many whatever fits now, for clusters that add nodes for pods that wait. More than `max_pods` is refused.
        wait: How long it waits for room before it fails.
        look_every: Time between two looks while it waits, without a slot.
        promise_for: How long the room is promised to pods that are not there yet.
        label_selector: Labels by which these are known; None for those of every KubernetesPodOperator after this task.
    """

    template_fields: Sequence[str] = ("namespace", "max_pods", "min_pods", "pods")
    ui_color = "#d6e9f2"

    def __init__(
        self,
        *,
        pod: "V1Pod | Mapping[str, Any] | str",
        namespace: str | None = None,
        kubernetes_conn_id: str = "kubernetes_default",
        share: float = DEFAULT_SHARE,
        max_pods: int | str | None = None,
        min_pods: int | str = 1,
        pods: int | str | None = None,
        wait: timedelta = timedelta(hours=12),
        look_every: timedelta = LOOK_AGAIN,
        promise_for: timedelta = timedelta(minutes=10),
        label_selector: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 < share <= 1:
            raise ValueError(f"share is {share!r}, not above 0 and at most 1")
        if all(map(is_known, (min_pods, max_pods, pods))):
            Bounds.read(min_pods, max_pods, pods)
        self.pod = plain_pod(pod)
        self.namespace = namespace
        self.kubernetes_conn_id = kubernetes_conn_id
        self.share = share
        self.max_pods = max_pods
        self.min_pods = min_pods
        self.pods = pods
        self.wait = wait
        self.look_every = look_every
        self.promise_for = promise_for
        self.label_selector = label_selector

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Count and promise, or wait."""
        return self._find(context, datetime.now(UTC), said="")

    def look_again(self, context: Context, event: Any, since: str, said: str) -> list[dict[str, str]]:  # noqa: ARG002
        """Count once more, after a wait."""
        return self._find(context, datetime.fromisoformat(since), said)

    def _find(self, context: Context, since: datetime, said: str) -> list[dict[str, str]]:
        with translated_errors():
            bounds = Bounds.read(self.min_pods, self.max_pods, self.pods)
            if bounds.most == 0:
                log.info("max_pods is 0: nothing is to be started")
                return []
            room = self._wanted(context, bounds).open(context["ti"])
            room.clean_up()  # what a run that has ended was promised is free again
            try:
                capacity = room.find(promise=True)
            except InsufficientCapacityError as err:
                self._defer(err, since, said)
        tell_found(capacity, since if said else None)
        context["ti"].xcom_push(key=PODS_XCOM, value=capacity.pods)
        return [{"POD_INDEX": str(index), "POD_COUNT": str(capacity.pods)} for index in range(capacity.pods)]

    def _defer(self, err: InsufficientCapacityError, since: datetime, said: str) -> None:
        """Come back later without holding a slot, or give up."""
        tell_missing(err, said, self.look_every)
        if datetime.now(UTC) - since >= self.wait:
            raise ConfigError(f"No room in {format_duration(self.wait)} (wait): {err}") from err
        kept = {"since": since.isoformat(), "said": str(err)}
        self.defer(trigger=TimeDeltaTrigger(self.look_every), method_name="look_again", kwargs=kept)

    def _wanted(self, context: Context, bounds: Bounds) -> PodRoom:
        selector = self.label_selector
        if selector is None:
            after = self.get_flat_relative_ids(upstream=False)
            selector = pods_of(context["ti"].dag_id, context["ti"].run_id, after) if after else ""
        # Kept nowhere: a pod may hold what is not to be shown among the task's rendered fields.
        pod = self.render_template(self.pod, context)
        return PodRoom(
            self.kubernetes_conn_id,
            self.namespace or "",
            pod,
            self.share,
            bounds.most,
            bounds.pods,
            bounds.least,
            selector,
            self.promise_for,
        )


def tell_missing(err: InsufficientCapacityError, said: str, pause: timedelta) -> None:
    """Say once why nothing fits, and again when it is something else: which resource binds on which nodes, or which quota."""
    if str(err) != said:
        log.info("%s; looking again every %.0f s", err, pause.total_seconds())


def tell_found(capacity: "Capacity", since: datetime | None) -> None:
    """Say how many may start and what binds, and how long that was waited for."""
    waited_s = 0 if since is None else round((datetime.now(UTC) - since).total_seconds())
    waited = f" after a wait of {format_duration(timedelta(seconds=waited_s))}" if waited_s else ""
    log.info("%s may start now%s: %s", counted(capacity.pods, "pod"), waited, capacity.reason)
