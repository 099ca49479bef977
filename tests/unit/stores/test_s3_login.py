"""Keys that end: when they are renewed, and what people read when nobody gives one."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from minio.credentials import Credentials

from shoal.contract.errors import ConfigError, LoginRefusedError, NoAnswerError, ShoalError, StoreError
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection
from shoal.stores.s3 import S3Store
from shoal.stores.s3_login import LET_IN, Renewed, fetch_key
from worker.http_faults import faulty_store, status, whole

TOKEN = "header.claims.signature"


class Clock:
    """The time of whoever hands out keys, which a test moves."""

    def __init__(self):
        self.ahead = timedelta(0)

    def now(self, zone):
        return datetime.now(zone) + self.ahead


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr("shoal.stores.s3_login.datetime", clock := Clock())
    return clock


def key(number: int, seconds: float | None) -> Credentials:
    end = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    return Credentials(f"key{number}", "secret", "token", end)


def test_a_key_is_renewed_when_half_of_its_time_has_gone(clock):
    fetched = []

    def fetch():
        fetched.append(key(len(fetched), 6000))
        return fetched[-1]

    keys = Renewed(fetch)
    for seconds in (0, 100, 1000, 2000, 2900):
        clock.ahead = timedelta(seconds=seconds)
        assert keys.retrieve().access_key == "key0"
    clock.ahead = timedelta(seconds=3100)
    assert keys.retrieve().access_key == "key1"


def test_a_key_without_an_end_is_kept():
    keys = Renewed(iter([key(0, None), key(1, None)]).__next__)
    assert {keys.retrieve().access_key for _ in range(3)} == {"key0"}


def test_a_key_that_cannot_be_renewed_is_used_to_its_end_and_the_log_says_so(clock, caplog):
    answers = [key(0, 6000), StoreError("the token service is away"), StoreError("the token service is away")]

    def fetch():
        answer = answers.pop(0)
        if isinstance(answer, ShoalError):
            raise answer
        return answer

    keys = Renewed(fetch)
    keys.retrieve()
    clock.ahead = timedelta(seconds=3500)
    with caplog.at_level(logging.WARNING):
        assert [keys.retrieve().access_key for _ in range(3)] == ["key0"] * 3
    assert caplog.text.count("The key was not renewed and is used until") == 1
    clock.ahead = timedelta(seconds=6500)
    with pytest.raises(StoreError, match="the token service is away"):
        keys.retrieve()


def test_nobody_waits_for_a_renewal_while_the_key_is_good():
    """A token service that takes long stops one reader, not all of them."""
    answers, asked, may_answer = [key(0, 600), key(1, 600)], threading.Event(), threading.Event()

    def fetch():
        if len(answers) == 1:
            asked.set()
            assert may_answer.wait(60)
        return answers.pop(0)

    keys = Renewed(fetch)
    keys.retrieve()
    keys._renew_at = datetime.now(UTC)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(keys.retrieve)
        assert asked.wait(20)
        assert [pool.submit(keys.retrieve).result(20).access_key for _ in range(3)] == ["key0"] * 3
        may_answer.set()
        assert first.result(20).access_key == "key1"
    assert keys.retrieve().access_key == "key1"


def test_all_wait_for_one_renewal_once_the_key_has_ended():
    answers = [key(0, -1), key(1, 600)]

    def fetch():
        time.sleep(0.1)
        return answers.pop(0)

    keys = Renewed(fetch)
    keys.retrieve()
    with ThreadPoolExecutor(8) as pool:
        found = {key.access_key for key in pool.map(lambda _: keys.retrieve(), range(8))}
    assert (found, answers) == ({"key1"}, [])


def test_a_key_that_could_not_be_renewed_is_not_handed_out_after_its_end(clock):
    """It ends before those who gave it would be asked again."""
    answers = [key(0, 40), StoreError("the token service is away"), StoreError("it is away for long")]

    def fetch():
        answer = answers.pop(0)
        if isinstance(answer, ShoalError):
            raise answer
        return answer

    keys = Renewed(fetch)
    keys.retrieve()
    clock.ahead = timedelta(seconds=25)
    assert keys.retrieve().access_key == "key0"
    clock.ahead = timedelta(seconds=41)
    with pytest.raises(StoreError, match="it is away for long"):
        keys.retrieve()


@pytest.fixture
def pod_token(tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(path))
    return path


def by_web_identity(url: str):
    extra = {
        "endpoint_url": url,
        "assume_role_method": "assume_role_with_web_identity",
        "service_config": {"sts": {"endpoint_url": url}},
    }
    return access_from_connection(Connection("reef", "", None, "", "", extra))


def without_login(extra, host=""):
    return access_from_connection(Connection("reef", host, None, "", "", extra))


@pytest.mark.parametrize(
    ("extra", "sts_url"),
    [
        pytest.param({"region_name": "eu-north-1"}, "https://sts.eu-north-1.amazonaws.com", id="AWS by its region"),
        pytest.param({"region_name": "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn", id="AWS in China"),
        pytest.param(
            {"endpoint_url": "https://s3.eu-west-2.amazonaws.com"},
            "https://sts.eu-west-2.amazonaws.com",
            id="by its host",
        ),
    ],
)
@pytest.mark.usefixtures("pod_token")
def test_a_pod_shows_its_token_to_amazon_unasked(extra, sts_url):
    access = without_login(extra)
    assert (access.login, access.sts_url) == ("web identity", sts_url)


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("http://minio.lab:9000", id="without TLS"),
        pytest.param("https://minio.lab", id="with TLS"),
        pytest.param("https://amazonaws.com.evil.example", id="Amazon's name within another's"),
        pytest.param("https://notamazonaws.com", id="Amazon's name at the end of another's"),
    ],
)
@pytest.mark.usefixtures("pod_token")
def test_a_pod_shows_its_token_to_nobody_else_unasked(host):
    with pytest.raises(
        ConfigError, match=r"needs host, login and password .*anonymous: true.* goes to AWS only, elsewh"
    ):
        without_login({}, host)
    assert without_login({"anonymous": True}, host).login == "anonymous"


WEB = {"assume_role_method": "assume_role_with_web_identity"}


@pytest.mark.parametrize("extra", [{"endpoint_url": "http://minio.lab:9000"}, {"secure": False}])
@pytest.mark.usefixtures("pod_token")
def test_a_token_goes_without_tls_only_where_its_way_is_written_down(extra):
    with pytest.raises(ConfigError, match=r"send the pod's token to http://minio.lab\S* without TLS - write https://"):
        without_login({**WEB, **extra}, "minio.lab")
    written = {"service_config": {"sts": {"endpoint_url": "http://minio.lab:9000"}}}
    assert without_login({**WEB, **extra, **written}, "minio.lab").sts_url == "http://minio.lab:9000"
    assert without_login(WEB, "minio.lab").sts_url == "https://minio.lab"


@pytest.mark.usefixtures("pod_token")
def test_a_token_is_not_carried_on_to_where_a_token_service_points():
    with faulty_store(whole(b"")) as (elsewhere, asked):

        def redirect(handler, _number):
            handler.send_response(307)
            handler.send_header("Location", elsewhere)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with faulty_store(redirect) as (url, _), pytest.raises(ShoalError, match="HTTP 307"):
            fetch_key(by_web_identity(url))
    assert asked == []


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        pytest.param(
            status(400, "InvalidIdentityToken"),
            LoginRefusedError,
            r"gives no key for web identity \(InvalidIdentityToken\) - .*issuer",
            id="a token of somebody else",
        ),
        pytest.param(
            status(400, "ExpiredTokenException"), LoginRefusedError, r"\(ExpiredTokenException\) - ", id="an old token"
        ),
        pytest.param(
            status(403, "AccessDenied"),
            LoginRefusedError,
            r"\(AccessDenied\) - correct role_arn, or let the trust policy of that role",
            id="no such role for it",
        ),
        pytest.param(
            status(400, "IDPCommunicationError"),
            StoreError,
            r"now \(IDPCommunicationError\): .* could not reach the issuer",
            id="the issuer is away",
        ),
        pytest.param(
            status(400, "Throttling"), StoreError, r"now \(Throttling\): .* too many requests", id="too many requests"
        ),
        pytest.param(
            status(403, "RequestTimeTooSkewed"),
            StoreError,
            r"refuses what is asked of it, a key for web identity: its clock and this machine's, .* UTC, .* set both by NTP",
            id="the clocks",
        ),
        pytest.param(
            status(400, "STSNotInitialized"), StoreError, r"\(STSNotInitialized\): it is starting", id="it starts"
        ),
        pytest.param(
            status(403, "Teapot"), LoginRefusedError, r"\(Teapot\) - correct role_arn, or let", id="an unknown code"
        ),
        pytest.param(status(500, ""), StoreError, r"gave no key for web identity \(HTTP 500\) - see its", id="trouble"),
        pytest.param(whole(b"<html>"), StoreError, "holds no key - check service_config.sts", id="no token service"),
    ],
)
@pytest.mark.usefixtures("pod_token")
def test_who_gives_no_key_is_named_and_the_token_is_not(answer, kind, message, monkeypatch):
    monkeypatch.setattr("shoal.stores.s3_patience.time.sleep", lambda _: None)
    with faulty_store(answer) as (url, _), pytest.raises(kind, match=message) as raised:
        S3Store(by_web_identity(url), "fish").list_keys("")
    assert TOKEN not in "".join(_with_causes(raised.value))


@pytest.mark.usefixtures("pod_token")
def test_a_token_service_that_is_away_is_named_and_the_token_is_not(monkeypatch, caplog):
    monkeypatch.setattr("shoal.stores.s3_patience.Patience._sleep_backoff", lambda _: None)
    # Airflow's logging, once it is set up in this process, turns off the loggers that there were, or hands their lines to nobody.
    logger = logging.getLogger("urllib3.connectionpool")
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    caplog.set_level(logging.WARNING, logger.name)
    with pytest.raises(
        NoAnswerError, match=r"No answer from http://127.0.0.1:9 for a key \(NewConnectionError\)"
    ) as raised:
        fetch_key(by_web_identity("http://127.0.0.1:9"))
    assert "Retrying" in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(_with_causes(raised.value))


REQUESTS = [
    pytest.param(lambda store: store.read_clock(), id="the clock"),
    pytest.param(lambda store: store.has("a.jpg"), id="whether there is an object"),
    pytest.param(lambda store: store.read_bytes("a.jpg"), id="a read"),
    pytest.param(lambda store: store.list_keys(""), id="a listing"),
    pytest.param(lambda store: store.list_unfinished_uploads(""), id="unfinished uploads"),
    pytest.param(lambda store: store.write_bytes("a.jpg", b"a"), id="a write"),
    pytest.param(lambda store: store.delete(["a.jpg", "b.jpg"]), id="a deletion"),
]


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.usefixtures("pod_token")
def test_a_refused_key_is_told_as_that_whatever_is_asked_for(request_of):
    with faulty_store(status(403, "InvalidIdentityToken")) as (url, _):
        store = S3Store(by_web_identity(url), "fish")
        with pytest.raises(LoginRefusedError, match=r"^127.0.0.1:\d+ gives no key for web identity \(InvalidIdent"):
            request_of(store)
        LET_IN.add(store.access)
        with pytest.raises(StoreError, match=r"gives no key for web identity .*; it was good until now$"):
            request_of(store)


@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_pod_without_an_identity_is_told_as_that_whatever_is_asked_for(request_of, pod_token, monkeypatch):
    store = S3Store(by_web_identity("http://127.0.0.1:9"), "fish")
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    with pytest.raises(ConfigError, match=r"^Web identity needs the environment variable AWS_WEB_IDENTITY_TOKEN_FILE"):
        request_of(store)


def test_a_token_file_that_is_gone_is_named(pod_token):
    access = by_web_identity("http://127.0.0.1:9")
    pod_token.unlink()
    with pytest.raises(ConfigError, match=r"cannot be read from .*/token: No such file .* AWS_WEB_IDENTITY_TOKEN_FILE"):
        S3Store(access, "fish").list_keys("")


def test_a_pod_without_an_identity_says_how_it_gets_one(pod_token, monkeypatch):
    """The connection was read where there was one."""
    access = by_web_identity("http://127.0.0.1:9")
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    with pytest.raises(ConfigError, match=r"is not set here - let the pod run as .*spec\.serviceAccountName"):
        fetch_key(access)


def _with_causes(err: BaseException | None) -> list[str]:
    found = []
    while err is not None:
        found.append(f"{err!r}")
        err = err.__cause__ or (None if err.__suppress_context__ else err.__context__)
    return found
