"""`python -m shoal up`: Airflow's web interface on loopback over the embedded store, until Ctrl-C."""

import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoal.cli.embedded import add_own_files, open_embedded, own_files, say
from shoal.contract.errors import ConfigError, StoreError
from shoal.embedded.airflow import LOGIN, end_all, read_password, web_environment, web_is_healthy
from shoal.embedded.home import Home

DEFAULT_PORT = 8080
HEALTHY_S = 300


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"port of the web interface (default {DEFAULT_PORT})"
    )
    add_own_files(parser)


def execute(arguments: Namespace) -> int:
    """Serve until Ctrl-C; leaves no process behind."""
    own = own_files(arguments)
    _check_port(arguments.port)
    home = Home.find()
    home.make()
    with home.lock(), open_embedded(home, own) as (access, dataset_name):
        say("airflow", "starting: scheduler, web interface, triggerer (about a minute)")
        environment = home.airflow_environment(access) | web_environment(arguments.port)
        with _standalone(environment, home.logs / "airflow.log") as process:
            _wait_until_healthy(process, arguments.port, home.logs / "airflow.log")
            say("ready", f"http://127.0.0.1:{arguments.port}  login {LOGIN}  password {read_password(home.airflow)}")
            say("", f"trigger DAG reanalyse_{dataset_name}; Ctrl-C stops everything")
            code = process.wait()
            raise StoreError(f"Airflow ended by itself with exit code {code} - see {home.logs / 'airflow.log'}")


@contextmanager
def _standalone(environment: dict[str, str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run `airflow standalone`; at the end stop it and everything it started.

    It is interrupted, not terminated: on SIGTERM it would leave its children behind. Workers that outlive their task are
    ended last, so that they write their part while the store is still there.
    """
    with log.open("wb") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=environment,
            stdout=messages,
            stderr=messages,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            say("stopping", "Airflow and its tasks")
            end_all(process)


def _wait_until_healthy(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + HEALTHY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StoreError(f"Airflow ended with exit code {process.returncode} while starting - see {log}")
        if web_is_healthy(port):
            return
        time.sleep(1)
    raise StoreError(f"Airflow was not healthy within {HEALTHY_S} s - see {log}")


def _check_port(port: int) -> None:
    if not 0 < port < 65534:
        raise ConfigError(f"Port {port} is not between 1 and 65533 - choose another: make up PORT=8081")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as err:
            raise ConfigError(
                f"Port {port} is not free ({os.strerror(err.errno or 0)}) - choose another: make up PORT=8081"
            ) from err
