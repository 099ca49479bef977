"""Bytes that are held whole until they have been sent: few at a time, for whoever fetches them may be slow."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from threading import Semaphore
from weakref import finalize

from fastapi import HTTPException
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send


class Sending:
    """Counts what is being sent; thread-safe.

    Args:
        most: At a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = Semaphore(most)

    async def send(self, read: Callable[[], Awaitable[bytes]], headers: Mapping[str, str]) -> Response:
        """Read bytes, and answer with them.

        Raises:
            HTTPException: Others are being sent.
        """
        if not self._free.acquire(blocking=False):
            raise HTTPException(503, f"{self._most} originals are being sent to others - try again in a minute")
        with ExitStack() as held:
            held.callback(self._free.release)
            return _Held(await read(), headers, held.pop_all())


class _Held(Response):
    """Bytes that are counted until they have been sent, or nobody takes them."""

    media_type = "application/octet-stream"

    def __init__(self, data: bytes, headers: Mapping[str, str], held: ExitStack) -> None:
        super().__init__(data, headers=headers)
        self._let_go = finalize(self, held.close)  # also of an answer that is never begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._let_go()
