"""Machines whose clocks are twenty minutes apart: no image is lost, and what a store refuses is told as what it is."""

import secrets
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest
from minio import time as minio_time

from shoal.contract.errors import StoreError
from shoal.stores.s3 import S3Store

APART = timedelta(minutes=20)


def assert_verified(pipeline, done):
    directory = done.key.split("/")[1]
    assert pipeline.verify(done.summary["run"]["run_key"], directory).deviations == ()


def test_the_night_after_one_of_a_clock_that_was_ahead_is_the_answer_all_the_same(few_images, scenes):
    """Listings are ordered by the store's clock, not by the names that machines with clocks of their own gave them."""
    now = datetime.now(UTC)
    few_images.run(at=now + APART)
    few_images.put_scenes(scenes[:3])
    sleep(1.1)  # a store tells whole seconds
    late = few_images.run(at=now)
    assert (late.balance.fates["reused"], late.balance.fates["processed"]) == (12, 3)
    assert late.not_current_because is None
    assert late.summary["run"]["removed_since_previous"] == 0
    assert_verified(few_images, late)
    following = few_images.run(at=now + APART + timedelta(minutes=1))
    assert following.not_current_because is None
    assert following.balance.fates["reused"] == 15
    assert following.summary["result_sha256"] == late.summary["result_sha256"]


@pytest.mark.parametrize("off", [APART, -APART], ids=["ahead", "behind"])
def test_what_a_run_at_work_has_is_left_to_it_whatever_the_clocks_say(few_images, off):
    now = datetime.now(UTC)
    at_work = few_images.plan(at=now)
    beside = few_images.plan(at=now + off, beside="test")
    assert beside.work.images == 0
    few_images.infer(at_work)
    partial, done = few_images.summarize(beside), few_images.summarize(at_work)
    assert partial.balance.fates["pending"] == done.balance.fates["processed"] == 12
    assert_verified(few_images, done)
    assert few_images.run(at=now + 2 * APART).balance.fates["reused"] == 12


@pytest.mark.parametrize("off", [APART, -APART], ids=["ahead", "behind"])
def test_a_store_that_refuses_a_clock_is_told_as_that(minio, monkeypatch, off):
    bucket = f"fish-{secrets.token_hex(4)}"
    minio.connect().make_bucket(bucket)
    true_time = minio_time.utcnow
    monkeypatch.setattr(minio_time, "utcnow", lambda: true_time() + off)
    with pytest.raises(
        StoreError, match=r"bucket 'fish-\w+': its clock and this machine's, which .* UTC, .* set both by NTP"
    ):
        S3Store(minio, bucket).list_keys("")
