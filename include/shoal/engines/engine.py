"""What every place where workers run can do, and the one table of them."""

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Protocol

from shoal.capacity.share import Capacity
from shoal.contract.errors import ShoalError
from shoal.settings.dataset import Dataset
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.service import Worker
from shoal.settings.source import Volume
from shoal.stores.kinds import DEFAULT_KIND

if TYPE_CHECKING:
    from shoal.shards.attempt import ShardWork

ENGINES = {
    "local": "shoal.engines.local.engine:LocalEngine",
    "kubernetes": "shoal.engines.kubernetes.engine:KubernetesEngine",
}
"""By `cluster.kind` of the dataset file; `settings.execution` lists the kinds, too, and which have pods.

A class is imported when it is needed: a client of Kubernetes takes a second.
"""

SETTINGS = {**ENGINES, "kubernetes": "shoal.engines.kubernetes.settings:KubernetesSettings"}
"""What judges and describes the settings of each, without such a client where there is one."""

Step = tuple[str, Callable[[], str]]
"""One thing a check tries: its name, and what says in words that it works; it raises what does not."""

Connect = Callable[[str], Any]
"""Opens the client of a cluster by the id of its connection."""

FindState = Callable[[str, str], str | None]
"""Asks Airflow for the state of a Dag run (dag_id, run_id): DELETED for one it does not have, None where it does not say."""

DELETED = "deleted"
GONE_S = 90.0
"""How long an attempt of our own is waited for after it was told to go."""


@dataclass(frozen=True)
class DagRunId:
    """Which Dag run of which Airflow owns something.

    Attributes:
        installation: The Airflow; empty for what an earlier version wrote, and for a check.
        dag_id: The DAG.
        run_id: Its run.
        task: The task that owns it by itself, where a run has several that ask for room; empty for what is the run's.
    """

    installation: str
    dag_id: str
    run_id: str
    task: str = ""

    @property
    def name(self) -> str:
        """Name of what the run owns: the same in every task, valid whatever the ids hold."""
        ids = "\n".join([self.installation, self.dag_id, self.run_id, *([self.task] if self.task else ())])
        return f"shoal-{hashlib.sha256(ids.encode()).hexdigest()[:16]}"


Owner = Callable[[], DagRunId]
"""Names the Dag run that asks; called where something is owned only, since Airflow's own name is made by the first call."""


@dataclass(frozen=True)
class Workers:
    """What workers run in.

    Attributes:
        cluster: Where they run, how large they are, and how many there may be.
        worker: Image of the worker, and somebody's own program beside it.
        sidecar: Image and size of what mounts the bucket beside it.
        bucket: The bucket it mounts.
        volume: What holds the images as files instead; None where they lie in a bucket.
        source_kind: Kind of the store that holds them, where the dataset file says one.
    """

    cluster: Cluster
    worker: Worker = field(default_factory=Worker)
    sidecar: Sidecar = field(default_factory=Sidecar)
    bucket: str = ""
    volume: Volume | None = None
    source_kind: str = DEFAULT_KIND

    @classmethod
    def of(cls, dataset: Dataset) -> "Workers":
        """Take them from a dataset's settings."""
        source = dataset.source
        return cls(dataset.cluster, dataset.worker, dataset.sidecar, source.place, source.volume, source.kind)


@dataclass(frozen=True)
class Watch:
    """What the looks at a worker so far tell.

    Attributes:
        status: How the wait for it ended; empty while there is something to wait for.
        message: Why, where that is known.
        news: What is to be logged after the last look.
    """

    status: str = ""
    message: str = ""
    news: str = ""


class Room(Protocol):
    """What fits, and what of it a run takes."""

    def clean_up(self) -> None:
        """Delete what ended runs left; what stands in the way is a warning."""
        ...

    def end_earlier(self) -> None:
        """End the workers of a cleared plan of the same run, and wait for their last rows: they are reused, not done again."""
        ...

    def find(self, *, promise: bool) -> Capacity:
        """Count the workers that may start now, and promise them to this run where they will follow."""
        ...

    def settle(self, pods: int) -> None:
        """Say how many will start, of those that were promised."""
        ...


class EngineSettings(Protocol):
    """What a dataset file says of the place where its workers run; nothing is reached."""

    def describe(self) -> str:
        """Say in words what workers run in."""
        ...

    def need_settings(self) -> None:
        """Judge what the dataset file says of its workers, without reaching anything.

        Raises:
            ConfigError: They cannot be so; one line for each field.
        """
        ...

    def sample_pod(self) -> dict[str, Any]:
        """Make a pod like those of its workers, to count room for."""
        ...


class Engine(EngineSettings, Protocol):
    """A place where workers run; it is reached when it is needed.

    Attributes:
        runner: Import path of what runs a shard there for Airflow, see `airflow.operators.shard`.
        waits: Whether room that is missing now may come, so that a plan waits for it.
        pause_s: Seconds between two looks.
        conn_id: Airflow connection by which it is reached; empty where there is none.
    """

    runner: str
    waits: bool
    pause_s: float

    @property
    def conn_id(self) -> str: ...  # noqa: D102 - see above

    def room(self, pod: Mapping[str, Any], owner: Owner, find_state: FindState) -> Room:
        """Open the room for pods like this one, whoever starts them.

        Args:
            pod: A plain Kubernetes pod.
            owner: The Dag run that asks.
            find_state: What tells runs that have ended from those at work.
        """
        ...

    def start(self, work: "ShardWork", owner: Owner) -> Any:
        """Start the worker of an attempt; returns what the next three take."""
        ...

    def look(self, handle: Any, before: Any) -> Any:
        """Look at it once more; returns a `Watch`. The first look has None before it."""
        ...

    def last_words(self, handle: Any, watch: Any) -> Iterator[str]:
        """Read the lines of a worker that no look has told."""
        ...

    def verdict(self, handle: Any, watch: Any) -> ShoalError | None:
        """Judge a worker that is waited for no more; None when it did its shard."""
        ...

    def end(self, owner: Owner, wait_s: float) -> str:
        """End the workers of a Dag run and delete all it owns; returns in words what was deleted, empty for nothing."""
        ...

    def check_steps(self) -> Iterator[Step]:
        """Name what `check` tries there; nothing stays."""
        ...

    def tell(self, run_key: str, failed: Collection[str]) -> list[str]:
        """Say in lines for `why` how a run's pods are; `failed` names those that attempts noted."""
        ...


def settings_of(dataset: Dataset) -> EngineSettings:
    """Take what a dataset file says of where its workers run, to be judged or described."""
    kind = dataset.cluster.kind
    if SETTINGS[kind] == ENGINES[kind]:
        return open_engine(dataset, _nowhere)
    settings: EngineSettings = resolve_name(SETTINGS[kind])(Workers.of(dataset))
    return settings


def _nowhere(conn_id: str) -> Any:
    raise AssertionError(f"settings reach no cluster, not even {conn_id!r}")


def open_engine(dataset: Dataset, connect: Connect) -> Engine:
    """Choose where a dataset's workers run; nothing is reached yet.

    Args:
        dataset: The dataset.
        connect: Opens its cluster.
    """
    engine: Engine = resolve_name(ENGINES[dataset.cluster.kind])(Workers.of(dataset), connect)
    return engine


def run_to_end(engine: Engine, work: "ShardWork", owner: Owner, say: Callable[[str], None]) -> None:
    """Run a worker, stand by, and leave nothing behind.

    Args:
        engine: Where it runs.
        work: The attempt.
        owner: The Dag run that owns it.
        say: Takes what it says.

    Raises:
        ConfigError, WorkerError: It could not start, or did not do its shard; see `verdict.judge`.
        ClusterError: A cluster does not answer.
    """
    handle, failure = engine.start(work, owner), None
    try:
        failure = _wait_for(engine, handle, say)
    except ShoalError as err:
        failure = err
    except BaseException:
        engine.end(owner, GONE_S)
        raise
    try:
        engine.end(owner, GONE_S)
    except ShoalError as err:
        if failure is None:
            raise
        say(str(err))  # what went wrong first is what has to be mended
    if failure is not None:
        raise failure


def _wait_for(engine: Engine, handle: Any, say: Callable[[str], None]) -> ShoalError | None:
    watch = engine.look(handle, None)
    while not watch.status:
        if watch.news:
            say(watch.news)
        time.sleep(engine.pause_s)
        watch = engine.look(handle, watch)
    for line in engine.last_words(handle, watch):
        say(line)
    return engine.verdict(handle, watch)
