"""Answers that are no S3 server's: the person reads one line about the store, never a traceback."""

import hashlib
import threading

import pytest

from shoal.contract.errors import ContractError, StoreError, one_line
from shoal.stores.images import ImageChanged
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from worker.hostile_front import HTML, XMLNS, Entry, Pages, Refusal
from worker.http_faults import faulty_store, status, whole

LATIN = "<html>nicht verfügbar</html>".encode("latin-1")


def etag_of(body):
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def refusing(refusal):
    def answer(handler, _number):
        handler.send_response(refusal.status)
        handler.send_header("Content-Type", refusal.content_type)
        handler.send_header("Content-Length", str(len(refusal.body)))
        handler.end_headers()
        handler.wfile.write(refusal.body)

    return answer


def sending(body, *headers, tied=True):
    """An object with headers of its own; `tied` to its length by the end of the connection where they name none."""

    def answer(handler, _number):
        handler.send_response(200)
        for name, value in (("ETag", f'"{etag_of(body)}"'), *headers):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = tied

    return answer


def opened(endpoint_url):
    return S3Store(StoreAccess(endpoint_url, "key", "secret"), "fish")


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Refusal(403, HTML), id="a page that calls itself XML"),
        pytest.param(Refusal(400, b"<Error><Code>Slow"), id="XML that breaks off"),
        pytest.param(Refusal(404, LATIN), id="Latin-1 that calls itself XML"),
        pytest.param(Refusal(403, LATIN, "text/html"), id="Latin-1 that calls itself HTML"),
        pytest.param(Refusal(418, b"\xff\xfe\0", "application/xml"), id="no text at all"),
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda store: list(store.list_objects()), id="list"),
        pytest.param(lambda store: store.list_folders(""), id="folders"),
        pytest.param(lambda store: store.read_clock(), id="clock"),
        pytest.param(lambda store: store.find_bytes("a.jpg"), id="find"),
        pytest.param(lambda store: store.read("a.jpg", "v", 3), id="read"),
        pytest.param(lambda store: store.write_bytes("a.json", b"{}"), id="write"),
        pytest.param(lambda store: store.delete(["a", "b"]), id="delete"),
        pytest.param(lambda store: store.list_unfinished_uploads(""), id="uploads"),
    ],
)
def test_an_answer_that_cannot_be_read_is_said_in_one_line(refusal, ask):
    with faulty_store(refusing(refusal)) as (endpoint_url, _), pytest.raises(StoreError) as told:
        ask(opened(endpoint_url))
    assert one_line(told.value) == str(told.value)
    assert endpoint_url in str(told.value)


@pytest.mark.parametrize("length", ["ten", "-1", "\u0663".encode().decode("latin-1")])
def test_a_length_that_is_no_number_is_as_good_as_none(length):
    answer = sending(b"fish", ("Content-Length", length))
    etag = etag_of(b"fish")
    with faulty_store(answer) as (endpoint_url, _):
        store = opened(endpoint_url)
        assert store.read("a.jpg", etag, 4).data == b"fish"
        with pytest.raises(StoreError, match="4 bytes came, 5 are listed"):
            store.read("a.jpg", etag, 5)
        with pytest.raises(StoreError, match=r"does not say how long object 'a.jpg' of bucket 'fish' is"):
            store.stream("a.jpg")


def test_a_header_that_the_client_cannot_read_is_said_in_one_line():
    with (
        faulty_store(sending(b"", ("Content-Length", "ten"))) as (endpoint_url, _),
        pytest.raises(StoreError, match=r"Request for object 'a.jpg' of bucket 'fish' at .* failed: invalid literal"),
    ):
        opened(endpoint_url).has("a.jpg")


def test_a_stream_that_breaks_off_is_said_in_one_line():
    with faulty_store(sending(b"fish", ("Content-Length", "9"))) as (endpoint_url, _):
        length, pieces = opened(endpoint_url).stream("report.html")
        assert length == 9
        with pytest.raises(
            StoreError, match=r"No answer from .* for object 'report.html' of bucket 'fish' \(.*\) - check"
        ):
            list(pieces)


def test_a_stream_that_nobody_takes_hangs_up_when_it_is_closed():
    hung_up = threading.Event()

    def answer(handler, _number):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * (1 << 16))
        finally:
            hung_up.set()

    with faulty_store(answer) as (endpoint_url, _):
        _, pieces = opened(endpoint_url).stream("report.html")
        pieces.close()
        assert hung_up.wait(20)
        assert list(pieces) == []


def test_what_a_proxy_packed_is_another_object():
    with faulty_store(sending(b"fish", ("Content-Length", "5"))) as (endpoint_url, _), pytest.raises(ImageChanged):
        opened(endpoint_url).read("a.jpg", etag_of(b"fish"), 4)


def listing(entry, **how):
    body = Pages(((entry,),), **how).write(0)

    def answer(handler, _number):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param(Entry("a", "-1", "e", "2026-06-01T00:00:00Z"), "a size of -1 bytes", id="a negative size"),
        pytest.param(
            Entry("a", f"{2**63}", "e", "2026-06-01T00:00:00Z"), "a size of 9223372036854775808", id="a size of 8 EiB"
        ),
        pytest.param(Entry("a", "1", "e", "0001-01-01T00:00:00+05:00"), "OverflowError", id="before the year 1"),
        pytest.param(Entry("a", "1", "e", "9999-12-31T23:59:59-05:00"), "OverflowError", id="after the year 9999"),
    ],
)
def test_an_object_that_cannot_be_is_an_error_of_the_store(entry, words):
    with (
        faulty_store(listing(entry)) as (endpoint_url, _),
        pytest.raises(StoreError, match=f"The store's listing cannot be read .*{words}"),
    ):
        list(opened(endpoint_url).list_objects())


@pytest.mark.parametrize("token", ["same", ""], ids=["the same token for ever", "no token"])
def test_folders_of_a_listing_that_does_not_end_are_not_waited_for(token):
    pages = Pages(((), (), ()), tokens=(token, token))

    def answer(handler, number):
        body = pages.write(min(number - 1, 1))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with faulty_store(answer) as (endpoint_url, asked):
        with pytest.raises(StoreError, match=r"for the second time|does not say where"):
            opened(endpoint_url).list_folders("")
        assert len(asked) <= 2


@pytest.mark.parametrize("value", [b'{"format_version": "x"}', b'{"format_version": null}', b"[1]", b"{}", b"7", HTML])
def test_json_of_somebody_else_is_said_in_one_line(value):
    with (
        faulty_store(whole(value)) as (endpoint_url, _),
        pytest.raises(
            ContractError, match=r"Object 'a.json' in bucket 'fish' is no JSON object of Shoal's \(.+\) - restore it"
        ),
    ):
        opened(endpoint_url).read_json("a.json")


def test_unfinished_uploads_without_an_end_are_not_waited_for():
    upload = "<Upload><Key>a</Key><UploadId>1</UploadId><Initiated>2026-06-01T00:00:00.000Z</Initiated></Upload>"
    page = (
        f"<ListMultipartUploadsResult xmlns='{XMLNS}'><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>{upload}"
        "</ListMultipartUploadsResult>"
    )
    with (
        faulty_store(whole(page.encode())) as (endpoint_url, asked),
        pytest.raises(StoreError, match=r"unfinished uploads of bucket 'fish' at .* does not end"),
    ):
        opened(endpoint_url).list_unfinished_uploads("")
    assert len(asked) == 2


def test_a_word_of_the_stores_own_is_shown():
    with (
        faulty_store(status(400, "NeverHeardOf")) as (endpoint_url, _),
        pytest.raises(StoreError, match="NeverHeardOf"),
    ):
        opened(endpoint_url).find_bytes("a")
