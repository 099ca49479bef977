"""`python -m shoal up`: Airflow's web interface on loopback over the embedded store, until Ctrl-C."""

import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from shoal.cli._embedded import Embedded, add_own_files, open_embedded, say
from shoal.cli.pools import named_pools
from shoal.contract.errors import ConfigError, StoreError
from shoal.contract.run_names import reanalyse_dag_id
from shoal.embedded.home import Home
from shoal.embedded.processes.airflow_servers import (
    LOGIN,
    Processes,
    airflow_processes,
    end_left_by,
    log_of,
    read_password,
    start_process,
    web_environment,
    web_is_healthy,
)
from shoal.settings.dataset_files import dataset_files

DEFAULT_PORT = 8080
HEALTHY_S = 300
WATCH_INTERVAL_S = 1.0
MOST_RESTARTS = 5
"""A process that ends again and again has a trouble of its own, which its log tells."""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("--port", default=str(DEFAULT_PORT), help=f"port of the web interface (default {DEFAULT_PORT})")
    add_own_files(parser)


def execute(arguments: Namespace) -> int:
    """Serve until Ctrl-C; leaves no process behind."""
    port = _read_port(arguments.port)
    with open_embedded(arguments, scheduler_follows=True) as embedded:
        _check_free(port)
        say("airflow", "starting: scheduler, web interface, triggerer (about a minute)")
        environment = embedded.home.airflow_environment(embedded.access) | web_environment(port)
        _make_pools(environment, embedded.home)
        with airflow_processes(environment, embedded.home.logs) as processes:
            try:
                _wait_until_healthy(embedded, processes, port)
                password = read_password(embedded.home.airflow)
                say("ready", f"http://127.0.0.1:{port}  login {LOGIN}  password {password}")
                say("", f"trigger DAG {reanalyse_dag_id(embedded.dataset_name)}; Ctrl-C stops everything")
                _keep_running(embedded, processes, environment)
            finally:
                say("stopping", "Airflow and its tasks; Ctrl-C again ends them at once")


def _read_port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ConfigError(f"Port {text} is not between 1 and 65535 - choose another: make up PORT=8081, or --port 8081")
    return int(text)


def _make_pools(environment: Mapping[str, str], home: Home) -> None:
    """Make the pools that dataset files name; beside this process, which must not take Airflow for its own library."""
    if not named_pools(dataset_files(home.datasets)):
        return
    log = home.logs / "pools.log"
    with log.open("wb") as messages:
        command = [sys.executable, "-m", "shoal", "pools"]
        if subprocess.run(command, env=environment, stdout=messages, stderr=messages, check=False).returncode:
            raise ConfigError(f"Airflow could not make the pools that dataset files name (run.pool) - see {log}")


def _wait_until_healthy(embedded: Embedded, processes: Processes, port: int) -> None:
    deadline = time.monotonic() + HEALTHY_S
    while not web_is_healthy(port):
        _check_running(embedded, processes)
        if time.monotonic() > deadline:
            raise StoreError(f"Airflow was not healthy within {HEALTHY_S} s - see {embedded.home.logs}/airflow-*.log")
        time.sleep(WATCH_INTERVAL_S)


def _keep_running(embedded: Embedded, processes: Processes, environment: Mapping[str, str]) -> NoReturn:
    """Watch until Ctrl-C, and start again what ends by itself.

    Airflow's scheduler ends where SQLite, which locks no rows, loses a row under it: seen when a backfill is created.
    """
    restarts = 0
    while True:
        for name, process in processes.items():
            if process.poll() is not None and restarts < MOST_RESTARTS:
                restarts += 1
                end_left_by(embedded.home.logs, name)  # its tasks write what they have and are done again
                say("airflow", f"its {name} ended by itself and is started again; {log_of(embedded.home.logs, name)}")
                start_process(processes, name, environment, embedded.home.logs)
        _check_running(embedded, processes)
        time.sleep(WATCH_INTERVAL_S)


def _check_running(embedded: Embedded, processes: Processes) -> None:
    """Raise what ends the web interface: trouble of this machine, or a process of Airflow's that ended by itself."""
    if (trouble := embedded.find_trouble()) is not None:
        raise trouble
    for name, process in processes.items():
        if process.poll() is not None:
            log: Path = log_of(embedded.home.logs, name)
            raise StoreError(f"Airflow's {name} ended by itself with exit code {process.returncode} - see {log}")


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as err:
            raise ConfigError(
                f"Port {port} is not free ({os.strerror(err.errno or 0)}) - choose another: make up PORT=8081, or --port 8081"
            ) from err
