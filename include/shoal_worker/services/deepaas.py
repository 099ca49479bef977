"""Modules of AI4EOSC and iMagine: `deepaas-run` answers over HTTP, and says itself in its OpenAPI how it wants to be asked.

https://docs.deep-hybrid-datacloud.eu: `GET /v2/models/` lists models, `POST /v2/models/<name>/predict/` takes a form. What a
module's own process dies of, DEEPaaS does not notice, and neither that request nor the next one is ever answered.
"""

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from shoal.contract.errors import BrokeOffError, ConfigError, ServiceError, one_line, shown
from shoal.contract.service import Service
from shoal_worker.services.asking import MOST_ANSWER_BYTES, SAID, Answer, BusyError, RefusedError
from shoal_worker.services.json_answer import read_json, said, too_long
from shoal_worker.services.local_process import FreePort, LocalProcess

HOST = "127.0.0.1"

CONNECT_S = 5.0
LOOK_S = 0.2
"""How often it is looked whether it answers yet."""

TEST_MODEL = "deepaas-test"
"""What DEEPaaS answers with where it finds no module, or where the module fails to load."""

_PIECE_BYTES = 1 << 16
_OK = 200

_BUSY = frozenset((429, 502, 503, 504))
"""What proxies and servers say of themselves, whatever they were asked."""


_NO_ANSWER = (OSError, http.client.HTTPException)


class _NotThereError(ConnectionError):
    """Nothing listens: whatever was to be sent, nobody has seen it."""


@dataclass(frozen=True)
class Form:
    """How a model wants to be asked.

    Attributes:
        path: Where, its query included.
        file: Field of the image.
        fields: The other fields of the form.
    """

    path: str
    file: str
    fields: Mapping[str, str]


class Deepaas:
    """One DEEPaaS, in the pod or started here."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._process: LocalProcess | None = None
        self._port: FreePort | None = None
        self._number = service.port
        self._form: Form | None = None
        self._cancelled = threading.Event()

    @property
    def _is_local(self) -> bool:
        return self._service.image is None

    def is_up(self) -> bool:
        """Whether something listens."""
        if self._form is None or (self._is_local and (self._process is None or self._process.ended)):
            return False
        try:
            socket.create_connection((HOST, self._number), CONNECT_S).close()
        except OSError:
            return False
        return True

    def start(self, deadline: float) -> None:
        """Start it, or wait until it was started, and learn how it wants to be asked."""
        if self._is_local:
            self.end()
            self._port = FreePort()
            self._number = self._port.number
            command = [word.replace("{port}", str(self._number)) for word in self._service.command]
            self._process = LocalProcess(command)
        models = self._await_models(deadline)
        # Another program may have been faster at this port: then ours has ended.
        self._need_process()
        model = _choose(models, self._service.model)
        self._form = self._learn(model, deadline)

    def _await_models(self, deadline: float) -> Mapping[str, Any]:
        last = "nothing listens there"
        while not self._cancelled.is_set():
            self._need_process()
            try:
                status, body = self._get("/v2/models/", deadline)
                if status == _OK and isinstance(models := read_json(body, "its list of models"), dict):
                    return models
                last = f"HTTP {status}: {said(body)}"
            except RefusedError as err:
                last = str(err)
            except _NO_ANSWER as err:
                last = _words(err)
            if time.monotonic() + LOOK_S > deadline:
                break
            time.sleep(LOOK_S)
        way_out = "see what it prints" if self._is_local else "see the log of the pod's container `service`"
        raise ServiceError(
            f"The service does not answer at {HOST}:{self._number}/v2/models/ within {self._service.start_timeout_s:g} s: {last} "
            f"- {way_out}, or give it a longer worker.service.start_timeout"
        )

    def _need_process(self) -> None:
        if self._process is not None and (how := self._process.ended) is not None:
            raise ServiceError(
                f"The service {how} before it answered - try its command by hand: {self._service.program}"
            )

    def _learn(self, model: str, deadline: float) -> Form:
        path = f"/v2/models/{quote(model, safe='')}/predict/"
        try:
            status, body = self._get("/swagger.json", deadline)
            known = read_json(body, "its OpenAPI") if status == _OK else None
        except (*_NO_ANSWER, RefusedError) as err:
            raise ServiceError(f"The service does not tell how it wants to be asked: {err} - see its log") from err
        return _read_form(known, f"/v2/models/{model}/predict/", path, self._service)

    def _get(self, path: str, deadline: float) -> tuple[int, bytes]:
        return self._send("GET", path, deadline)

    def ask(self, name: str, data: bytes, limit_s: float) -> Answer:
        """Show it an image."""
        if (form := self._form) is None:
            raise ServiceError("The service was not started - start it first")
        image = RequestField.from_tuples(form.file, (name, data, "application/octet-stream"))
        others = [RequestField.from_tuples(field, value) for field, value in form.fields.items()]
        body, kind = encode_multipart_formdata([*others, image])
        try:
            status, said_of_it = self._send("POST", form.path, time.monotonic() + limit_s, body, kind)
        except _NotThereError as err:
            raise ServiceError(f"The service is gone: {err} - see its log") from err
        except TimeoutError as err:
            raise BrokeOffError(f"The service gave no answer within {limit_s:.3g} s") from err
        except _NO_ANSWER as err:
            ended = self._process.await_end() if self._process else None
            raise BrokeOffError(f"The service {ended or 'broke off its answer'}") from err
        if status in _BUSY:
            raise BusyError(f"The service cannot answer now, HTTP {status}: {said(said_of_it)} - see its log")
        if status != _OK:
            raise RefusedError(f"HTTP {status}: {said(said_of_it)}")
        return Answer(read_json(said_of_it, "its answer"))

    def _send(self, method: str, path: str, deadline: float, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        """Send one request over a connection of its own: one that is kept may be closed while it is used, as if by an image.

        Raises:
            _NotThereError: Nothing listens.
            OSError, HTTPException: There is no answer, or not all of it in time.
            RefusedError: It has more bytes than are read.
        """
        connection = http.client.HTTPConnection(HOST, self._number, timeout=CONNECT_S)
        try:
            connection.connect()
        except OSError as err:
            raise _NotThereError(err.strerror or str(err)) from err
        heard = connection.sock
        try:
            heard.settimeout(max(0.1, deadline - time.monotonic()))
            headers = {"Accept": "application/json", "Connection": "close", **({"Content-Type": kind} if kind else {})}
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have said no before all was sent
                connection.request(method, path, body or None, headers)
            answer, whole = connection.getresponse(), bytearray()
            while piece := answer.read1(_PIECE_BYTES):
                whole += piece
                if len(whole) > MOST_ANSWER_BYTES:
                    raise too_long("its answer")
                if (left_s := deadline - time.monotonic()) <= 0:
                    raise TimeoutError("it was not whole in time")
                heard.settimeout(left_s)
            if answer.length:
                raise http.client.IncompleteRead(bytes(whole[:SAID]), answer.length)
            return answer.status, bytes(whole)
        finally:
            connection.close()

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
        if self._port is not None:
            self._port.close()
            self._port = None
        self._form = None


def _words(err: Exception) -> str:
    """Say what a connection suffered."""
    return one_line(err, SAID) or type(err).__name__


def _choose(models: Mapping[str, Any], wanted: str | None) -> str:
    """Choose the model to ask.

    Raises:
        ConfigError: There is none of that name, or several and nobody said which.
    """
    links = [one.get("links") for one in models.get("models") or () if isinstance(one, dict)]
    # A model's own metadata stand where its name would: only the link is DEEPaaS's.
    hrefs = [
        link["href"]
        for one in links
        if isinstance(one, list)
        for link in one
        if isinstance(link, dict) and "href" in link
    ]
    names = [str(href).rstrip("/").rpartition("/")[2] for href in hrefs]
    there = ", ".join(shown(name, 80) for name in names) or "none"
    if names == [TEST_MODEL] and wanted != TEST_MODEL:
        raise ConfigError(
            "The service found no model of its own, and DEEPaaS would answer with its test model - look in its log why "
            "the module does not load"
        )
    if wanted is None and len(names) != 1:
        raise ConfigError(f"The service has models {there} - write which one as worker.service.model")
    if wanted is not None and wanted not in names:
        raise ConfigError(f"The service has no model {shown(wanted, 80)!r}, it has {there} - mend worker.service.model")
    return wanted or names[0]


def _read_form(known: Any, said_path: str, path: str, service: Service) -> Form:
    """Read off an OpenAPI (version 2, as DEEPaaS writes it) how a model wants to be asked.

    Raises:
        ConfigError: The file's field is not told, or a parameter is none of the model's, which would change nothing.
    """
    found: Any = known
    for name in ("paths", said_path, "post", "parameters"):
        found = found.get(name) if isinstance(found, dict) else None
    told = {str(one.get("name")): one for one in found or () if isinstance(one, dict)}
    files = [name for name, one in told.items() if one.get("type") == "file"]
    file = service.field or (files[0] if len(files) == 1 else None)
    if file is None or (told and file not in told):
        there = ", ".join(shown(name, 80) for name in files or told) or "none"
        raise ConfigError(
            f"The model takes no file as {file or 'its only one'!r}, there are {there} - write worker.service.field"
        )
    if told and (unknown := [name for name in service.params if name not in told or name == file]):
        there = ", ".join(shown(name, 80) for name in told if name not in files) or "none"
        raise ConfigError(
            f"The model has no parameter {shown(unknown[0], 80)!r}, it has {there} - mend worker.service.params"
        )
    values = {name: _text(value) for name, value in service.params.items()}
    query = {name: value for name, value in values.items() if told.get(name, {}).get("in") == "query"}
    fields = {name: value for name, value in values.items() if name not in query}
    return Form(f"{path}?{urlencode(query)}" if query else path, file, fields)


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
