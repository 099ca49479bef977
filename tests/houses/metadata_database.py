"""Where an Airflow of the tests' own keeps its state: PostgreSQL as in production, SQLite where there is none.

SQLite has one writer and no row locks: under load Airflow's REST API then answers 503, an answer given at the wrong moment is
lost, and now and then its scheduler ends with StaleDataError.
"""

import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Protocol

import pytest

from cluster.cache import DATABASES, built, digest_of
from cluster.processes import free_port
from shoal.embedded.home import Home

START_S = 180
MADE, PASSWORD = "data.tar", "password"
"""What the cache has of a server's folder once Airflow's tables are in it, and the password that opens it."""
NOBODY = 65534
"""PostgreSQL does not run as root."""


class MetadataDatabase(Protocol):
    """Airflow's database."""

    @property
    def settings(self) -> dict[str, str]:
        """What Airflow is told."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read from it."""
        ...

    def dump(self) -> bytes:
        """All that is in it."""
        ...


@dataclass(frozen=True)
class Sqlite:
    """A file in Airflow's folder."""

    path: Path

    @property
    def settings(self) -> dict[str, str]:
        return {}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(query).fetchall()

    def dump(self) -> bytes:
        return self.path.read_bytes()


@dataclass(frozen=True)
class Postgres:
    """A server of the tests' own, on loopback."""

    programs: Path
    port: int
    password: str = field(repr=False)
    folder: Path
    server: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    """The running server, the last of them."""

    def start(self) -> None:
        """Start the server over its data, and wait until it answers: after a crash it first plays its log back."""
        options = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off", "max_connections": 200,
        }  # fmt: skip
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log_path = self.folder / "log"
        with log_path.open("ab") as log:
            server = subprocess.Popen(
                [*_as_nobody(), self.programs / "postgres", "-D", self.folder / "data", *words],
                stdout=log, stderr=log, cwd="/", start_new_session=True,
            )  # fmt: skip
        self.server[:] = [server]
        deadline = time.monotonic() + START_S
        while subprocess.run(
            [self.programs / "pg_isready", "--quiet"], env=os.environ | self.login, check=False
        ).returncode:
            assert server.poll() is None, log_path.read_text()
            assert time.monotonic() < deadline, log_path.read_text()
            time.sleep(0.1)

    def stop(self, signum: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT ends its connections and shuts down, SIGKILL is a lost machine, and takes its children along."""
        [server] = self.server
        if server.poll() is None:
            if signum == signal.SIGKILL:
                os.killpg(server.pid, signum)
            else:
                server.send_signal(signum)
        try:
            server.wait(START_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    @property
    def settings(self) -> dict[str, str]:
        url = f"airflow:{self.password}@127.0.0.1:{self.port}/postgres"
        return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{url}"}

    @property
    def login(self) -> dict[str, str]:
        return {
            "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "airflow", "PGDATABASE": "postgres",
            "PGPASSWORD": self.password,
        }  # fmt: skip

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        import psycopg2

        with closing(
            psycopg2.connect(self.settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", ""))
        ) as database:
            cursor = database.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    def dump(self) -> bytes:
        command = [str(self.programs / "pg_dump"), "--inserts"]
        return subprocess.run(command, env=os.environ | self.login, check=True, capture_output=True).stdout


@contextmanager
def metadata_database(home: Home, environment: Mapping[str, str]) -> Iterator[MetadataDatabase]:
    """Start a database with Airflow's tables for the Airflow of a folder, and end it afterwards.

    Making the tables takes ten seconds of a processor, and they come out the same each time: PostgreSQL's are kept.

    Args:
        home: The folder.
        environment: What its Airflow is told.
    """
    programs = _find_programs()
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must test on PostgreSQL: make cluster-packages")
        _migrate(environment, home.logs / "migrate.log")
        yield Sqlite(home.airflow_database)
        return
    made = built(DATABASES, "airflow", _digest(programs), partial(_make, programs))
    with _folder_of_nobody() as folder:
        subprocess.run(["tar", "-C", folder, "-xf", made / MADE], check=True)
        database = Postgres(programs, free_port(), (made / PASSWORD).read_text(), folder)
        with _running(database):
            yield database


def _digest(programs: Path) -> str:
    """Identify what makes the tables: Airflow with its providers, and the server."""
    server = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    return digest_of([("", Path(__file__))], server, *airflow_packages())


def airflow_packages() -> list[str]:
    """Name Airflow and its providers with their versions, which decide its tables."""
    return sorted(
        {f"{found.name}=={found.version}" for found in distributions() if found.name.startswith("apache-airflow")}
    )


def _make(programs: Path, entry: Path) -> None:
    """Make a server's folder, have Airflow make its tables there, and put it away."""
    with _folder_of_nobody() as folder:
        database = Postgres(programs, free_port(), secrets.token_hex(16), folder)
        _init(database)
        airflow = folder / "airflow"
        airflow.mkdir()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        with _running(database):
            _migrate({**plain, "AIRFLOW_HOME": str(airflow), **database.settings}, airflow / "migrate.log")
        subprocess.run(["tar", "-C", folder, "-cf", entry / MADE, "data"], check=True)
        (entry / PASSWORD).touch(mode=0o600)
        (entry / PASSWORD).write_text(database.password)


def _migrate(environment: Mapping[str, str], log: Path) -> None:
    """Make Airflow's tables."""
    with log.open("ab") as messages:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=environment, stdout=messages, stderr=messages, check=True)


def _find_programs() -> Path | None:
    """Debian keeps each version's programs in a folder of its own."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = str(folders[-1]) if folders else shutil.which("initdb")
    return Path(found).parent if found else None


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@contextmanager
def _folder_of_nobody() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="shoal-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder)


def _init(database: Postgres) -> None:
    """Make a server's folder, without tables."""
    password = database.folder / "password"
    password.touch(mode=0o600)
    password.write_text(database.password)
    if os.geteuid() == 0:
        os.chown(password, NOBODY, NOBODY)
    words = [
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--username=airflow",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
    ]
    command = [*_as_nobody(), database.programs / "initdb", "-D", database.folder / "data", *words]
    subprocess.run(command, check=True, capture_output=True, cwd="/")


@contextmanager
def _running(database: Postgres) -> Iterator[None]:
    try:
        database.start()
        yield
    finally:
        database.stop()
