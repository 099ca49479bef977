"""What `check` tries on the way from a dataset file to its first rows, and what it says where the way is blocked."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import pytest

from shoal.bucket import sampled_keys
from shoal.contract.errors import ConfigError, StoreError
from shoal.preflight import steps
from shoal.preflight.sample_run import SampleRun
from shoal.preflight.steps import (
    check_clock,
    check_images,
    check_model,
    check_results,
    open_for_check,
    store_steps,
    try_steps,
)
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from worker.http_faults import faulty_store, of, passed_on, status


def no_cluster(conn_id):
    raise AssertionError(conn_id)


def test_a_dataset_that_works_has_only_ok_lines(few_images):
    checked = list(try_steps(store_steps(few_images.dataset, few_images.stores)))
    assert [(step.name, step.ok) for step in checked] == [
        ("images", True), ("clock", True), ("results", True), ("model", True),
    ]  # fmt: skip
    texts = {step.name: step.text for step in checked}
    assert "12 images among the first 12 objects" in texts["images"]
    assert "12 of 12 sampled keys are dated, cameras IPC608, IPC710" in texts["clock"]
    assert "demo-fish v1, 3 classes" in texts["model"]


def test_what_lies_beside_the_images_is_told_on_lines_of_its_own(few_images):
    for key in ("IPC608/._a.jpg", "IPC608/a.jpg/1.jpg", "IPC608/film.mov", "IPC608/phone.heic"):
        few_images.put(key, b"x")
    first, *beside = check_images(few_images.dataset, few_images.stores).splitlines()
    assert first.startswith("13 images among the first 16 objects; ")
    assert [line.split(" - ")[0] for line in beside] == [
        "ignored 1: ._* 1",
        "not looked at: 1 video (.mov 1)",
        "not looked at: 1 photo in formats that source.suffixes does not name (.heic 1)",
        "1 image lies in a folder named like an image, such as a.jpg/1.jpg: often a thumbnail",
    ]


def test_the_check_leaves_nothing_among_the_results(few_images):
    check_results(few_images.stores)
    assert few_images.stores.results.list_keys("") == []


def test_a_worker_s_first_rows_are_reused_by_the_next_plan(few_images):
    sample = SampleRun.prepare(few_images.dataset, few_images.stores)
    sample.run(no_cluster, lambda _: None)
    images, seconds = sample.count_rows()
    plan = few_images.plan()
    assert (images, plan.reused, plan.work.images) == (12, 12, 0)
    assert seconds > 0


def test_a_check_after_a_run_starts_its_worker_all_the_same_and_changes_no_answer(few_images):
    answer = few_images.run().summary
    sample = SampleRun.prepare(few_images.dataset, few_images.stores)
    sample.run(no_cluster, lambda _: None)
    again = few_images.run()
    assert sample.count_rows()[0] == 0  # the run has taken them into its ledger
    assert again.balance.fates["reused"] == 12
    assert again.summary["result_sha256"] == answer["result_sha256"]


def test_a_bucket_that_is_not_there_is_named_and_the_other_steps_are_tried(few_images):
    source = S3Store(few_images.stores.source.access, "nowhere")
    stores = dataclasses.replace(few_images.stores, source=source)
    checked = {step.name: step for step in try_steps(store_steps(few_images.dataset, stores))}
    assert "No bucket 'nowhere'" in checked["images"].text
    assert (checked["results"].ok, checked["model"].ok) == (True, True)


def test_a_connection_that_is_missing_is_named_and_the_other_steps_are_tried(few_images):
    access = few_images.stores.source.access
    changed = few_images.with_settings(results={**few_images.dataset.results.model_dump(), "conn_id": "gone"}).dataset

    def read(conn_id):
        if conn_id == "gone":
            raise ConfigError("Airflow connection 'gone' is not defined")
        return access

    checked = {step.name: step for step in try_steps(store_steps(changed, open_for_check(changed, read)))}
    assert {name: step.ok for name, step in checked.items()} == {
        "images": True, "clock": True, "results": False, "model": True,
    }  # fmt: skip
    assert checked["results"].text == "Airflow connection 'gone' is not defined"


def test_results_among_the_images_are_refused_and_the_other_steps_are_tried(few_images):
    bucket, access = few_images.dataset.source.bucket, few_images.stores.source.access
    changed = few_images.with_settings(results={"conn_id": "same store by another name", "bucket": bucket}).dataset
    checked = {step.name: step for step in try_steps(store_steps(changed, open_for_check(changed, lambda _: access)))}
    assert "Shoal never writes among the images" in checked["results"].text
    assert [checked[name].ok for name in ("images", "clock", "model")] == [True, True, True]


def test_a_store_that_does_not_answer_is_named(few_images):
    access = StoreAccess("http://127.0.0.1:9", "key", "secret")
    stores = dataclasses.replace(few_images.stores, results=S3Store(access, "results"))
    with pytest.raises(StoreError, match=r"No answer from http://127\.0\.0\.1:9"):
        check_results(stores)


def test_an_address_where_nothing_answers_is_tried_once(few_images, monkeypatch):
    access, asked = StoreAccess("http://127.0.0.1:9", "key", "secret"), []
    monkeypatch.setattr(
        S3Store, "read_clock", lambda store, ask=S3Store.read_clock: asked.append(store.bucket) or ask(store)
    )
    stores = open_for_check(few_images.dataset, lambda _: access)
    checked = list(try_steps(store_steps(few_images.dataset, stores)))
    assert asked == [few_images.dataset.source.bucket]
    assert [step.ok for step in checked] == [False] * 4
    assert all(step.text.startswith("No answer from http://127.0.0.1:9") for step in checked)


def test_a_token_service_that_does_not_answer_is_tried_once_and_others_who_log_in_there_are_not_kept(
    few_images, monkeypatch
):
    monkeypatch.setattr("shoal.stores.s3_patience.Patience._sleep_backoff", lambda _: None)
    dataset, access, asked = few_images.dataset, few_images.stores.source.access, []
    role = dataclasses.replace(access, role_arn="arn:aws:iam::1:role/fish", sts_url="http://127.0.0.1:9")
    monkeypatch.setattr(
        S3Store, "read_clock", lambda store, ask=S3Store.read_clock: asked.append(store.access.login) or ask(store)
    )
    of_source_models_results = iter([role, role, access])
    stores = open_for_check(dataset, lambda _: next(of_source_models_results))
    checked = {step.name: step for step in try_steps(store_steps(dataset, stores))}
    assert asked == ["role", "login"]
    assert {name: step.ok for name, step in checked.items()} == {
        "images": False, "clock": False, "results": True, "model": False,
    }  # fmt: skip
    assert checked["clock"].text.startswith("No answer from http://127.0.0.1:9 for a key (NewConnectionError)")


def test_images_behind_a_thousand_hydrophone_files_are_found(few_images):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: few_images.put(f"HYD/{n:04}.wav", b"RIFF"), range(1000)))
    assert check_images(few_images.dataset, few_images.stores).startswith("1 image among the first 1001 objects; 'IPC")


def test_a_check_that_finds_no_image_says_how_far_it_looked(few_images, monkeypatch):
    monkeypatch.setattr(sampled_keys, "SEARCHED_OBJECTS", 5)
    for number in range(6):
        few_images.put(f"HYD/{number}.wav", b"RIFF")
    with pytest.raises(
        ConfigError, match=r"^None of the first 5 objects under s3://.* is an image: none ends in \.jpg"
    ):
        check_images(few_images.dataset, few_images.stores)


def with_classes(pipeline, monkeypatch, *classes):
    """Lets the listing tell these storage classes, in key order; STANDARD behind them."""
    store = type(pipeline.stores.source)
    listed = store.list_objects

    def list_objects(self, prefix="", **asked):
        for found, storage_class in zip(
            listed(self, prefix, **asked), chain(classes, repeat("STANDARD")), strict=False
        ):
            yield found._replace(storage_class=storage_class)

    monkeypatch.setattr(store, "list_objects", list_objects)


def test_images_in_an_archive_are_counted_and_one_behind_them_is_read(few_images, monkeypatch):
    with_classes(few_images, monkeypatch, "GLACIER", "DEEP_ARCHIVE")
    keys = few_images.stores.source.list_keys("")
    first, archived = check_images(few_images.dataset, few_images.stores).splitlines()
    assert f"; {keys[2]!r} can be read, " in first
    assert archived == "2 of these images in an archive: they are counted, a run takes them once they are restored"


def test_an_image_behind_a_whole_sample_in_an_archive_is_looked_for(few_images, monkeypatch):
    with_classes(few_images, monkeypatch, *["GLACIER"] * 8)
    monkeypatch.setattr(steps, "SAMPLED_OBJECTS", 4)
    keys = few_images.stores.source.list_keys("")
    assert f"4 images among the first 4 objects; {keys[8]!r} can be read, " in check_images(
        few_images.dataset, few_images.stores
    )


def test_a_restored_image_is_read_like_any_other(few_images, monkeypatch):
    with_classes(few_images, monkeypatch, "GLACIER (restored)")
    keys = few_images.stores.source.list_keys("")
    assert f"; {keys[0]!r} can be read, " in check_images(few_images.dataset, few_images.stores)


def test_a_bucket_that_lies_in_an_archive_as_a_whole_is_to_be_restored(few_images, monkeypatch):
    with_classes(few_images, monkeypatch, *["GLACIER"] * 12)
    with pytest.raises(
        ConfigError, match=r"^Each of the 12 images that were found lies in an archive: restore them, then run again - "
    ):
        check_images(few_images.dataset, few_images.stores)
    assert SampleRun.prepare(few_images.dataset, few_images.stores).plan.work.shards == ()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(status(403, "InvalidObjectState"), "It lies in an archive (InvalidObjectState)", id="archived unsaid"),
        pytest.param(status(403, "AccessDenied"), "AccessDenied", id="denied"),
        pytest.param(status(404, "NoSuchKey"), "it is gone since it was listed", id="gone"),
    ],
)  # fmt: skip
def test_one_image_that_is_not_given_does_not_stand_for_all(few_images, answer, why):
    keys = few_images.stores.source.list_keys("")
    real = few_images.stores.source.access
    with faulty_store(of(keys[0], answer, passed_on(real.endpoint_url))) as (endpoint_url, _):
        source = S3Store(dataclasses.replace(real, endpoint_url=endpoint_url), few_images.dataset.source.bucket)
        first, beside = check_images(
            few_images.dataset, dataclasses.replace(few_images.stores, source=source)
        ).splitlines()
    assert f"; {keys[2]!r} can be read, " in first
    assert beside.startswith(f"{keys[0]!r} was not read: ")
    assert why in beside


def test_five_images_that_are_not_given_are_one_thing_to_mend(few_images):
    real = few_images.stores.source.access
    with faulty_store(of(".jpg", status(403, "AccessDenied"), passed_on(real.endpoint_url))) as (endpoint_url, _):
        source = S3Store(dataclasses.replace(real, endpoint_url=endpoint_url), few_images.dataset.source.bucket)
        with pytest.raises(ConfigError, match=r"^None of 5 images that were tried can be read\n'IPC608/") as told:
            check_images(few_images.dataset, dataclasses.replace(few_images.stores, source=source))
    assert str(told.value).count(" was not read: ") == 5


def test_suffixes_that_match_nothing_are_named(few_images):
    source = {**few_images.dataset.source.model_dump(), "suffixes": [".tiff"]}
    other = few_images.with_settings(source=source)
    with pytest.raises(
        ConfigError, match=r"None of the first 12 objects under s3://.* ends in \.tiff and is not left out - check"
    ):
        check_images(other.dataset, other.stores)


def test_an_empty_bucket_is_told_as_that(empty_bucket):
    with pytest.raises(
        ConfigError, match=r"^Nothing lies under s3://.*-images/ - put images there, or correct source\.bucket"
    ):
        check_images(empty_bucket.dataset, empty_bucket.stores)
    (clock,) = try_steps(iter([("clock", lambda: check_clock(empty_bucket.dataset, empty_bucket.stores))]))
    assert (clock.ok, clock.text) == (None, "no image was found, so no key was read"), "not tried is not ok"


def test_a_clock_that_reads_no_key_shows_one(few_images):
    other = few_images.with_settings(clock={"pattern": r"(?P<time>\d{4}T\d{4})"})
    with pytest.raises(ConfigError, match=r"None of 12 sampled keys has a time .*, such as 'IPC608/20260602"):
        check_clock(other.dataset, other.stores)


def test_taxa_with_one_identifier_are_told_in_a_line(few_images):
    taxa = {"Coris julis": {"aphia_id": 126963}, "Chromis chromis": {"aphia_id": 126963}}
    other = few_images.with_settings(taxa=taxa)
    assert "; taxa: Chromis chromis and Coris julis have one AphiaID, 126963 - correct it" in check_model(
        other.dataset, other.stores
    )


def test_a_model_that_is_not_there_is_named(few_images):
    other = few_images.with_settings(model={"name": "no-such"})
    with pytest.raises(ConfigError, match="no-such"):
        check_model(other.dataset, other.stores)
