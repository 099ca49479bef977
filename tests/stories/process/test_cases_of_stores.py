"""Rows 14 to 18, 20 and 21 of the table that test_cases.py names, as a person meets them: what `check` says, and what a run makes of it.

A real store answers, behind a server that answers for it what the reports of the kind tell.
"""

import re
import time
from urllib.parse import unquote

import pendulum
import pytest

from reached_through import reached_through
from shoal.contract.errors import StoreError
from shoal.preflight.steps import store_steps, try_steps
from shoal.stores.s3_patience import FIRST_PAUSE_S
from shoal.tables.frozen_listing import find_files, load_images
from shoal.tables.session import open_database
from worker.http_faults import first, passed_on, status, whole


def real(pipeline):
    return passed_on(pipeline.stores.source.access.endpoint_url)


def asks_for_image(handler):
    return handler.command == "GET" and unquote(handler.path).split("?")[0].endswith(".jpg")


def lists(handler):
    return "list-type=2" in handler.path and "max-keys=1000" in handler.path


def check(pipeline):
    """What `shoal check` prints of the stores."""
    return {
        checked.name: (checked.ok, checked.text)
        for checked in try_steps(store_steps(pipeline.dataset, pipeline.stores))
    }


def test_14_a_wrong_region_is_one_line_with_the_right_one(few_images):
    def answer(handler, _number):
        body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>"
        handler.send_response(400)
        handler.send_header("Content-Type", "application/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with reached_through(few_images, answer) as pipeline:
        ok, said = check(pipeline)["images"]
    assert not ok
    assert "it is in region 'eu-west-3' - set region_name to 'eu-west-3' in the connection's extra" in said


def test_16_images_that_are_not_given_hide_none_behind_them(empty_bucket, scenes):
    """Twenty-five of each kind come first; so many in a row once ended the shard, and every night began with them."""
    frozen, locked = (
        [f"{kind}/{number:02}-20260602-000000-IPC608.jpg" for number in range(25)] for kind in ("0 cold", "1 key")
    )
    for key in (*frozen, *locked):
        empty_bucket.put(key, b"never read")
    empty_bucket.put_scenes(scenes[20:22])

    def answer(handler, number):
        kind = asks_for_image(handler) and re.search("/(0 cold|1 key)/", unquote(handler.path))
        given = {"0 cold": status(403, "InvalidObjectState"), "1 key": status(400, "KMS.DisabledException")}
        (given[kind[1]] if kind else real(empty_bucket))(handler, number)

    with reached_through(empty_bucket, answer) as pipeline:
        ok, said = check(pipeline)["images"]
        done = pipeline.run()
        details = pipeline.rows(done)
    assert not ok
    assert "It lies in an archive (InvalidObjectState) - restore it first, or put it into source.ignore" in said
    assert (done.failure, done.balance.fates["processed"], done.balance.fates["denied"]) == (None, 2, 50)
    assert details[frozen[0]]["detail"].startswith("in an archive: restore it, then run again")
    assert "the login needs kms:Decrypt for the key that encrypts it" in details[locked[0]]["detail"]


def test_17_a_listing_that_repeats_its_token_is_one_line(few_images):
    page = whole(
        b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>a.wav"
        b"</Key><LastModified>2026-06-01T02:03:04Z</LastModified><ETag>e</ETag><Size>7</Size></Contents></ListBucketResult>"
    )

    def answer(handler, number):
        (page if lists(handler) and "images" in handler.path else real(few_images))(handler, number)

    with reached_through(few_images, answer) as pipeline:
        assert check(pipeline)["images"][1].startswith("The listing of bucket ")
        with pytest.raises(
            StoreError, match=r"does not end: after 2 pages the store gave a continuation token .* - see the"
        ):
            pipeline.plan()


def test_20_a_time_with_an_offset_is_stored_as_utc(few_images):
    """The store says the same instants two hours later, in +02:00."""

    def answer(handler, number):
        if not (lists(handler) and "images" in handler.path):
            real(few_images)(handler, number)
            return
        page = real_listing.decode()
        moved = re.sub(r">([^<]*)Z</LastModified>", _two_hours_on, page)
        whole(moved.encode())(handler, number)

    source = few_images.stores.source
    real_listing = source._client._execute(
        "GET", source.bucket, query_params={"list-type": "2", "encoding-type": "url"}
    ).data
    listed = {found.key: found.last_modified.replace(tzinfo=None) for found in source.list_objects()}
    with reached_through(few_images, answer) as pipeline:
        plan = pipeline.plan()
        with open_database(pipeline.stores.results) as database:
            load_images(database, find_files(pipeline.stores.results, plan.listing_key))
            stored = dict(database.run("SELECT key, last_modified FROM listing").fetchall())
    assert stored == listed


def _two_hours_on(found):
    later = pendulum.parse(found[1], tz="UTC").in_timezone(pendulum.FixedTimezone(2 * 60 * 60))
    return f">{later.isoformat(timespec='milliseconds')}</LastModified>"


def test_21_a_busy_store_is_waited_for_and_one_that_stays_so_is_named(few_images):
    begun = time.monotonic()
    with reached_through(few_images, first(2, status(503, "SlowDown"), real(few_images))) as pipeline:
        assert pipeline.plan().listed == len(few_images.stores.source.list_keys(""))
    assert time.monotonic() - begun > FIRST_PAUSE_S
    with reached_through(few_images, status(503, "SlowDown")) as pipeline, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOAL_STORE_PATIENCE_S", "0.1")
        ok, said = check(pipeline)["images"]
    assert not ok
    assert "SlowDown - it answers too many requests at once: use fewer workers" in said
