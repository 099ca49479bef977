"""Waits for a shard's pod, and sees what the provider's own trigger does not: a sidecar that cannot start."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from inspect import unwrap
from typing import Any
from weakref import WeakKeyDictionary

from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from kubernetes.client import ApiClient
from kubernetes_asyncio.client import ApiException
from kubernetes_asyncio.config import ConfigException

from shoal.contract.errors import first_line, shown
from shoal.engines.kubernetes.errors import NOT_FOUND
from shoal.engines.kubernetes.pod_watch import Bounds, PodWatch, last_event, look

REFUSED_S = 600.0
"""A login that is refused for so long is not being renewed; the task says so, the pod's rows are kept."""

MAX_PAUSE_S = 60.0

LOOK_S = 0.02
"""A look costs a hundredth of a second of the triggerer's processor, most of it a new connection to the API server: all that wait
in one triggerer together take half of it. A thousand pods, all that a triggerer has by default, are looked at every 20 s."""

_REFUSALS = {401, 403}

LINES = 32
"""So many look at one cluster at once: each look has a connection of its own, and a process has a thousand files at most."""

ONE_LOOK_S, EVENTS_S = 60.0, 20.0
"""So long a look at a pod may hold its line, and one at its events: a cluster that swallows what it is sent answers none."""

_at_work: "set[ShardPodTrigger]" = set()
"""All that wait in this process."""

_lines: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]]" = WeakKeyDictionary()


def _apart_s(pause_s: float) -> float:
    return max(pause_s, LOOK_S * len(_at_work))


def _line(conn_id: str) -> asyncio.Semaphore:
    """Give the lines to one cluster: others do not wait for one that does not answer."""
    return _lines.setdefault(asyncio.get_running_loop(), {}).setdefault(conn_id, asyncio.Semaphore(LINES))


class _OnceHook(AsyncKubernetesHook):
    """Asks once: whoever waits looks again anyhow, and the provider sleeps meanwhile, as long as a `Retry-After` says."""

    get_pod = unwrap(AsyncKubernetesHook.get_pod)
    get_pod_events = unwrap(AsyncKubernetesHook.get_pod_events)


class ShardPodTrigger(BaseTrigger):
    """Fires when the worker is over, cannot start, hangs, or its pod is gone or lost with its node.

    Nothing secret is stored with it: the triggerer looks the connection up itself. An API server that does not answer is
    waited for; the pod goes on meanwhile.

    Args:
        conn_id: Airflow connection of the cluster.
        namespace: The pod's namespace.
        name: The pod.
        grace_s: Seconds a deleted pod gets.
        poll_s: Seconds between two looks.
        queue_s: Seconds it may wait for a node.
        work_s: Seconds after which its worker begins no further image.
        in_cluster: Whether the task reached the cluster as a pod of it; the provider's asynchronous hook does not find out.
    """

    def __init__(
        self,
        conn_id: str,
        namespace: str,
        name: str,
        grace_s: int,
        poll_s: float = 5.0,
        *,
        queue_s: float | None = None,
        work_s: float | None = None,
        in_cluster: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.in_cluster = in_cluster
        self.conn_id = conn_id
        self.namespace = namespace
        self.name = name
        self.grace_s = grace_s
        self.poll_s = poll_s
        self.queue_s = queue_s
        self.work_s = work_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments, for the triggerer."""
        arguments = ("conn_id", "namespace", "name", "grace_s", "poll_s", "queue_s", "work_s", "in_cluster")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {argument: getattr(self, argument) for argument in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the pod until there is something to tell."""
        _at_work.add(self)
        try:
            async for event in self._look_on():
                yield event
        finally:
            _at_work.discard(self)

    async def _look_on(self) -> AsyncIterator[TriggerEvent]:
        pause_s, watch, bounds = self.poll_s, PodWatch(), Bounds(self.grace_s, self.queue_s, self.work_s)
        refused_since_s: float | None = None
        while True:
            try:
                async with _line(self.conn_id):
                    async with asyncio.timeout(ONE_LOOK_S):
                        found = await self._hook.get_pod(self.name, self.namespace)
                    pod = ApiClient().sanitize_for_serialization(found)
                    event = await self._last_event() if watch.wants_event(time.monotonic()) else None
            except Exception as err:  # noqa: BLE001 - whatever fails between here and the API server
                if isinstance(err, ApiException) and err.status == NOT_FOUND:
                    yield self._event("gone")
                    return
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
                self.__dict__.pop("_hook", None)  # the connection's login may have been renewed meanwhile
                apart_s = _apart_s(pause_s)
                self.log.warning("Pod %s cannot be looked at, again in %.0f s: %s", self.name, apart_s, _tell(err))
                refused_since_s = (refused_since_s or time.monotonic()) if _is_refusal(err) else None
                if refused_since_s is not None and time.monotonic() - refused_since_s >= REFUSED_S:
                    yield self._event("stuck", f"The pod cannot be looked at: {_tell(err)}")
                    return
            else:
                pause_s, refused_since_s = self.poll_s, None
                watch = look(watch, pod, time.monotonic(), bounds, event)
                if watch.news:
                    self.log.info("%s", shown(watch.news))
                if watch.status:
                    yield self._event(watch.status, watch.message)
                    return
            await asyncio.sleep(_apart_s(pause_s))

    async def on_kill(self) -> None:
        """Delete the pod when a person marks or clears the waiting task; it writes what it has."""
        async with asyncio.timeout(ONE_LOOK_S):
            await self._hook.delete_pod(self.name, self.namespace, self.grace_s)

    async def _last_event(self) -> Mapping[str, Any] | None:
        try:
            async with asyncio.timeout(EVENTS_S):
                found = await self._hook.get_pod_events(self.name, self.namespace)
        except Exception as err:  # noqa: BLE001 - a wait is not ended by what only explains it
            self.log.debug("The events of pod %s cannot be read: %s", self.name, _tell(err))
            return None
        return last_event(ApiClient().sanitize_for_serialization(found.items))

    @cached_property
    def _hook(self) -> AsyncKubernetesHook:
        return _OnceHook(conn_id=self.conn_id, in_cluster=self.in_cluster or None)

    def _event(self, status: str, message: str = "") -> TriggerEvent:
        return TriggerEvent(  # type: ignore[no-untyped-call]
            {"status": status, "name": self.name, "message": message}
        )


def _is_refusal(err: BaseException) -> bool:
    """Whether time alone mends nothing: no login, or one the API server does not take."""
    return isinstance(err, ConfigException) or (isinstance(err, ApiException) and err.status in _REFUSALS)


def _tell(err: BaseException) -> str:
    if isinstance(err, ApiException):
        return f"the API server says {err.status} {err.reason}"
    if isinstance(err, TimeoutError):
        return "no answer in time"
    return f"{type(err).__name__}: {first_line(err)}"
