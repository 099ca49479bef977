"""A camera that sends nothing is news."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shoal.bucket.directory_sizes import LargestDirectory
from shoal.bucket.listing import FrozenListing
from shoal.bucket.listing_record import ListedAnew, Moment
from shoal.bucket.sieve import ListingCounts
from shoal.plan.plan_session import PlanSession
from shoal.plan.request import PlanRequest
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.tables.clock_times import read_times
from shoal.tables.session import open_database

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
WHOLE = FrozenListing("", Moment(NOW, by_store=True), ListingCounts(), LargestDirectory("", 0))
STAYS = {"start": "2026-01-01", "end": None}


def listing(*keys, modified="2026-06-10 11:00:00"):
    return [{"key": key, "modified": modified} for key in keys]


def silent_in(pipeline, images, listed=WHOLE, **settings):
    """Who is silent in a listing, as of NOW: [camera, time of the newest image]."""
    base = pipeline.dataset.model_dump(mode="json")
    dataset = Dataset.model_validate({**base, "run": {**base["run"], "expect_new_within": "26h"}, **settings})
    with open_database(pipeline.stores.results) as database:
        database.run(
            "CREATE TABLE listing AS SELECT entry->>'key' AS key, '' AS object_version, 0::BIGINT AS size_bytes, "
            "(entry->>'modified')::TIMESTAMP AS last_modified FROM (SELECT unnest(?::JSON[]) AS entry)",
            [[json.dumps(image) for image in images]],
        )
        read_times(database, dataset.clock, dataset.deployments)
        session = PlanSession(database, PlanRequest(dataset, RunParams()), pipeline.stores)
        found = session.look_for_silence(listed)
    return [list(silent.to_json().values()) for silent in found]


FRESH, OLD = "20260610-110000", "20260601-110000"


@pytest.mark.parametrize(
    ("images", "silent"),
    [
        pytest.param(listing(f"{FRESH}-A1.jpg", f"{FRESH}-B1.jpg"), [], id="all send"),
        pytest.param(
            listing(f"{FRESH}-A1.jpg", f"{OLD}-B1.jpg"),
            [["B1", "2026-06-01T11:00:00Z"]],
            id="one of two cameras is silent",
        ),
        pytest.param(
            listing(f"{OLD}-A1.jpg", f"{OLD}-B1.jpg"),
            [[None, "2026-06-01T11:00:00Z"], ["A1", "2026-06-01T11:00:00Z"], ["B1", "2026-06-01T11:00:00Z"]],
            id="all are silent",
        ),
        pytest.param([], [[None, None]], id="an empty bucket"),
        pytest.param(
            listing("holiday.jpg"), [], id="an undated image counts when it was last modified, and is of no camera"
        ),
        pytest.param(
            listing("holiday.jpg", modified="2026-06-01 11:00:00"),
            [[None, "2026-06-01T11:00:00Z"]],
            id="an old undated image",
        ),
        pytest.param(listing("20260609-100001-A1.jpg"), [], id="just within 26 h"),
    ],
)
def test_what_is_silent(empty_bucket, images, silent):
    assert silent_in(empty_bucket, images) == silent


def test_a_camera_whose_folder_no_event_named_had_to_send_until_everything_was_listed(empty_bucket):
    some_folders = replace(WHOLE, anew=ListedAnew("", NOW - timedelta(hours=20), ("A1/",)))
    images = listing(f"{FRESH}-A1.jpg", "20260609-070000-B1.jpg", f"{OLD}-C1.jpg")
    assert silent_in(empty_bucket, images, WHOLE) == [
        [f"{name}1", at] for name, at in (("B", "2026-06-09T07:00:00Z"), ("C", "2026-06-01T11:00:00Z"))
    ]
    assert silent_in(empty_bucket, images, some_folders) == [["C1", "2026-06-01T11:00:00Z"]]


@pytest.mark.parametrize(
    ("stays", "silent"),
    [
        pytest.param([{"name": "gone", "camera": "B1", "start": "2026-01-01", "end": "2026-06-02"}], [], id="a camera that was taken away"),
        pytest.param(
            [{"name": "there", "camera": "B1", "start": "2026-01-01"}], [["B1", "2026-06-01T11:00:00Z"]], id="a camera that is there"
        ),
        pytest.param(
            [{"name": "new", "camera": "C1", "start": "2026-06-01"}],
            [["B1", "2026-06-01T11:00:00Z"], ["C1", None]], id="a camera that never sent any",
        ),
        pytest.param(
            [{"name": "new", "camera": "C1", "start": "2026-06-10"}], [["B1", "2026-06-01T11:00:00Z"]], id="a camera put there this morning"
        ),
        pytest.param([{"name": "late", "camera": "B1", "offset": "+9d"}], [], id="a camera whose clock is nine days late"),
    ],
)  # fmt: skip
def test_deployments_say_which_cameras_are_expected(empty_bucket, stays, silent):
    images = listing(f"{FRESH}-A1.jpg", f"{OLD}-B1.jpg")
    assert silent_in(empty_bucket, images, deployments=stays) == silent


def test_without_cameras_in_the_keys_only_the_dataset_is_looked_at(empty_bucket):
    images = listing(f"{OLD}.jpg")
    assert silent_in(empty_bucket, images, clock={"pattern": r"(?P<time>\d{8}-\d{6})"}) == [
        [None, "2026-06-01T11:00:00Z"]
    ]


def test_a_time_of_upload_is_of_no_camera_either(empty_bucket):
    clock = [{"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[^/.]+)"}, {"last_modified": True}]
    images = [*listing(f"{FRESH}-A1.jpg"), *listing("logo.jpg", modified="2024-01-01 00:00:00")]
    assert silent_in(empty_bucket, images, clock=clock) == []


@pytest.fixture
def silent_camera(few_images):
    """A dataset with one camera that sends and one that has stopped; expected to send every day."""
    yesterday = datetime.now(UTC) - timedelta(hours=2)
    keys = few_images.stores.source.list_keys("")
    few_images.put(f"{yesterday:%Y%m%d-%H%M%S}-IPC999.jpg", few_images.stores.source.read_bytes(keys[0]))
    return few_images.with_settings(run={"expect_new_within": "26h"})


def test_plan_summary_and_report_say_which_camera_is_silent(silent_camera):
    plan = silent_camera.plan()
    cameras = [silent.camera for silent in plan.silent]
    assert cameras == ["IPC608", "IPC710"]
    assert any(line.startswith("no image of camera IPC608 since 2026-06-") for line in plan.describe())
    silent_camera.infer(plan)
    done = silent_camera.summarize(plan)
    assert [entry["camera"] for entry in done.summary["run"]["silent"]] == cameras
    report = silent_camera.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert "camera IPC710\nsince 2026-06-" in report


@pytest.mark.parametrize(
    "params", [{"limit": 3}, {"prefix": "IPC608/"}, {"window_end": "2026-07-01T00:00:00Z"}], ids=str
)
def test_a_run_that_looks_at_a_part_expects_nothing(silent_camera, params):
    assert silent_camera.plan(**params).silent is None


def test_a_dataset_that_expects_nothing_is_never_silent(few_images):
    assert few_images.plan().silent is None
