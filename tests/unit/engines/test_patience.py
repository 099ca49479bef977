"""An API server that refuses for a while is asked again, and what was created while its answer was lost is found."""

import json
import re
import socket
import ssl
import threading
import time
from contextlib import suppress

import pytest
import urllib3
from kubernetes import client
from urllib3.util.ssl_match_hostname import CertificateError

from cluster.processes import free_port
from shoal.contract.errors import ClusterError, ConfigError
from shoal.engines.kubernetes import patience
from shoal.engines.kubernetes.create_pod import create_pod
from shoal.engines.kubernetes.errors import explained
from shoal.engines.kubernetes.patience import BoundedClient, patient
from shoal.engines.kubernetes.planning_turn import planning_turn
from shoal.settings.execution import Cluster
from waiting import wait_until
from worker.http_faults import faulty_store, first

POD = {"metadata": {"name": "shoal-1-0000-x"}, "spec": {"containers": [{"name": "worker", "args": ["run", "a1"]}]}}


def says(code, body, retry_after=None):
    def answer(handler, _number):
        data = json.dumps(body).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            handler.send_header("Retry-After", str(retry_after))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def refusal(code, message="m", **headers):
    return says(code, {"kind": "Status", "status": "Failure", "message": message, "code": code}, **headers)


def loses_answers_to(method, then):
    """Do what is asked, and hang up in place of the answer, the first time."""
    lost = []

    def answer(handler, number):
        if handler.command == method and not lost:
            lost.append(number)
            then(handler, number, silent=True)
            handler.close_connection = True
        else:
            then(handler, number)

    return answer


class OnePlace:
    """A server that keeps one object: created once, refused as there already after that."""

    def __init__(self):
        self.kept = None
        self.created = 0

    def __call__(self, handler, number, *, silent=False):
        reply = self._reply(handler)
        if not silent:
            reply(handler, number)

    def _reply(self, handler):
        if handler.command == "POST" and self.kept is not None:
            return refusal(409, "already exists")
        if handler.command == "POST":
            self.created += 1
            self.kept = json.loads(handler.body)
            self.kept["metadata"] |= {"uid": "u1", "creationTimestamp": "2026-06-01T00:00:00Z"}
        return says(200, self.kept)


def core_of(url, *, is_patient=True):
    api_client = BoundedClient(client.Configuration(host=url))
    return client.CoreV1Api(patient(api_client) if is_patient else api_client)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refusal(429, retry_after=1), id="too many requests, and when to come again"),
        pytest.param(refusal(429), id="too many requests"),
        pytest.param(refusal(500, "etcdserver: request timed out"), id="no answer of etcd"),
        pytest.param(refusal(503), id="a load balancer without a server"),
        pytest.param(refusal(504), id="a gateway that gave up"),
    ],
)
@pytest.mark.parametrize("call", ["list_namespaced_pod", "create_namespaced_pod"])
def test_a_server_that_refuses_for_a_moment_costs_a_moment(fault, call, monkeypatch):
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)
    good = says(200, {"kind": "PodList", "items": [], "metadata": {}} if call.startswith("list") else POD)
    with faulty_store(first(2, fault, good)) as (url, requests), explained("ask"):
        getattr(core_of(url), call)("ns", *([POD] if call.startswith("create") else []))
    assert len(requests) == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(refusal(401, "Unauthorized"), ClusterError, id="a login that may be renewed: another attempt"),
        pytest.param(refusal(403, 'cannot list resource "pods"'), ConfigError, id="a right"),
        pytest.param(refusal(422, "invalid"), ConfigError, id="what is no pod"),
    ],
)
def test_what_no_moment_mends_is_said_at_once(fault, error):
    with faulty_store(fault) as (url, requests), pytest.raises(error), explained("ask"):
        core_of(url).list_namespaced_pod("ns")
    assert len(requests) == 1


def test_a_server_that_refuses_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(patience, "PATIENCE_S", 0.5)
    with (
        faulty_store(refusal(429, "too many requests")) as (url, _),
        pytest.raises(
            ClusterError, match=r"^Cannot ask: the API server says 429 Too Many Requests: too many requests$"
        ),
        explained("ask"),
    ):
        core_of(url).list_namespaced_pod("ns")


def test_a_server_that_is_not_there_is_told_within_seconds(monkeypatch):
    monkeypatch.setattr(patience, "SILENCE_S", 1.0)
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"does not answer, cannot ask .* - check that it runs"), explained("ask"):
        core_of(f"http://127.0.0.1:{free_port()}").list_namespaced_pod("ns")
    assert 1.0 <= time.monotonic() - began < 40, "not the minute that one has that refuses"


def test_a_server_that_holds_the_line_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(patience, "REQUEST_S", 0.3)
    monkeypatch.setattr(patience, "SILENCE_S", 0.2)
    with (
        faulty_store(lambda *_: time.sleep(3)) as (url, _),
        pytest.raises(ClusterError, match=r"does not answer, cannot ask .*timed out"),
        explained("ask"),
    ):
        core_of(url).list_namespaced_pod("ns")


def hangs_up(handler, _number):
    handler.close_connection = True


def test_a_reset_after_seconds_of_refusals_is_no_silence(monkeypatch):
    """A balancer that restarts: it is in trouble, then nobody is there, then all is well."""
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.2)
    monkeypatch.setattr(patience, "SILENCE_S", 0.3)
    good = says(200, {"kind": "PodList", "items": [], "metadata": {}})
    with faulty_store(first(3, refusal(503), first(4, hangs_up, good))) as (url, requests), explained("ask"):
        core_of(url).list_namespaced_pod("ns")
    assert len(requests) == 5


def test_a_server_that_holds_the_line_had_its_minute_and_is_not_given_another(monkeypatch):
    monkeypatch.setattr(patience, "REQUEST_S", 0.2)
    with faulty_store(lambda *_: time.sleep(1)) as (url, requests):
        with pytest.raises(ClusterError, match=r"timed out"), explained("ask"):
            core_of(url).list_namespaced_pod("ns")
        wait_until(lambda: requests)  # a busy server hears of it later
    assert len(requests) == 1


def test_a_pause_that_is_neither_a_number_nor_a_date_is_none(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)
    good = says(200, {"kind": "PodList", "items": [], "metadata": {}})
    with faulty_store(first(1, refusal(429, retry_after="soon"), good)) as (url, requests), explained("ask"):
        core_of(url).list_namespaced_pod("ns")
    assert len(requests) == 2


def test_a_balancer_that_hangs_up_in_the_handshake_is_asked_again(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(patience, "SILENCE_S", 0.4)
    hung_up = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            with suppress(OSError):
                while True:
                    with server.accept()[0] as line:
                        line.recv(100)
                        hung_up.append(line)
                        line.shutdown(socket.SHUT_WR)

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(ClusterError, match=r"EOF occurred"), explained("ask"):
            core_of(f"https://127.0.0.1:{server.getsockname()[1]}").list_namespaced_pod("ns")
    assert len(hung_up) >= 2


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(ssl.SSLCertVerificationError("unable to get local issuer certificate"), id="of nobody known"),
        pytest.param(CertificateError("hostname 'a' doesn't match 'b'"), id="of another server"),
    ],
)
def test_a_certificate_that_is_not_taken_is_told_at_once(refused):
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        patience.ApiPatience().increment("GET", "/", error=urllib3.exceptions.SSLError(refused))


def test_a_name_that_is_not_resolved_is_told_as_that(monkeypatch):
    monkeypatch.setattr(patience, "SILENCE_S", 0.0)
    with (
        pytest.raises(ClusterError, match=r"Failed to resolve 'api\.invalid' .* - check name resolution \(DNS\) where"),
        explained("ask"),
    ):
        core_of("http://api.invalid:1").list_namespaced_pod("ns")


def test_a_pod_whose_creation_got_no_answer_is_created_once():
    place = OnePlace()
    with faulty_store(loses_answers_to("POST", place)) as (url, _):
        found = create_pod(core_of(url), "ns", POD)
    assert found.metadata.name == "shoal-1-0000-x"
    assert place.created == 1


def test_a_pod_of_another_attempt_under_the_same_name_is_not_taken_for_one_s_own():
    place = OnePlace()
    other = {**POD, "spec": {"containers": [{"name": "worker", "args": ["run", "a2"]}]}}
    with faulty_store(place) as (url, _):
        create_pod(core_of(url), "ns", other)
        with pytest.raises(ClusterError, match="409"), explained("start a pod"):
            create_pod(core_of(url), "ns", POD)


def test_a_planning_turn_whose_answer_was_lost_is_one_s_own_at_once():
    place = OnePlace()
    began = time.monotonic()
    with faulty_store(loses_answers_to("POST", place)) as (url, _), planning_turn(core_of(url), Cluster()) as moment:
        assert moment.year == 2026
    assert place.created == 1
    assert time.monotonic() - began < 60, "nobody waits for one's own turn"


class EmptiedPlace(OnePlace):
    """Its object can be deleted.

    Args:
        looked_at: Is told of each look at it.
    """

    def __init__(self, looked_at):
        super().__init__()
        self._looked_at = looked_at

    def _reply(self, handler):
        if handler.command == "GET":
            self._looked_at()
        if handler.command == "DELETE":
            self.kept = None
            return says(200, {"kind": "Status", "status": "Success"})
        return refusal(404, "not found") if handler.command == "GET" and self.kept is None else super()._reply(handler)


def test_a_plan_that_waits_for_a_dead_one_s_turn_says_once_for_what_since_when_and_until_when(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr("shoal.engines.kubernetes.planning_turn.SAID_S", 0.5)
    looks_since = []

    def looked_at():
        """Let the turn last until it was said and looked at some times more, however long that takes."""
        if any("planning_turn" in record.name for record in caplog.records):
            looks_since.append(1)
            if len(looks_since) == 3:
                monkeypatch.setattr("shoal.engines.kubernetes.planning_turn.TURN_S", 0)

    place = EmptiedPlace(looked_at)
    with faulty_store(place) as (url, _):
        core = core_of(url)
        core.create_namespaced_config_map(
            "default", {"metadata": {"name": "shoal-planning"}, "data": {"planner": "dead"}}
        )
        with planning_turn(core, Cluster()):
            assert place.created == 2
    said = [record.message for record in caplog.records if "planning_turn" in record.name]
    assert len(said) == 2, said
    assert re.fullmatch(
        r"Another plan looks for room in namespace \S+ \(ConfigMap shoal-planning, since 2026-06-01T00:00:00Z\): waiting until it "
        r"is through, at most until \S+Z, when it is taken for dead",
        said[0],
    )
