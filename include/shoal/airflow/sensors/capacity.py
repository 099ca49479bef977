"""Wait until so many of a pod fit the cluster: for any DAG, without a dataset and without a bucket."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from shoal.airflow.operators.capacity import LOOK_AGAIN, tell_found, tell_missing
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pod_room import PodRoom, is_known, plain_pod, whole_number
from shoal.contract.errors import InsufficientCapacityError
from shoal.contract.units import format_duration

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

    from shoal.capacity.share import Capacity


class PodCapacitySensor(BaseSensorOperator):
    """Wait until so many of a pod fit the cluster now; returns how many do.

    It counts as `PodCapacityOperator` does, less what other runs were promised, and promises nothing: between its end and the
    start of a pod others may take the room. Where that matters, take the operator with `min_pods`.

    Args:
        pod: One of the pods: a `V1Pod`, a manifest, or the path of a pod template file.
        min_pods: So many have to fit.
        namespace: Where the pods go; else the pod's own, the connection's, or `default`.
        kubernetes_conn_id: Airflow connection of the cluster.
        deferrable: Wait without a slot; else as sensors do (`mode`, `poke_interval`).
    """

    template_fields: Sequence[str] = ("namespace", "min_pods")
    ui_color = "#d6e9f2"

    def __init__(
        self,
        *,
        pod: "V1Pod | Mapping[str, Any] | str",
        min_pods: int | str = 1,
        namespace: str | None = None,
        kubernetes_conn_id: str = "kubernetes_default",
        deferrable: bool = True,
        poke_interval: float | timedelta = LOOK_AGAIN,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        if is_known(min_pods):
            whole_number("min_pods", min_pods)
        self.pod = plain_pod(pod)
        self.min_pods = min_pods
        self.namespace = namespace
        self.kubernetes_conn_id = kubernetes_conn_id
        self.deferrable = deferrable
        self._said = ""

    def execute(self, context: Context) -> Any:
        """Wait for room."""
        if not self.deferrable:
            return super().execute(context)
        return self._look(context, datetime.now(UTC))

    def look_again(self, context: Context, event: Any, since: str, said: str) -> Any:  # noqa: ARG002
        """Count once more, after a wait."""
        self._said = said
        return self._look(context, datetime.fromisoformat(since))

    def poke(self, context: Context) -> PokeReturnValue:
        """Count once."""
        capacity = self._count(context)
        return PokeReturnValue(capacity is not None, None if capacity is None else capacity.fit)

    def _look(self, context: Context, since: datetime) -> int:
        waited = bool(self._said)
        if (capacity := self._count(context)) is None:
            self._wait(since)
        tell_found(capacity, since if waited else None)
        return capacity.fit

    def _wait(self, since: datetime) -> NoReturn:
        """Come back later without holding a slot, or give up as sensors do."""
        if datetime.now(UTC) - since >= timedelta(seconds=self.timeout):
            message = f"No room in {format_duration(timedelta(seconds=self.timeout))} (timeout): {self._said}"
            raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
        trigger = TimeDeltaTrigger(timedelta(seconds=self.poke_interval))
        self.defer(trigger=trigger, method_name="look_again", kwargs={"since": since.isoformat(), "said": self._said})

    def _count(self, context: Context) -> "Capacity | None":
        """Count what fits; None while it is too little."""
        with translated_errors():
            least = whole_number("min_pods", self.min_pods) or 1
            pod = self.render_template(self.pod, context)
            wanted = PodRoom(self.kubernetes_conn_id, self.namespace or "", pod, 1.0, least=least)
            try:
                return wanted.open(context["ti"]).find(promise=False)
            except InsufficientCapacityError as err:
                tell_missing(err, self._said, timedelta(seconds=self.poke_interval))
                self._said = str(err)
                return None
