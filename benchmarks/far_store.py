"""A store that is further away: hands on what is sent to another one, each request some milliseconds later.

It may be one that throttles, too: reads beyond so many a second are told to slow down, as S3 tells it.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

from shoal.stores.s3_access import StoreAccess

PIECE_BYTES = 256 * 1024


@contextmanager
def far_store(access: StoreAccess, delay_ms: float, reads_per_s: float = 0.0) -> Iterator[StoreAccess]:
    """Run it in a process of its own, on loopback; without a delay the store itself is given.

    Args:
        access: The store behind it.
        delay_ms: What each request takes besides, as a round trip to somewhere far away.
        reads_per_s: Most GETs that it answers in a second; 0 for any number.
    """
    if not delay_ms and not reads_per_s:
        yield access
        return
    port = urlsplit(access.endpoint_url or "").port
    command = [sys.executable, __file__, "--port", str(port), "--delay-ms", str(delay_ms)]
    command += ["--reads-per-s", str(reads_per_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        own = process.stdout.readline().strip()
        if not own:
            raise RuntimeError("The far store did not start - see its message above")
        yield replace(access, endpoint_url=f"http://127.0.0.1:{own}")
    finally:
        process.terminate()
        process.wait()


class _Throttle:
    """Lets so many a second pass, at most a fifth of a second's at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = self._left = max(1.0, per_s / 5)
        self._at = time.monotonic()

    def passes(self) -> bool:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._per_s and self._left < 1:
            return False
        self._left -= 1
        return True


_BODY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    % (len(_BODY), _BODY)
)


async def _serve(port: int, delay_s: float, reads_per_s: float) -> None:
    throttle = _Throttle(reads_per_s)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        answered = asyncio.Event()
        answered.set()

        async def ask() -> None:
            while piece := await reader.read(PIECE_BYTES):
                if answered.is_set():  # the first bytes of a request
                    answered.clear()
                    await asyncio.sleep(delay_s)
                    if piece.startswith(b"GET /images/2") and not throttle.passes():  # a photo, by its name
                        writer.write(_SLOW_DOWN)
                        await writer.drain()
                        writer.close()
                        break
                behind_writer.write(piece)
                await behind_writer.drain()
            behind_writer.close()

        async def answer() -> None:
            while piece := await behind_reader.read(PIECE_BYTES):
                answered.set()
                writer.write(piece)
                await writer.drain()
            writer.close()

        with suppress(OSError):
            await asyncio.gather(ask(), answer())

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the store behind it, on loopback")
    parser.add_argument("--delay-ms", type=float, required=True)
    parser.add_argument(
        "--reads-per-s", type=float, default=0.0, help="photos that are given in a second; 0: any number"
    )
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, arguments.delay_ms / 1000, arguments.reads_per_s))
