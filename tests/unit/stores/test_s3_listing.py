"""A page of a listing is read as the client's own parser reads it."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minio.datatypes import parse_list_objects

from shoal.contract.errors import StoreError
from shoal.stores.images import ImageUnnamable
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.stores.s3_listing import parse_page

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
NO_CONTROLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
"""What XML can hold as it is."""


def page(keys, *, encoded=True, token="", namespace=XMLNS):
    contents = "".join(
        f"<Contents><Key>{escape(quote_plus(key, safe='/') if encoded else key)}</Key>"
        "<LastModified>2026-06-01T02:03:04.567Z</LastModified><ETag>&quot;abc-2&quot;</ETag><Size>17</Size></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    opening = f'<ListBucketResult xmlns="{namespace}">' if namespace else "<ListBucketResult>"
    return (
        f"{opening}<Name>bucket</Name>{encoding}<IsTruncated>{str(bool(token)).lower()}</IsTruncated>{more}{contents}"
        "</ListBucketResult>"
    ).encode()


@given(
    st.tuples(st.just(True), st.lists(KEYS, max_size=5)) | st.tuples(st.just(False), st.lists(NO_CONTROLS, max_size=5)),
    st.sampled_from(["", "next page=="]),
)
def test_a_page_is_read_as_the_client_reads_it(encoded_keys, token):
    encoded, keys = encoded_keys
    data = page(keys, encoded=encoded, token=token)
    objects, truncated, next_token, _ = parse_list_objects(SimpleNamespace(data=data))
    found = parse_page(data)
    expected = [(o.object_name, o.etag, o.size, o.last_modified) for o in objects if not o.is_dir]
    assert [(o.key, o.object_version, o.size_bytes, o.last_modified) for o in found.objects] == expected
    assert found.next_token == (next_token if truncated else None)


@pytest.mark.parametrize("etag", ["<ETag></ETag>", "<ETag>&quot;&quot;</ETag>", ""], ids=["empty", "quotes", "none"])
def test_an_object_without_an_etag_is_told_by_its_time(etag):
    data = page(["a.jpg"]).replace(b"<ETag>&quot;abc-2&quot;</ETag>", etag.encode())
    [found] = parse_page(data).objects
    assert found.object_version == "time:2026-06-01T02:03:04.567000Z"


@pytest.mark.parametrize(
    ("word", "status", "storage_class"),
    [
        pytest.param("GLACIER", "", "GLACIER", id="in the archive"),
        pytest.param(
            "GLACIER", "<IsRestoreInProgress>true</IsRestoreInProgress>", "GLACIER", id="still being restored"
        ),
        pytest.param(
            "DEEP_ARCHIVE",
            "<IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2026-12-21T00:00:00.000Z</RestoreExpiryDate>",
            "DEEP_ARCHIVE (restored)", id="restored",
        ),
        pytest.param("STANDARD", "", "STANDARD", id="no archive"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("namespace", [XMLNS, ""], ids=["with its namespace", "without"])
def test_a_restored_object_is_told_from_one_in_the_archive(word, status, storage_class, namespace):
    restore = f"<RestoreStatus>{status}</RestoreStatus>" if status else ""
    data = page(["a.jpg"], namespace=namespace).replace(
        b"</Contents>", f"<StorageClass>{word}</StorageClass>{restore}</Contents>".encode()
    )
    [found] = parse_page(data).objects
    assert found.storage_class == storage_class


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("s3.eu-west-1.amazonaws.com", True), ("s3.cn-north-1.amazonaws.com.cn:443", True), ("minio.example.org:9000", False),
        ("amazonaws.com.example.org", False),
    ],
)  # fmt: skip
def test_only_amazon_is_asked_what_is_restored(host, asked, monkeypatch):
    sent = {}

    def answer(_method, _bucket, *, headers=None, query_params):
        sent.update(headers or {}, **query_params)
        return SimpleNamespace(data=page(["a.jpg"]))

    store = S3Store(StoreAccess(f"https://{host}", "key", "secret"), "fish")
    monkeypatch.setattr(store._client, "_execute", answer)
    assert [found.key for found in store.list_objects()] == ["a.jpg"]
    assert (sent.get("x-amz-optional-object-attributes") == "RestoreStatus") is asked


@pytest.mark.parametrize("encoded", [True, False], ids=["in the usual form", "in another"])
def test_markers_of_folders_are_counted_and_are_no_objects(encoded):
    found = parse_page(page(["a.jpg", "folder/", "other/"], encoded=encoded))
    assert ([one.key for one in found.objects], found.markers) == (["a.jpg"], 2)


def test_a_server_without_the_namespace_is_read_too():
    assert [found.key for found in parse_page(page(["a b.jpg", "folder/"], namespace="")).objects] == ["a b.jpg"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"<html></html>",
        b"<Error><Code>SlowDown</Code></Error>",
        page(["a"]).replace(b"<Size>17</Size>", b""),
    ],
    ids=["empty", "no XML", "html", "an error with status 200", "no size"],
)
def test_what_is_no_listing_is_an_error_of_the_store(data):
    with pytest.raises(StoreError, match=r"The store's listing cannot be read .* - see the store's log"):
        parse_page(data)


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        pytest.param("2026-06-01T02:03:04.567Z", 2, id="UTC"),
        pytest.param("2026-06-01T02:03:04.567+02:00", 0, id="an offset"),
        pytest.param("2026-06-01T02:03:04.567-05:30", 7, id="an offset to the west"),
        pytest.param("2026-06-01T02:03:04.567", 2, id="no zone"),
    ],
)
def test_a_time_of_modification_is_utc_whatever_its_offset(written, hour):
    body = page(["a.jpg"]).replace(b"2026-06-01T02:03:04.567Z", written.encode())
    minute = 33 if "5:30" in written else 3
    assert parse_page(body).objects[0].last_modified == datetime(2026, 6, 1, hour, minute, 4, 567000, tzinfo=UTC)
    assert parse_page(body).objects[0].last_modified.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("quoted", "key"),
    [
        pytest.param("S%FCd+1.jpg", "S\ufffd%FCd 1.jpg", id="Latin-1"),
        pytest.param("S%FDd+1.jpg", "S\ufffd%FDd 1.jpg", id="another one"),
        pytest.param("%E6%B5%B7%E6%B5.jpg", "\u6d77\ufffd%E6\ufffd%B5.jpg", id="UTF-8 that breaks off"),
        pytest.param("S%EF%BF%BDd.jpg", "S\ufffdd.jpg", id="a replacement that was made before, and is UTF-8"),
        pytest.param("%ED%B3%BC.jpg", "\ufffd%ED\ufffd%B3\ufffd%BC.jpg", id="half a pair of UTF-16"),
    ],
)
def test_keys_that_are_no_text_stay_apart(quoted, key):
    page = (
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents>"
        f"<Key>{quoted}</Key><LastModified>2026-06-01T02:03:04Z</LastModified><Size>7</Size></Contents></ListBucketResult>"
    )
    [found] = parse_page(page.encode()).objects
    assert found.key == key
    key.encode()  # it can be stored


def test_a_key_that_is_no_text_is_not_asked_for_and_says_why(running_store, empty_bucket):
    """Files of an old disk: the names are Latin-1."""
    for name in (b"S\xfcd.jpg", b"S\xe4d.jpg"):
        Path(os.fsdecode(os.fsencode(running_store.root / empty_bucket) + b"/" + name)).write_bytes(b"x")
    store = S3Store(running_store.access, empty_bucket)
    found = sorted(store.list_objects(), key=lambda one: one.key)
    assert [one.key for one in found] == ["S\ufffd%E4d.jpg", "S\ufffd%FCd.jpg"]
    for one in found:
        with pytest.raises(ImageUnnamable, match="is no UTF-8, as every key has to be - rename the object"):
            store.read(one.key, one.object_version, one.size_bytes)
