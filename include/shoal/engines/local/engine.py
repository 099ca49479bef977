"""This machine: workers are processes beside Airflow's own, and nobody else plans here."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shoal.capacity.scheduler.requests import pod_requests
from shoal.capacity.share import Capacity
from shoal.contract.errors import ShoalError
from shoal.engines.engine import Connect, FindState, Owner, Step, Watch, Workers
from shoal.engines.local.machine import find_room, read_headroom
from shoal.engines.local.process import WorkerProcess
from shoal.engines.plain_pod import sized_pod
from shoal.settings.execution import Cluster

if TYPE_CHECKING:
    from shoal.shards.attempt import ShardWork


class LocalEngine:
    """See `engine.Engine`."""

    runner = "shoal.airflow.operators.shard_process:ShardProcess"
    waits = False
    pause_s = 0.0
    conn_id = ""

    def __init__(self, workers: Workers, connect: Connect) -> None:  # noqa: ARG002 - there is nothing to connect to
        self._cluster, self._service = workers.cluster, workers.worker.service
        self._started: list[WorkerProcess] = []

    def describe(self) -> str:  # noqa: D102
        beside = f"; beside each a service of {self._service.describe()}" if self._service else ""
        return f"processes beside Airflow's own, {self._cluster.pod.describe()}{beside}"

    def need_settings(self) -> None:  # noqa: D102
        pass

    def sample_pod(self) -> dict[str, Any]:  # noqa: D102
        pod = sized_pod(self._cluster.pod.cpu, self._cluster.pod.memory, {})
        if self._service is not None:  # each worker starts one of its own
            pod["spec"]["containers"].append(
                {"name": "service", "image": "shoal-service", "resources": {"requests": self._service.limits}}
            )
        return pod

    def room(self, pod: Mapping[str, Any], owner: Owner, find_state: FindState) -> "LocalRoom":  # noqa: ARG002, D102
        return LocalRoom(pod, self._cluster)

    def start(self, work: "ShardWork", owner: Owner) -> WorkerProcess:  # noqa: ARG002, D102
        process = WorkerProcess.start(work.command, work.stores.worker_env())
        self._started.append(process)
        return process

    def look(self, handle: WorkerProcess, before: Watch | None) -> Watch:  # noqa: ARG002, D102
        line = handle.read_line()
        return Watch(status="over") if line is None else Watch(news=line)

    def last_words(self, handle: WorkerProcess, watch: Watch) -> Iterator[str]:  # noqa: ARG002, D102
        return iter(())

    def verdict(self, handle: WorkerProcess, watch: Watch) -> ShoalError | None:  # noqa: ARG002, D102
        return handle.verdict()

    def end(self, owner: Owner, wait_s: float) -> str:  # noqa: ARG002, D102
        while self._started:
            self._started.pop().stop()
        return ""

    def check_steps(self) -> Iterator[Step]:  # noqa: D102
        yield "room", lambda: LocalRoom(self.sample_pod(), self._cluster).find(promise=False).reason

    def tell(self, run_key: str, failed: Collection[str]) -> list[str]:  # noqa: ARG002, D102
        return []


class LocalRoom:
    """What this machine has left; Airflow ends the processes of tasks that are cleared."""

    def __init__(self, pod: Mapping[str, Any], cluster: Cluster) -> None:
        self._request = {name: float(amount) for name, amount in pod_requests(pod).items()}
        self._cluster = cluster

    def clean_up(self) -> None:  # noqa: D102
        pass

    def end_earlier(self) -> None:  # noqa: D102
        pass

    def find(self, *, promise: bool) -> Capacity:  # noqa: ARG002, D102 - nobody else plans here
        return find_room(self._cluster, [read_headroom()], self._request)

    def settle(self, pods: int) -> None:  # noqa: D102
        pass
