"""Two cameras with wrong clocks: found out after the run, put right in the dataset file, and nothing is inferred again.

IPC608 was set a year late, and nobody saw it until it was lifted. IPC710 shows the time of Tokyo, nine hours ahead of UTC. IPC815 is
right. Each took two photos with fish, at the same two moments.
"""

import csv
import io
from datetime import UTC, datetime

import pytest

from shoal.airflow.pages.plan_page import plan_page
from shoal.embedded.samples.scenes import scene
from shoal.preflight.steps import check_clock
from shoal.results.read_plan import read_plan

CHROMIS = {"Chromis chromis": 4.0}
WRITTEN = {
    # True times: 2026-06-02 20:00:00 and 2026-06-03 02:30:00 UTC.
    "IPC608/20250602-200000-IPC608.jpg": CHROMIS,
    "IPC608/20250603-023000-IPC608.jpg": CHROMIS,
    "IPC710/20260603-050000-IPC710.jpg": CHROMIS,
    "IPC710/20260603-113000-IPC710.jpg": CHROMIS,
    "IPC815/20260602-200000-IPC815.jpg": CHROMIS,
    "IPC815/20260603-023000-IPC815.jpg": CHROMIS,
}
STAY = {"name": "june", "start": "2026-06-01", "end": "2026-06-10"}
CORRECTED = [
    {
        **STAY, "camera": "IPC608", "offset": "+365d", "captureMethod": "timeLapse",
        "not_working": [{"from": "2026-06-03", "to": "2026-06-04", "reason": "lens overgrown"}],
    },
    {**STAY, "camera": "IPC710", "zone": "Asia/Tokyo"},
]  # fmt: skip
EVENING, NIGHT = "2026-06-02T20:00:00Z", "2026-06-03T02:30:00Z"


@pytest.fixture
def wrong_clocks(empty_bucket):
    for key, fish in WRITTEN.items():
        empty_bucket.put(key, scene(key, fish, 1.0).jpeg)
    return empty_bucket


def series(done):
    """First and last image of each camera's deployment."""
    return {
        (entry["camera"], entry["deployment"], entry["first_image"], entry["last_image"], entry["images"])
        for entry in done.summary["result"]["series"]
    }


def report(pipeline, done):
    return pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()


def days(pipeline, done):
    text = pipeline.stores.results.read_bytes(done.summary["folder"] + "counts-day.csv").decode()
    return sorted({(row["camera"], row["bin_start"], row["images"]) for row in csv.DictReader(io.StringIO(text))})


def test_wrong_clocks_are_put_right_without_inference(wrong_clocks):
    before = wrong_clocks.run()
    assert series(before) == {
        ("IPC608", None, "2025-06-02T20:00:00Z", "2025-06-03T02:30:00Z", 2),
        ("IPC710", None, "2026-06-03T05:00:00Z", "2026-06-03T11:30:00Z", 2),
        ("IPC815", None, EVENING, NIGHT, 2),
    }

    corrected = wrong_clocks.with_settings(deployments=CORRECTED)
    plan = corrected.plan()
    assert (plan.reused, plan.work.images) == (6, 0)
    said = plan.describe()
    assert f"clock: deployment june corrects camera IPC608 (+365d): 2 images, {EVENING} to {NIGHT}" in said
    assert f"clock: deployment june corrects camera IPC710 (Asia/Tokyo): 2 images, {EVENING} to {NIGHT}" in said
    assert "nothing new: no inference" in said
    _plan_page_and_check_say_what_is_corrected(corrected, plan, [line for line in said if "corrects camera" in line])

    done = corrected.summarize(plan)
    assert series(done) == {
        ("IPC608", "june", EVENING, NIGHT, 2),
        ("IPC710", "june", EVENING, NIGHT, 2),
        ("IPC815", None, EVENING, NIGHT, 2),
    }
    assert days(corrected, done) == [
        (camera, f"2026-06-0{day}T00:00:00Z", "1") for camera in ("IPC608", "IPC710", "IPC815") for day in (2, 3)
    ]
    assert done.not_current_because is None
    assert set(corrected.inferences().values()) == {1}
    directory = plan.variant.directory
    assert corrected.verify(plan.run_key, directory).deviations == ()
    _the_report_says_what_was_corrected_and_what_did_not_work(corrected, done)


def _plan_page_and_check_say_what_is_corrected(corrected, plan, words):
    stored = read_plan(
        corrected.stores.results, corrected.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan
    )
    assert stored.remarks == tuple(words)
    page = plan_page("reanalyse_demo", stored).body.decode()
    assert all(f"<p>{line}</p>" in page for line in words)
    assert check_clock(corrected.dataset, corrected.stores).splitlines()[-2:] == words


def _the_report_says_what_was_corrected_and_what_did_not_work(corrected, done):
    assert done.summary["result"]["deployments"] == [
        {
            "camera": "IPC608", "deployment": "june", "images": 2, "first_image": EVENING, "last_image": NIGHT,
            "not_working": [
                {"from": "2026-06-03T00:00:00Z", "to": "2026-06-04T00:00:00Z", "reason": "lens overgrown", "images": 1}
            ],
            "camera_days": None,
        },
        {
            "camera": "IPC710", "deployment": "june", "images": 2, "first_image": EVENING, "last_image": NIGHT, "not_working": [],
            "camera_days": None,
        },
    ]  # fmt: skip
    html = report(corrected, done)
    text = " ".join(html.split())
    assert (
        "<strong>1 used image</strong> of camera IPC608 lies in a time that deployment june says it was not working "
        "(lens overgrown), 2026-06-03T00:00:00Z to 2026-06-04T00:00:00Z: they count" in text
    )
    assert "<td>timeLapse</td><td>+365d</td>" in text
    assert "<td></td><td>Asia/Tokyo</td>" in text


def test_a_window_takes_images_by_their_corrected_times(wrong_clocks):
    evening = wrong_clocks.with_settings(deployments=CORRECTED).run(
        window_start=datetime(2026, 6, 2, tzinfo=UTC), window_end=datetime(2026, 6, 3, tzinfo=UTC)
    )
    assert evening.balance.fates["processed"] == 3
    assert {entry[2:4] for entry in series(evening)} == {(EVENING, EVENING)}


def test_a_wrong_sign_is_said_by_plan_and_report(wrong_clocks):
    wrong = wrong_clocks.with_settings(deployments=[{**STAY, "camera": "IPC608", "offset": "-365d"}])
    plan = wrong.plan()
    assert any("2 images, 2025-06-02T20:00:00Z to 2025-06-03T02:30:00Z of camera IPC608 in no" in line for line in plan.describe())  # fmt: skip
    wrong.infer(plan)
    done = wrong.summarize(plan)
    html = report(wrong, done)
    assert "No used image of camera IPC608 lies in deployment june</strong> as it corrects the clock (-365d)" in html


def test_a_camera_without_an_image_in_the_window_is_not_called_misspelt(wrong_clocks):
    """IPC608 was in the water in June 2026, and the window is July of 2025, when only IPC710 took a photo."""
    key = "IPC710/20250702-050000-IPC710.jpg"
    wrong_clocks.put(key, scene(key, CHROMIS, 1.0).jpeg)
    corrected = wrong_clocks.with_settings(deployments=CORRECTED)
    plan = corrected.plan(window_start="2025-07-01T00:00:00Z", window_end="2025-08-01T00:00:00Z")
    assert not any("no image in scope is of camera" in line for line in plan.describe()), plan.describe()
    corrected.infer(plan)
    html = report(corrected, corrected.summarize(plan))
    assert "No used image of camera" not in html
