"""The store's client is one for both sides: what a worker survives, plan and summary survive, too."""

import re
import secrets
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3

from shoal.contract.errors import (
    AccessDeniedError,
    ConfigError,
    ContractError,
    LoginRefusedError,
    ShoalError,
    StoreError,
)
from shoal.stores import s3_access, s3_reading
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from waiting import wait_until
from worker.http_faults import after, cut, faulty_store, first, status, whole

JSON = b'{"format_version": 1, "listed": 12}'
LISTING = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.jpg</Key>"
    b"<LastModified>2026-06-01T02:03:04Z</LastModified><ETag>e</ETag><Size>7</Size></Contents></ListBucketResult>"
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(s3_reading, "BODY_PAUSES_S", (0.0, 0.0))


def store_at(endpoint_url):
    return S3Store(StoreAccess(endpoint_url, "accesskey123", secrets.token_hex(8)), "results")


def download(store, folder):
    store.download("plan.json", folder / "copy.json")
    return (folder / "copy.json").read_bytes()


READS = [
    pytest.param(lambda store, _: store.find_bytes("plan.json"), JSON, id="bytes"),
    pytest.param(lambda store, _: store.read_json("plan.json"), {"format_version": 1, "listed": 12}, id="JSON"),
    pytest.param(download, JSON, id="a file"),
]


@pytest.mark.parametrize(("read", "found"), READS)
@pytest.mark.parametrize("keep", [0, 7], ids=["nothing came", "a part came"])
def test_a_body_that_breaks_off_is_asked_for_again(read, found, keep, tmp_path):
    with faulty_store(first(2, cut(JSON, keep=keep), whole(JSON))) as (endpoint_url, requests):
        assert read(store_at(endpoint_url), tmp_path) == found
    assert len(requests) == 3


@pytest.mark.parametrize(("read", "_found"), READS)
def test_a_body_that_breaks_off_again_and_again_is_told_with_the_object(read, _found, tmp_path):
    with (
        faulty_store(cut(JSON, keep=7)) as (endpoint_url, requests),
        pytest.raises(
            StoreError, match=r"No answer from http.* for object 'plan.json' of bucket 'results' \(.*Incompl"
        ),
    ):
        read(store_at(endpoint_url), tmp_path)
    assert len(requests) == 3


def test_a_listing_that_breaks_off_is_asked_for_again():
    with faulty_store(first(2, cut(LISTING, keep=100), whole(LISTING))) as (endpoint_url, requests):
        assert store_at(endpoint_url).list_keys("") == ["a.jpg"]
    assert len(requests) == 3


def test_a_listing_that_gives_a_token_again_ends_in_one_line():
    page = LISTING.replace(
        b"false</IsTruncated>", b"true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    )
    with (
        faulty_store(whole(page)) as (endpoint_url, requests),
        pytest.raises(
            StoreError, match=r"listing of bucket 'results' at http.* does not end: after 2 pages .* second time"
        ),
    ):
        store_at(endpoint_url).list_keys("")
    assert len(requests) == 2


WORK = [
    pytest.param(lambda store: store.read_json("plan.json"), id="a read"),
    pytest.param(lambda store: store.list_keys(""), id="a listing"),
    pytest.param(lambda store: store.write_json("plan.json", {}), id="a write"),
    pytest.param(lambda store: store.delete(["plan.json"]), id="a deletion"),
    pytest.param(lambda store: store.delete(["plan.json", "b.json"]), id="a deletion of several"),
    pytest.param(lambda store: store.read("a.jpg", "e", 7), id="an image"),
]


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "InvalidTokenId"])
@pytest.mark.parametrize("work", WORK)
def test_a_login_that_ends_is_told_and_another_attempt_may_have_a_new_one(work, code):
    with faulty_store(after(1, status(403, code), whole(LISTING))) as (endpoint_url, _):
        store = store_at(endpoint_url)
        assert store.list_keys("") == ["a.jpg"]
        with pytest.raises(StoreError, match=rf"bucket 'results'.* denied \({code}\) - .*; it was good until now"):
            work(store)


def test_all_buckets_of_a_connection_know_that_its_login_was_good():
    with faulty_store(after(1, status(403, "ExpiredToken"), whole(LISTING))) as (endpoint_url, _):
        results = store_at(endpoint_url)
        assert results.list_keys("") == ["a.jpg"]
        with pytest.raises(StoreError, match=r"bucket 'images' .* denied \(ExpiredToken\) - .*; it was good until now"):
            S3Store(results.access, "images").list_keys("")


@pytest.mark.parametrize("work", WORK)
def test_a_login_that_was_never_good_is_a_mistake_in_the_connection(work):
    with (
        faulty_store(status(403, "ExpiredToken")) as (endpoint_url, _),
        pytest.raises(
            LoginRefusedError, match=r"denied \(ExpiredToken\) - check the login and password of the connecti"
        ),
    ):
        work(store_at(endpoint_url))


def test_a_bucket_that_takes_nothing_names_the_rights_it_needs():
    with (
        faulty_store(status(403, "AccessDenied")) as (endpoint_url, _),
        pytest.raises(AccessDeniedError, match=r"'results' .* not writable \(AccessDenied\) - .* needs Put and Delete"),
    ):
        store_at(endpoint_url).write_bytes("plan.json", JSON)


def test_a_bucket_that_deletes_nothing_names_the_right_it_needs():
    with (
        faulty_store(status(403, "AccessDenied")) as (endpoint_url, _),
        pytest.raises(ConfigError, match=r"Cannot delete 'a' in bucket 'results': AccessDenied - allow Delete"),
    ):
        store_at(endpoint_url).delete(["a"])


def refused_one_by_one(*codes):
    errors = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>m</Message></Error>"
        for key, code in zip("abc", codes, strict=False)
    )
    return whole(f"<DeleteResult>{errors}</DeleteResult>".encode())


@pytest.mark.parametrize(
    ("codes", "kind", "message"),
    [
        pytest.param(
            ["AccessDenied"], ConfigError, "Cannot delete 'a' in .* AccessDenied - allow Delete", id="no right"
        ),
        pytest.param(
            ["InternalError", "AccessDenied"], ConfigError, "Cannot delete 'b' in .* allow Delete", id="no right to one"
        ),
        pytest.param(
            ["InternalError"],
            StoreError,
            r"object 'a' of bucket 'results' to delete at .* failed: InternalError - see the store's log",
            id="trouble",
        ),
        pytest.param(
            ["NoSuchKey", "SlowDown"], StoreError, "object 'b' .*: SlowDown - .* use fewer workers", id="pace"
        ),
        pytest.param(["Teapot"], StoreError, "Teapot, a code that Shoal does not know", id="an unknown code"),
        pytest.param(["a < b"], StoreError, "Request for object 'a' .* failed: .*a < b", id="no code at all"),
        pytest.param(["ExpiredToken"], LoginRefusedError, r"denied \(ExpiredToken\) - check the login", id="a token"),
    ],
)
def test_a_deletion_that_is_refused_for_some_is_told_by_their_codes(codes, kind, message, monkeypatch):
    monkeypatch.setattr(s3_reading.time, "sleep", lambda _: None)
    answer = refused_one_by_one(*(code.replace("<", "&lt;") for code in codes))
    with faulty_store(answer) as (endpoint_url, _), pytest.raises(kind, match=message):
        store_at(endpoint_url).delete(["a", "b", "c"])


def test_what_is_too_busy_for_some_deletions_is_asked_again_for_those_alone(monkeypatch):
    """The answer to all is good, and names what was not done."""
    pauses, bodies = [], []
    monkeypatch.setattr(s3_reading.time, "sleep", pauses.append)

    def answer(handler, number):
        bodies.append(re.findall("<Key>(.)</Key>", handler.body.decode()))
        refused_one_by_one(*[["SlowDown", "InternalError"], ["SlowDown"], []][number - 1])(handler, number)

    with faulty_store(answer) as (endpoint_url, _):
        store_at(endpoint_url).delete(["a", "b", "c"])
    assert bodies == [["a", "b", "c"], ["a", "b"], ["a"]]
    assert [0.25 <= pauses[0] <= 0.5, 0.5 <= pauses[1] <= 1] == [True, True]


@pytest.mark.parametrize(("code", "times"), [("SlowDown", 9), ("InternalError", 4), ("AccessDenied", 1)])
def test_a_deletion_is_asked_for_as_often_as_helps(code, times, monkeypatch):
    """Pauses of 0.5, 1, 2, 4, 8, 16, 20 and 20 s are the first that are a minute; trouble is given seconds, a refusal nothing."""
    monkeypatch.setattr(s3_reading.time, "sleep", lambda _: None)
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "60")
    with faulty_store(refused_one_by_one(code)) as (endpoint_url, requests):
        with pytest.raises(ShoalError, match=code):
            store_at(endpoint_url).delete(["a", "b"])
        assert len(requests) == times


def test_a_deletion_of_several_that_are_gone_is_no_error():
    with faulty_store(refused_one_by_one("NoSuchKey", "NoSuchVersion")) as (endpoint_url, _):
        store_at(endpoint_url).delete(["a", "b", "c"])


def test_an_object_or_a_bucket_that_is_not_there_is_named(running_store, empty_bucket):
    store = S3Store(running_store.access, empty_bucket)
    assert store.find_json("plan.json") is None
    store.delete(["plan.json"])
    with pytest.raises(ContractError, match=r"No object 'plan.json' in bucket '.*' - it was removed or never written"):
        store.read_bytes("plan.json")
    with pytest.raises(ConfigError, match=r"No bucket 'no-such' at http.* - create it or correct its name"):
        S3Store(running_store.access, "no-such").read_bytes("plan.json")


def test_a_full_disk_is_this_machine_s_and_is_not_asked_for_again(running_store, empty_bucket):
    """Writes to /dev/full end as on a disk without room."""
    running_store.put(empty_bucket, "a.bin", bytes(100_000))
    with pytest.raises(ConfigError, match=r"^/dev/full cannot be written: No space left on device - free some disk"):
        S3Store(running_store.access, empty_bucket).download("a.bin", Path("/dev/full"))


def test_objects_are_read_as_they_are_stored(running_store, empty_bucket):
    store = S3Store(running_store.access, empty_bucket)
    store.write_json("plan.json", {"format_version": 1, "name": "Blåhaj"})
    assert store.read_json("plan.json")["name"] == "Blåhaj"
    store.delete(["plan.json"])
    assert store.list_keys("") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"{", "is no JSON object of Shoal's \\(.+\\) - restore it", id="no JSON"),
        pytest.param(b"[1]", "is no JSON object of Shoal's \\(.+\\) - restore it", id="a list"),
        pytest.param(b'{"a": 1}', "is no JSON object of Shoal's \\(.+\\) - restore it", id="no format"),
        pytest.param(b'{"format_version": 99}', "has format_version 99, this release reads up to", id="a later format"),
    ],
)
def test_json_of_no_known_format_is_refused(text, message):
    with (
        faulty_store(whole(text)) as (endpoint_url, _),
        pytest.raises(ContractError, match=message),
    ):
        store_at(endpoint_url).read_json("plan.json")


def test_a_secret_is_never_shown(running_store):
    assert running_store.access.secret_key not in repr(replace(running_store.access, region="here"))


def test_a_key_that_may_list_below_a_prefix_only_is_told_the_time_all_the_same():
    with faulty_store(status(403, "AccessDenied")) as (endpoint_url, _):
        told = S3Store(StoreAccess(endpoint_url, "key", "secret"), "fish").read_clock()
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_photo_for_a_page_may_come_slowly_and_a_silent_store_is_given_up_in_seconds(monkeypatch):
    def drip(handler, _number):
        handler.send_response(200)
        handler.send_header("Content-Length", "6")
        handler.send_header("ETag", '"e"')
        handler.end_headers()
        for _ in range(6):
            time.sleep(0.25)
            handler.wfile.write(b"x")

    monkeypatch.setattr(s3_access, "HURRIED", urllib3.Timeout(connect=2, read=1.2))
    with faulty_store(drip) as (endpoint_url, _):
        store = store_at(endpoint_url)
        store.hurried = True
        assert store.read("a.jpg", "e", 6).data == b"x" * 6
    monkeypatch.setattr(s3_access, "HURRIED", urllib3.Timeout(connect=2, read=0.1))
    over = threading.Event()
    with faulty_store(lambda *_: over.wait()) as (endpoint_url, requests):
        store = store_at(endpoint_url)
        store.hurried = True
        with pytest.raises(StoreError):
            store.read("a.jpg", "e", 6)
        wait_until(lambda: len(requests) >= 2, what="what was asked")
        assert len(requests) == 2
        over.set()
