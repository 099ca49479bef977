"""Bad input gets one line: what failed, the value, the way out; nothing is lost."""

import dataclasses
import re

import pytest

from pipeline import find_test_room
from shoal.capacity.share import NodeHeadroom
from shoal.contract.errors import (
    ConfigError,
    EmptyBucketError,
    InsufficientCapacityError,
    ModelRefusedError,
    StoreError,
)
from shoal.embedded.processes.rclone import SERVE_FLAGS, embedded_store
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset_stores import open_stores
from shoal.settings.run_form import INSTANT, RunParams
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess


def source_at(pipeline, access, bucket):
    return dataclasses.replace(pipeline, stores=dataclasses.replace(pipeline.stores, source=S3Store(access, bucket)))


def test_an_empty_bucket_says_what_to_check(empty_bucket):
    with pytest.raises(
        EmptyBucketError, match=r"has no images under prefix '': nothing lies there - check source\.bucket"
    ):
        empty_bucket.plan()


def test_a_prefix_without_images_names_the_prefix(few_images):
    with pytest.raises(
        EmptyBucketError,
        match=r"has no images under prefix 'IPC999/': no key begins so; in the bucket there are 'IPC608/', 'IPC710/' - check",
    ):
        few_images.plan(prefix="IPC999/")


def test_a_bucket_where_everything_is_filtered_out_counts_what_was_seen(pipelines):
    pipeline = pipelines()
    pipeline.put("video.mp4", b"x")
    pipeline = pipeline.with_settings(
        source={**pipeline.dataset.source.model_dump(), "ignore": ["bad.jpg"], "suffixes": [".jpg"]}
    )
    pipeline.put("bad.jpg", b"x")
    with pytest.raises(
        EmptyBucketError, match=r"1 objects do not end in \.jpg, 1 are ignored - check source\.suffixes"
    ):
        pipeline.plan()


def test_a_missing_bucket_is_named(few_images, store):
    with pytest.raises(ConfigError, match=r"No bucket 'no-such-bucket' at http://.* - create it or correct its name"):
        source_at(few_images, store, "no-such-bucket").plan()


def test_a_store_that_is_down_is_named(few_images):
    down = StoreAccess("http://127.0.0.1:9", "nobody-there", "nothing-there")
    with pytest.raises(
        StoreError, match=r"No answer from http://127\.0\.0\.1:9 for bucket 'images' \(.*refused.*\) - check"
    ):
        source_at(few_images, down, "images").plan()


@pytest.mark.parametrize(
    ("field", "code"),
    [
        pytest.param("access_key", "InvalidAccessKeyId", id="unknown key"),
        pytest.param("secret_key", "SignatureDoesNotMatch", id="wrong secret"),
    ],
)
def test_denied_access_names_the_code_and_no_secret(few_images, store, field, code):
    denied = dataclasses.replace(store, **{field: "something-else"})
    with pytest.raises(ConfigError, match=rf"Access to bucket .* denied \({code}\) - check the login") as caught:
        source_at(few_images, denied, few_images.stores.source.bucket).plan()
    assert store.secret_key not in str(caught.value)


def test_results_under_the_images_are_refused_whatever_the_connections(few_images, store):
    settings = few_images.dataset.model_dump(mode="json")
    settings["results"] = {"conn_id": "another", "bucket": settings["source"]["bucket"], "prefix": "results/"}
    shared = type(few_images.dataset).model_validate(settings)
    with pytest.raises(ConfigError, match=r"Results in 'results/.*/' lie under the source prefix '' of bucket"):
        open_stores(shared, lambda _: store)


def test_a_missing_model_version_lists_those_there_are(few_images):
    with pytest.raises(
        ConfigError, match=r"Model version 'v9' not found, there are: v1, v2 - put <version>/model\.onnx"
    ):
        few_images.plan(model_version="v9")


def test_a_file_that_is_no_model_is_refused_with_the_way_to_export(few_images):
    few_images.stores.models.write_bytes("demo-fish/v3/model.onnx", b"PK\x03\x04 a .pt file is a zip")
    with pytest.raises(
        ModelRefusedError, match=r"v3/model\.onnx: Model file of \d+ bytes .* yolo export model=best\.pt"
    ):
        few_images.plan(model_version="v3")


def test_a_full_machine_says_which_resource_is_short(few_images):
    request = PlanRequest(few_images.dataset, RunParams())
    nodes = [NodeHeadroom("small", {"cpu": 4.0, "memory": 1024.0**3})]
    with pytest.raises(
        InsufficientCapacityError, match=r"0/1 nodes fit one pod \(cpu 1, memory 2Gi\): 1 Insufficient memory - "
    ):
        make_plan(request, few_images.stores, lambda: find_test_room(few_images.dataset, *nodes))


def test_nothing_new_needs_no_room(few_images):
    few_images.run()
    make_plan(PlanRequest(few_images.dataset, RunParams()), few_images.stores, lambda: pytest.fail("asked for room"))


def test_results_that_cannot_be_written_say_so(few_images, tmp_path, monkeypatch):
    monkeypatch.setattr("shoal.embedded.processes.rclone.SERVE_FLAGS", (*SERVE_FLAGS, "--read-only"))
    (tmp_path / "store" / "results").mkdir(parents=True)
    with embedded_store(tmp_path / "store", tmp_path / "store.log") as read_only:
        stores = dataclasses.replace(few_images.stores, results=S3Store(read_only, "results"))
        with pytest.raises((ConfigError, StoreError), match=r"bucket 'results'.*write .*listings/"):
            make_plan(
                PlanRequest(few_images.dataset, RunParams()),
                stores,
                lambda: find_test_room(few_images.dataset),
            )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"limit": 0}, r"Run parameter limit is 0: .*greater than or equal to 1", id="limit of nothing"),
        pytest.param(
            {"conf": 0.01}, r"Run parameter conf is 0\.01: .*greater than or equal to 0\.05", id="below what is stored"
        ),
        pytest.param({"prefix": "/a"}, r"Run parameter prefix is '/a'", id="leading slash"),
        pytest.param({"prefix": "a\nb"}, r"Run parameter prefix is 'a\\nb'", id="newline"),
        pytest.param({"model_version": "../v1"}, r"Run parameter model_version is '\.\./v1'", id="path in a version"),
        pytest.param({"retry_failed": ["nope"]}, r"Run parameter retry_failed is 'nope'", id="unknown reason"),
        pytest.param(
            {"modelversion": "v1"}, r"called 'modelversion' - did you mean model_version\?", id="typo in a name"
        ),
        pytest.param({"camera": "C1"}, r"called 'camera' - there are model_version, conf, prefix", id="unknown name"),
        pytest.param({"window_start": "June"}, r"is 'June': no time with a zone, such as 2026-", id="no time"),
    ],
)
def test_bad_run_parameters_are_named(params, message):
    with pytest.raises(ConfigError, match=message):
        RunParams.parse(params)


@pytest.mark.parametrize(
    "text",
    ["2026-06-01T00:00:00Z", "2026-06-01t00:00:00z", "2026-06-01T00:00:00.000Z", "2026-06-01 00:00+02:00", ""],
)
def test_a_time_that_the_form_takes_is_one_for_the_plan(text):
    assert re.search(INSTANT, text)
    assert (RunParams.parse({"window_start": text}).window_start is None) == (text == "")


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-06-01", "2026-06-01T00:00:00", "2026-06-01T00:00:00Z\n", "1780000000"]
)
def test_a_time_that_says_no_zone_or_no_time_is_refused_by_the_form(text):
    assert not re.search(INSTANT, text)
