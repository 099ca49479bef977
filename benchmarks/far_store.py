"""A store that is further away: hands on what is sent to another one, each request some milliseconds later."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

from shoal.stores.s3_access import StoreAccess

PIECE_BYTES = 256 * 1024


@contextmanager
def far_store(access: StoreAccess, delay_ms: float) -> Iterator[StoreAccess]:
    """Run it in a process of its own, on loopback; without a delay the store itself is given.

    Args:
        access: The store behind it.
        delay_ms: What each request takes besides, as a round trip to somewhere far away.
    """
    if not delay_ms:
        yield access
        return
    port = urlsplit(access.endpoint_url or "").port
    command = [sys.executable, __file__, "--port", str(port), "--delay-ms", str(delay_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        own = process.stdout.readline().strip()
        if not own:
            raise RuntimeError("The far store did not start - see its message above")
        yield replace(access, endpoint_url=f"http://127.0.0.1:{own}")
    finally:
        process.terminate()
        process.wait()


async def _serve(port: int, delay_s: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        answered = asyncio.Event()
        answered.set()

        async def ask() -> None:
            while piece := await reader.read(PIECE_BYTES):
                if answered.is_set():  # the first bytes of a request
                    answered.clear()
                    await asyncio.sleep(delay_s)
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
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, arguments.delay_ms / 1000))
