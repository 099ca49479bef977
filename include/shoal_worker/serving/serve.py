"""From the command line to a server that answers until it is told to stop."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from shoal.contract.errors import ConfigError
from shoal_worker.serving.apart import Apart
from shoal_worker.serving.app import Answering
from shoal_worker.serving.connections import bounded
from shoal_worker.serving.processes import Drawer, Looker
from shoal_worker.serving.settings import Limits, LookSettings, share_memory

HEAD_S = 10.0
"""Seconds in which the head of a request must have come, or less where an image has less."""

SEND_S = 30.0
"""Seconds in which a client must have taken its answer."""

MORE_CONNECTIONS = 200
"""Beside those whose images wait: probes, and clients that have not said yet what they want."""

KEEP_ALIVE_S = 5
HEAD_BYTES = 16 * 1024
BACKLOG = 128


def serve(settings: LookSettings, limits: Limits, host: str, port: int) -> None:
    """Answer requests until SIGTERM or SIGINT; those that have begun by then are answered.

    Raises:
        ConfigError: The model is refused, the address is not to be had, or memory is too little.
        ServiceError: The model could not be opened.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        # Also for the first process of a container, while the model opens. uvicorn has them while it serves, and raises the one
        # that came once more when all is answered.
        signal.signal(number, _leave)
    shares = share_memory(limits, settings.pixel_limit)
    looker, drawer = Looker(settings, shares.looker_bytes), Drawer(shares.drawer_bytes, settings.pixel_limit)
    with _listen(host, port) as listening, ThreadPoolExecutor(1, thread_name_prefix="look") as looks:
        apart = Apart(looker, drawer, limits.deadline_s)
        try:
            looker.start()
            app = Answering(apart, looks, limits, settings.pixel_limit, draws=drawer.there).app()
            address = f"[{host}]" if ":" in host else host
            print(f"Serving {settings.model.name} on http://{address}:{listening.getsockname()[1]}", flush=True)  # noqa: T201
            _server(app, limits).run(sockets=[listening])
        finally:
            looker.kill()
            looks.shutdown(cancel_futures=True)
            apart.end()


def _server(app: FastAPI, limits: Limits) -> uvicorn.Server:
    whole_s = limits.read_s + limits.deadline_s + SEND_S
    config = uvicorn.Config(
        app,
        http=bounded(min(HEAD_S, limits.read_s), whole_s, MORE_CONNECTIONS + limits.waiting),
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(whole_s) + 1,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as err:
        why = (err.strerror or str(err)).partition(" (while ")[0]  # the address is named already
        raise ConfigError(f"Nothing can listen on {host}, port {port}: {why} - take another --host or --port") from err


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)
