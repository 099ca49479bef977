"""What DuckDB is answered is told in the words in which the client's answers are."""

from dataclasses import replace

import pytest

from shoal.contract.errors import (
    AccessDeniedError,
    ConfigError,
    ContractError,
    LoginRefusedError,
    ShoalError,
    StoreError,
)
from shoal.stores import s3_patience
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.tables import session
from shoal.tables.session import open_database
from worker.http_faults import faulty_store, status

KEY = "a b/the fish's rows #1.parquet"


def refused_to_client(store: S3Store) -> ShoalError:
    with pytest.raises(ShoalError) as raised:
        store.read_bytes(KEY)
    return raised.value


def refused_to_duckdb(store: S3Store) -> ShoalError:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "HTTP_RETRIES", 0)
        with open_database(store) as database, pytest.raises(ShoalError) as raised:
            database.value("SELECT count(*) FROM read_parquet(?)", [store.uri(KEY)])
    return raised.value


@pytest.fixture(scope="module")
def filled(minio):
    """A bucket that only its owner may read."""
    minio.connect().make_bucket("one-judge")
    S3Store(minio, "one-judge").write_bytes(KEY, b"no parquet")
    return minio


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        pytest.param({"secret_key": "x" * 40}, LoginRefusedError, "SignatureDoesNotMatch", id="a wrong password"),
        pytest.param({"access_key": "nobody"}, LoginRefusedError, "InvalidAccessKeyId", id="nobody"),
        pytest.param({"session_token": "x" * 40}, LoginRefusedError, "InvalidTokenId", id="a wrong token"),
        pytest.param({"access_key": "", "secret_key": ""}, AccessDeniedError, "is not open to everyone", id="no login"),
    ],
)
def test_a_refused_login_is_told_in_the_same_words(changes, kind, words, filled):
    store = S3Store(replace(filled, **changes), "one-judge")
    told = refused_to_duckdb(store)
    assert type(told) is kind
    assert words in str(told)
    assert str(told) == str(refused_to_client(store))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(status(503, "SlowDown"), StoreError, id="the pace"),
        pytest.param(status(403, "RequestTimeTooSkewed"), StoreError, id="the clocks"),
        pytest.param(status(400, "ExpiredToken"), LoginRefusedError, id="a token's end"),
    ],
)
def test_a_code_is_told_in_the_same_words(answer, kind, monkeypatch):
    monkeypatch.setattr(s3_patience.time, "sleep", lambda _: None)
    with faulty_store(answer) as (url, _):
        store = S3Store(StoreAccess(url, "accesskey123", "secretkey123456"), "fish")
        told = refused_to_duckdb(store)
        assert type(told) is kind
        assert str(told) == str(refused_to_client(store))


def test_an_object_that_is_gone_is_named_whole(filled):
    store = S3Store(filled, "one-judge")
    with (
        open_database(store) as database,
        pytest.raises(ContractError, match=r"No object \"a's b.parquet\" in bucket"),
    ):
        database.value("SELECT count(*) FROM read_parquet(?)", [store.uri("a's b.parquet")])


def test_an_answer_without_a_reason_is_told_with_its_status():
    """What DuckDB asks first, HEAD, has no body."""
    with faulty_store(status(418, "Teapot")) as (url, _):
        told = refused_to_duckdb(S3Store(StoreAccess(url, "accesskey123", "secretkey123456"), "fish"))
    assert str(told).endswith(f"at {url} failed: HTTP 418 without a reason - see the store's log")


def test_a_store_that_is_away_is_told_in_the_same_words_but_for_the_cause(monkeypatch):
    monkeypatch.setattr(s3_patience.Patience, "_sleep_backoff", lambda _: None)
    store = S3Store(StoreAccess("http://127.0.0.1:9", "accesskey123", "secretkey123456"), "fish")
    told = [str(refused_to_duckdb(store)), str(refused_to_client(store))]
    for words in told:
        assert words.startswith(f"No answer from http://127.0.0.1:9 for object {KEY!r} of bucket 'fish' (")
        assert words.endswith(") - check that the store runs and the endpoint of the connection")


def test_a_wrong_region_is_named_for_duckdb_too():
    def redirect(handler, _number):
        handler.send_response(301)
        handler.send_header("x-amz-bucket-region", "eu-west-1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with faulty_store(redirect) as (url, _):
        told = refused_to_duckdb(S3Store(StoreAccess(url, "accesskey123", "secretkey123456"), "fish"))
    assert isinstance(told, ConfigError)
    assert "is in region 'eu-west-1' - set region_name to 'eu-west-1'" in str(told)
