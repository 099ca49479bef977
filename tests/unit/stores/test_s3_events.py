"""Stores that tell what comes, and those that do not."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shoal.contract.errors import ConfigError, NoEventsError, StoreError
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.stores.s3_events import tell_keys

ODD = "cam 1/ünï+№ 100%.jpg"


@pytest.fixture
def in_minio(minio):
    """A bucket of a real MinIO, and a client of it."""
    client = minio.connect()
    client.make_bucket("arrivals")
    yield S3Store(minio, "arrivals"), client
    for found in client.list_objects("arrivals", recursive=True):
        client.remove_object("arrivals", found.object_name)
    client.remove_bucket("arrivals")


def test_minio_tells_keys_as_they_are_and_what_goes(in_minio):
    """It holds them back until some have come, so more come than are waited for."""
    store, client = in_minio
    ended = threading.Event()

    def put():
        number = 0
        while not ended.is_set():
            number += 1
            store.write_bytes(ODD, b"x")
            store.delete([ODD])
            store.write_bytes(f"beside/{number}.jpg", b"x")

    writer = threading.Thread(target=put)
    writer.start()
    told, heartbeats = set(), 0
    for key in tell_keys(client, "arrivals", "cam 1/", "http://minio"):
        told |= {key} - {None}
        heartbeats += key is None
        if ODD in told and heartbeats > 3:
            break
    ended.set()
    writer.join()
    assert told == {ODD, "cam 1/ünï № 100%.jpg"}


LINE = '{"EventName":"s3:ObjectCreated:Put","Key":"fish/cam 1/ü.jpg","Records":[{"s3":{"object":{"key":"cam 1/ü.jpg"}}}]}\n'
"""As MinIO sends it, but for what is not read."""


class SendsAtOnce(BaseHTTPRequestHandler):
    """Sends as earlier releases of MinIO did: each word as it comes, and spaces where there is nothing to say."""

    protocol_version = "HTTP/1.1"
    words = (" ", " ", LINE[:40], LINE[40:], " ", '{"Records":null}\n', LINE.replace("cam 1/ü", "a%20b/1"))

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in [*self.words, ""]:
            data = word.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(0.02)

    def log_message(self, *_):
        """Say nothing."""


def test_what_a_store_sends_at_once_is_told_at_once_and_its_end_is_said():
    server = ThreadingHTTPServer(("127.0.0.1", 0), SendsAtOnce)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    told = []
    try:
        with pytest.raises(StoreError, match=f"{url} ended the notifications of bucket 'fish'"):
            told.extend(
                S3Store(StoreAccess(url, "k", "s", "us-east-1"), "fish").listen("")
            )  # keeps what came before the end
    finally:
        server.shutdown()
        server.server_close()
    assert told[0] is None
    assert [key for key in told if key][:1] == ["cam 1/ü.jpg"]
    assert {*told} == {None, "cam 1/ü.jpg", "a%20b/1.jpg", "a b/1.jpg"}


def test_a_store_that_holds_back_what_it_tells_is_taken_for_one_that_tells_nothing(in_minio):
    store, _ = in_minio
    with pytest.raises(NoEventsError, match="holds back what it tells"):
        next(store.listen(""))


def test_a_store_that_takes_the_question_for_a_listing_tells_nothing(store):
    store.connect().make_bucket("untold")
    with pytest.raises(
        NoEventsError, match=r"tells nobody who listens what comes into a bucket \(it sends a listing\)"
    ):
        next(S3Store(store, "untold").listen(""))


@pytest.mark.parametrize("server", ["store", "minio"])
def test_a_level_is_listed_from_a_key_on(server, request):
    access = request.getfixturevalue(server)
    access.connect().make_bucket("levels")
    bucket = S3Store(access, "levels")
    for key in ("cam/1.jpg", "cam/2.jpg", "cam/3 ü.jpg", "cam/day/1.jpg", "dog.jpg"):
        bucket.write_bytes(key, b"x")
    level, later = bucket.look_into("cam/", 1), bucket.look_into("cam/", 1, "cam/1.jpg")
    assert [found.key for found in level.objects] == ["cam/1.jpg", "cam/2.jpg", "cam/3 ü.jpg"]
    assert [found.key for found in later.objects] == ["cam/2.jpg", "cam/3 ü.jpg"]
    assert (level.folders, level.is_whole, later.is_whole) == (("cam/day/",), True, True)
    assert (level.has_folders_before, later.has_folders_before) == (True, False)
    assert bucket.look_into("cam/", 1, "cam/day.jpg").folders == ("cam/day/",)
    assert bucket.look_into("cam/", 1, "cam/e.jpg").folders == (), "which is why others are asked for besides"


def test_amazon_is_not_asked(minio):
    client = minio.connect()
    with pytest.raises(NoEventsError, match="tells nobody who listens"):
        next(tell_keys(client, "fish", "", "https://s3.eu-west-3.amazonaws.com"))


def test_a_bucket_that_is_not_there_is_said(minio):
    with pytest.raises((StoreError, ConfigError), match="fish-gone"):
        next(S3Store(minio, "fish-gone").listen(""))
