"""A script of the user's for each image, as OSCAR runs them: `INPUT_FILE_PATH` in, files in `TMP_OUTPUT_DIR` out.

https://docs.oscar.grycap.net. A loop of plain shell (`shoal.contract.oscar_loop`) runs it, in the pod's other container or here.
"""

import errno
import os
import secrets
import select
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from shoal.contract.errors import BrokeOffError, ServiceError, one_line
from shoal.contract.oscar_loop import ANSWERS, LOOP, REQUESTS, SCRIPT, SERVICE_FOLDER
from shoal.contract.service import Service
from shoal_worker.services.asking import SAID, Answer, RefusedError
from shoal_worker.services.json_answer import read_json
from shoal_worker.services.local_process import LocalProcess
from shoal_worker.services.shared_folder import lay, make_folder, open_pipe, opened, read_all, read_file, remove

LOOK_S = 0.1
SIGNALLED = 128
"""A shell adds the signal that ended a program."""

_LONGEST_LINE = 4096


class Oscar:
    """The loop and the folder that it shares with the worker."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._script = (service.script or "").encode()
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._path = Path(SERVICE_FOLDER)
        self._process: LocalProcess | None = None
        self._answers: int | None = None
        self._cancelled = threading.Event()

    def is_up(self) -> bool:
        """Whether the loop waits for requests."""
        if self._answers is None or (self._process is not None and self._process.ended):
            return False
        try:
            os.close(self._open_requests())
        except OSError:
            return False
        return not self._hangs_up()

    def start(self, deadline: float) -> None:
        """Start the loop, or wait until it was started, and give it the script."""
        last: str | None = None
        self.end()
        if self._service.image is None:
            self._own = tempfile.TemporaryDirectory(prefix="shoal-oscar-", ignore_cleanup_errors=True)
            self._path = Path(self._own.name)
            self._process = LocalProcess([*self._service.command, "/bin/sh", "-c", LOOP, "shoal-loop", str(self._path)])
        while not self._cancelled.is_set():
            if self._process is not None and (how := self._process.ended) is not None:
                raise ServiceError(
                    f"The loop that runs the script {how} - it needs a shell, mkfifo and a place for temporary files"
                )
            try:
                with opened(self._path) as folder:
                    self._answers = open_pipe(ANSWERS, os.O_RDONLY, folder)
                os.close(self._open_requests())
                self._lay_script()
            except OSError as err:
                self._close_answers()
                last = err.strerror
            else:
                return
            if time.monotonic() + LOOK_S > deadline:
                break
            time.sleep(LOOK_S)
        raise ServiceError(
            f"The loop that runs the script does not begin within {self._service.start_timeout_s:g} s: {self._path / REQUESTS}: "
            f"{last} - its container needs /bin/sh and mkfifo, see its log"
        )

    def _open_requests(self) -> int:
        """Open what the loop reads; without the loop there is no such reader."""
        with opened(self._path) as folder:
            return open_pipe(REQUESTS, os.O_WRONLY, folder)

    def _lay_script(self) -> None:
        with opened(self._path) as folder:
            with suppress(FileNotFoundError):
                os.unlink(SCRIPT, dir_fd=folder)
            lay(SCRIPT, self._script, folder)

    def ask(self, name: str, data: bytes, limit_s: float) -> Answer:
        """Have the script run on an image."""
        request = secrets.token_hex(8)
        with opened(self._path) as folder:
            try:
                self._lay_image(request, name, data, folder)
                status = self._run(request, limit_s)
                return self._read(request, status, folder)
            except OSError as err:
                raise ServiceError(
                    f"The folder shared with the service cannot be used: {err.strerror} - see its disk"
                ) from err
            finally:
                remove(request, folder)

    def _lay_image(self, request: str, name: str, data: bytes, folder: int) -> None:
        make_folder(request, folder, for_all=True)
        with opened(request, folder) as own:
            make_folder("in", own, for_all=False)
            with opened("in", own) as into:
                lay(name, data, into)

    def _run(self, request: str, limit_s: float) -> int:
        """Have the loop run the script; returns its exit status."""
        try:
            to = self._open_requests()
        except OSError as err:
            raise ServiceError(f"The loop that runs the script is gone: {err.strerror} - see its log") from err
        try:
            os.write(to, f"{request}\n".encode())
            return self._await(request, limit_s)
        except BrokenPipeError as err:
            raise BrokeOffError(self._how_it_ended()) from err
        finally:
            os.close(to)

    def _await(self, request: str, limit_s: float) -> int:
        buffer, deadline = b"", time.monotonic() + limit_s
        while (left_s := deadline - time.monotonic()) > 0:
            if self._answers is None:
                break
            heard = select.poll()
            heard.register(self._answers, select.POLLIN)
            if not heard.poll(1000 * min(left_s, 1.0)):
                continue
            if not (piece := _read_some(self._answers)):
                raise BrokeOffError(self._how_it_ended())
            buffer = (buffer + piece)[-_LONGEST_LINE:]
            for line in buffer.decode(errors="replace").splitlines():
                name, _, status = line.partition(" ")
                if name == request and status.isdecimal():
                    return int(status)
        raise BrokeOffError(f"The script took more than {limit_s:.3g} s")

    def _how_it_ended(self) -> str:
        ended = self._process.await_end() if self._process else None
        return f"The loop that runs the script {ended or 'ended'}"

    def _hangs_up(self) -> bool:
        """Whether nobody holds the other end of the answers any more; what an earlier request left is taken away."""
        if self._answers is None:
            return True
        heard = select.poll()
        heard.register(self._answers, select.POLLIN)
        while events := heard.poll(0):
            if events[0][1] & select.POLLIN and _read_some(self._answers):
                continue
            return True
        return False

    def _read(self, request: str, status: int, folder: int) -> Answer:
        with opened(request, folder) as own:
            if status:
                last = (
                    _last_line(read_file("stderr", own)) or _last_line(read_file("stdout", own)) or "it printed nothing"
                )
                if killed_by := _signal(status):
                    raise BrokeOffError(f"The script was killed by {killed_by} ({last})")
                raise RefusedError(f"the script ended with exit status {status}: {last}")
            try:
                with opened("out", own) as out:
                    files = read_all(out)
            except NotADirectoryError as err:
                raise RefusedError("the script replaced its output folder") from err
            told = [name for name in files if name.endswith(".json")]
            if len(told) > 1:
                raise RefusedError(
                    f"the script wrote {len(told)} JSON files ({', '.join(sorted(told))[:SAID]}), one is mapped"
                )
            if told:
                return Answer(read_json(files.pop(told[0]), f"its file {told[0][:80]}"), files)
            return Answer(read_json(read_file("stdout", own), "what the script printed (it wrote no JSON file)"), files)

    def cancel(self) -> None:
        """Begin to end it."""
        self._cancelled.set()
        if self._process is not None:
            self._process.cancel()

    def end(self) -> None:
        """End it, where it was started here."""
        if self._process is not None:
            self._process.end()
            self._process = None
        self._close_answers()
        if self._own is not None:
            self._own.cleanup()
            self._own = None

    def _close_answers(self) -> None:
        if self._answers is not None:
            os.close(self._answers)
            self._answers = None


def _read_some(file: int) -> bytes:
    try:
        return os.read(file, _LONGEST_LINE)
    except OSError as err:
        if err.errno == errno.EAGAIN:
            return b""
        raise


def _last_line(text: bytes) -> str:
    lines = text[-_LONGEST_LINE:].decode(errors="replace").strip().splitlines()
    return one_line(lines[-1], SAID) if lines else ""


def _signal(status: int) -> str | None:
    """Name the signal that a shell's exit status tells of; None where it tells of none."""
    try:
        return signal.Signals(status - SIGNALLED).name
    except ValueError:
        return None
