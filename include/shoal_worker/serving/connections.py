"""Connections of clients that send slowly or never read: each has a time for what it does, and there are so many."""

import asyncio
import math
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def bounded(head_s: float, whole_s: float, most: int) -> type[asyncio.Protocol]:
    """Make uvicorn's protocol with a time for everything; uvicorn itself waits for ever once a byte has come.

    Args:
        head_s: Seconds from the connection, or from the end of an answer, until the head of the next request is whole; what the
            client still sends of a body that was answered before its end is read away meanwhile.
        whole_s: Seconds from there until the answer has been sent.
        most: Connections there may be; beyond, the one goes that has waited longest for a head, so that a probe gets in.
    """
    return type("BoundedH11", (_Bounded,), {"head_s": head_s, "whole_s": whole_s, "most": most})


class _Bounded(H11Protocol):
    head_s: float
    whole_s: float
    most: int

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self.waits_since = math.inf
        """Since when it has waited for a head, on the monotonic clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.most:
            slowest = min(self.connections, key=lambda one: getattr(one, "waits_since", math.inf))
            slowest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arm(None)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:  # a request has begun
            self.waits_since = math.inf
            self._arm(self.whole_s)

    def on_response_complete(self) -> None:
        self._await_head()
        super().on_response_complete()

    def _await_head(self) -> None:
        self.waits_since = time.monotonic()
        self._arm(self.head_s)

    def _arm(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
