"""The programs of the test cluster: processes that outlive the command that started them.

A record per process (`<name>.json`: command, pid, start time) lets a later command or a fault test find exactly the
process that was started here, and never another one that got its pid.
"""

import json
import os
import random
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from shoal.contract.errors import ShoalError

STOP_S = 20

PORTS = range(15000, 31000)
"""Below those that the kernel gives to whoever asks for any (32768 on): one of these it gives to nobody between the moment in
which a server's port is chosen and that in which the server listens there, nor while the server is away for a while."""
LANES = 8
"""Test runs that go on at once in a checkout have ports of their own, by `SHOAL_TEST_CLUSTER`."""
_given: set[tuple[str, int]] = set()


class Processes:
    """The processes of one folder: each has a log and a record there, both named after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start a program in a session of its own; its output is appended to its log."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        record = {
            "pid": process.pid,
            "started": _started(process.pid),
            "command": list(command),
            "env": dict(env or {}),
        }
        path = self._record(name)
        path.touch(mode=0o600)
        path.write_text(json.dumps(record, indent=1))

    def find(self, name: str) -> psutil.Process | None:
        """Find a running process; None when it ended or never started."""
        try:
            record = json.loads(self._record(name).read_text())
            process = psutil.Process(record["pid"])
            same = _started(process.pid) == record["started"]
            return process if same and not _is_through(process) else None
        except (FileNotFoundError, ProcessLookupError, json.JSONDecodeError, psutil.NoSuchProcess):
            return None

    def send(self, name: str, signum: signal.Signals) -> None:
        """Send a signal: SIGSTOP and SIGCONT pause and resume, SIGKILL is the crash of fault tests."""
        process = self.find(name)
        if process is None:
            raise ShoalError(f"{name} is not running in {self.folder} - its log: {self.log(name)}")
        process.send_signal(signum)
        if signum == signal.SIGKILL:
            self._wait_ended(name, STOP_S)

    def stop(self, name: str) -> None:
        """Ask a process to end, wait, and kill it when it does not; nothing happens when it has ended."""
        process = self.find(name)
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.send_signal(signal.SIGCONT)
        if not self._wait_ended(name, STOP_S):
            with suppress(psutil.NoSuchProcess):
                process.kill()
            self._wait_ended(name, STOP_S)

    def restart(self, name: str) -> None:
        """Start a process again with the command it had, ending it first if it still runs."""
        self.stop(name)
        record = json.loads(self._record(name).read_text())
        self.start(name, record["command"], record["env"])

    def names(self) -> list[str]:
        """Name every process ever started here, in no order that matters."""
        return sorted(path.stem for path in self.folder.glob("*.json") if "pid" in json.loads(path.read_text()))

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.folder / f"{name}.log"

    def wait_until(self, name: str, ready: Callable[[], bool], timeout_s: float) -> None:
        """Wait until `ready()`.

        Raises:
            ShoalError: The process ended, or the time is over; shows the last line of its log.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            process = self.find(name)
            if process is None or time.monotonic() > deadline:
                how = "ended at its start" if process is None else f"is not ready after {timeout_s:.0f} s"
                raise ShoalError(f"{name} {how}: {self._last_line(name)} - see {self.log(name)}")
            time.sleep(0.1)

    def _wait_ended(self, name: str, timeout_s: float) -> bool:
        """Wait until a process has ended; whoever started it may not have taken notice yet, then it is a zombie."""
        deadline = time.monotonic() + timeout_s
        while self.find(name) is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _last_line(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()
        return lines[-1][:300] if lines else "it said nothing"


def _started(pid: int) -> int:
    """Tell when a process started, in ticks since the machine did: that stays as it is when somebody sets the clock."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _is_through(process: psutil.Process) -> bool:
    """Whether nothing of a process runs: its first thread may be a zombie while others still hold its ports."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1


def free_port(address: str = "127.0.0.1") -> int:
    """Find a port that nobody listens on, and that this process has not given out before."""
    own = PORTS[int(os.environ.get("SHOAL_TEST_CLUSTER", "0")) % LANES :: LANES]
    for port in random.SystemRandom().sample(own, len(own)):
        if (address, port) in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:  # somebody's
                continue
        _given.add((address, port))
        return port
    raise ShoalError(f"No port of {PORTS.start} to {PORTS.stop - 1} is free at {address} - end what listens there")


def answers(url: str, ca_file: Path | None = None) -> bool:
    """Whether a URL gives status 200 now."""
    context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as reply:  # noqa: S310 - our own server
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
