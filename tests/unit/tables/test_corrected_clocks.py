"""Deployments correct a camera's clock: every right time was worked out by hand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.bucket.correction_words import read_correction_words
from shoal.settings.analysis import Clock
from shoal.settings.deployments import Deployment, check_apart
from shoal.settings.run_form import Window
from shoal.tables.capture_times import narrow_listing, view_clocked, view_clocked_with_exif
from shoal.tables.clock_table import read_clock_table
from shoal.tables.clock_times import read_times
from shoal.tables.session import Database


@pytest.fixture
def database(tmp_path):
    return Database(None, tmp_path)


def fill(database, listed):
    """List keys, each with the time its object was last modified."""
    database.run(
        "CREATE OR REPLACE TABLE listing "
        "(key VARCHAR, object_version VARCHAR, size_bytes BIGINT, last_modified TIMESTAMP, storage_class VARCHAR)"
    )
    database.connection.executemany("INSERT INTO listing VALUES (?, 'e', 1, ?, NULL)", list(listed.items()))


def stays(*deployments):
    found = tuple(
        Deployment.model_validate({"name": f"stay{n}", "camera": "C1", **stay}) for n, stay in enumerate(deployments)
    )
    check_apart(found)
    return found


def read(database):
    return database.run("SELECT captured_at, deployment, clock_flag FROM clocked ORDER BY key").fetchall()


def at(text):
    return datetime.fromisoformat(text)


YEAR_2024 = {"start": "2024-01-01", "end": "2025-01-01"}
KEPT = "2026-06-10"
LEFT_ALONE = {"zone": "Europe/Madrid"}


@pytest.mark.parametrize(
    ("clock", "deployments", "key", "captured_at", "deployment", "flag"),
    [
        pytest.param({}, [{**YEAR_2024, "offset": "+1h"}], "20240422-080001-C1.jpg", "2024-04-22T09:00:01", "stay0", None, id="an hour late"),
        pytest.param({}, [{**YEAR_2024, "offset": "-1h"}], "20240422-080001-C1.jpg", "2024-04-22T07:00:01", "stay0", None, id="an hour early"),
        pytest.param({}, [{**YEAR_2024, "offset": "+366d"}], "20230422-080001-C1.jpg", "2024-04-22T08:00:01", "stay0", None, id="a year late, over a leap day"),
        pytest.param({}, [{**YEAR_2024, "offset": "-365d"}], "20250422-080001-C1.jpg", "2024-04-22T08:00:01", "stay0", None, id="a year early"),
        pytest.param({}, [{**YEAR_2024, "offset": "+19835d"}], "19700101-003000-C1.jpg", "2024-04-22T00:30:00", "stay0", None, id="a clock that was never set"),
        pytest.param({}, [{**YEAR_2024, "offset": "-3653d"}], "20340422-080001-C1.jpg", "2024-04-21T08:00:01", "stay0", None, id="ten years ahead, which would be in the future"),
        pytest.param({}, [{"start": "2025-01-01", "offset": "-31045d"}], "21100601-080001-C1.jpg", "2025-06-01T08:00:01", "stay0", None, id="85 years ahead, in another century"),
        pytest.param({}, [{**YEAR_2024, "offset": "+1h"}], "20240422-080001-C2.jpg", "2024-04-22T08:00:01", None, None, id="another camera's clock is left alone"),
        pytest.param({}, [{**YEAR_2024, "offset": "+1h"}], "20231231-230000-C1.jpg", "2024-01-01T00:00:00", "stay0", None, id="the first moment, by a right clock"),
        pytest.param({}, [{**YEAR_2024, "offset": "+1h"}], "20231231-225959-C1.jpg", "2023-12-31T22:59:59", None, None, id="a second before: no deployment, no correction"),
        pytest.param({}, [{**YEAR_2024, "offset": "+1h"}], "20241231-225959-C1.jpg", "2024-12-31T23:59:59", "stay0", None, id="the last second, by a right clock"),
        pytest.param({}, [{**YEAR_2024, "offset": "+1h"}], "20241231-233000-C1.jpg", "2024-12-31T23:30:00", None, None, id="written within, and after it by a right clock"),
        pytest.param({}, [{"offset": "+1h"}], "19990422-080001-C1.jpg", "1999-04-22T09:00:01", "stay0", None, id="neither start nor end: always"),
        pytest.param({}, [{"end": "2024-01-01", "offset": "+1h"}, {"start": "2024-01-01"}], "20231231-225959-C1.jpg", "2023-12-31T23:59:59", "stay0", None, id="the wrong clock says the right deployment"),
        pytest.param({}, [{"end": "2024-01-01", "offset": "+1h"}, {"start": "2024-01-01"}], "20231231-230000-C1.jpg", "2023-12-31T23:00:00", None, None, id="the hour that a clock put forward skipped"),
        pytest.param({}, [{"end": "2024-01-01", "offset": "-1h"}, {"start": "2024-01-01"}], "20240101-003000-C1.jpg", None, None, "contested", id="the hour that a clock put back wrote twice"),
        pytest.param({}, [{"end": "2024-01-01", "offset": "-1h"}, {"start": "2024-01-01"}], "20240101-010000-C1.jpg", "2024-01-01T01:00:00", "stay1", None, id="after that hour"),
        pytest.param({}, [{**YEAR_2024, "zone": "Asia/Tokyo"}], "20240422-080001-C1.jpg", "2024-04-21T23:00:01", "stay0", None, id="another zone"),
        pytest.param(LEFT_ALONE, [{**YEAR_2024, "zone": "Asia/Tokyo"}], "20240422-080001-C2.jpg", "2024-04-22T06:00:01", None, None, id="the clock's zone for the others"),
        pytest.param(LEFT_ALONE, [{**YEAR_2024}], "20240422-080001-C1.jpg", "2024-04-22T06:00:01", "stay0", None, id="a deployment that corrects nothing"),
        pytest.param({}, [{**YEAR_2024, "zone": "Europe/Madrid"}], "20240331-013000-C1.jpg", "2024-03-31T00:30:00", "stay0", None, id="before summer time"),
        pytest.param({}, [{**YEAR_2024, "zone": "Europe/Madrid"}], "20240331-033000-C1.jpg", "2024-03-31T01:30:00", "stay0", None, id="after summer time began"),
        pytest.param({}, [{**YEAR_2024, "zone": "Europe/Madrid"}], "20240331-023000-C1.jpg", "2024-03-31T01:30:00", "stay0", "nonexistent", id="the hour that summer time skips"),
        pytest.param({}, [{**YEAR_2024, "zone": "Europe/Madrid"}], "20241027-023000-C1.jpg", "2024-10-27T01:30:00", "stay0", "ambiguous", id="the hour that comes twice"),
        pytest.param({}, [{**YEAR_2024, "zone": "Europe/Madrid", "offset": "+1h"}], "20240331-013000-C1.jpg", "2024-03-31T01:30:00", "stay0", "nonexistent", id="the corrected time is what the zone judges"),
        pytest.param(LEFT_ALONE, [{"end": "2024-07-01", "zone": "UTC"}, {"start": "2024-07-01"}], "20240701-010000-C1.jpg", "2024-06-30T23:00:00", None, None, id="one zone before a day, another after it"),
        pytest.param({"pattern": r"(?P<time>\d+)-(?P<camera>\w+)", "format": "%s"}, [{**YEAR_2024, "zone": "Asia/Tokyo", "offset": "+1h"}], "1713772801-C1.jpg", "2024-04-22T09:00:01", "stay0", None, id="seconds since 1970 have no zone, and can be off"),
    ],
)  # fmt: skip
def test_a_time_is_as_its_deployment_corrects_it(database, *, clock, deployments, key, captured_at, deployment, flag):
    fill(database, {key: KEPT})
    view_clocked(database, Clock(**clock), stays(*deployments))
    assert read(database) == [(captured_at and at(captured_at), deployment, flag)]


def test_of_two_deployments_that_fit_one_is_impossible_before_the_object_was_written(database):
    """A clock a year ahead, put right on 2024-01-01: what it wrote in 2023 came to the bucket in 2023."""
    deployments = stays({"end": "2024-01-01", "offset": "-365d"}, {"start": "2024-01-01"})
    fill(database, {"20240301-120000-C1.jpg": "2023-03-02", "20240302-120000-C1.jpg": "2024-03-03"})
    view_clocked(database, Clock(), deployments)
    assert read(database) == [(at("2023-03-02T12:00"), "stay0", None), (None, None, "contested")]


def test_each_camera_has_zones_and_offsets_of_its_own(database):
    deployments = stays(
        {"camera": "C1", "zone": "America/New_York"},
        {"camera": "C2", "zone": "Asia/Kolkata", "offset": "-90s"},
        {"camera": "C3", "offset": "+1d"},
        {"camera": "C'4", "zone": "UTC"},
    )
    fill(database, {f"20240701-120000-{camera}.jpg": KEPT for camera in ("C1", "C2", "C3", "C'4", "C5")})
    view_clocked(database, Clock(zone="Europe/Madrid"), deployments)
    found = database.run("SELECT camera, captured_at, deployment FROM clocked ORDER BY camera").fetchall()
    assert found == [
        ("C'4", at("2024-07-01T12:00"), "stay3"),
        ("C1", at("2024-07-01T16:00"), "stay0"),
        ("C2", at("2024-07-01T06:28:30"), "stay1"),
        ("C3", at("2024-07-02T10:00"), "stay2"),
        ("C5", at("2024-07-01T10:00"), None),
    ]


def test_a_camera_may_have_a_deployment_each_day(database):
    """Hourly images of a leap year by a clock two hours ahead: each deployment has its own 24."""
    midnights = [datetime(2024, 1, 1) + timedelta(days=day) for day in range(367)]
    deployments = stays(*({"start": start, "end": end, "offset": "-2h"} for start, end in pairwise(midnights)))
    fill(database, {"20240101-000000-C1.jpg": KEPT})
    database.run(
        "INSERT INTO listing SELECT strftime(TIMESTAMP '2024-01-01' + to_hours(n), '%Y%m%d-%H%M%S-C1.jpg'), 'e', 1, "
        "TIMESTAMP '2026-06-10', NULL FROM range(1, 8786) AS hours(n)"
    )
    view_clocked(database, Clock(), deployments)
    found = dict(database.run("SELECT deployment, count(*) FROM clocked GROUP BY ALL").fetchall())
    # Written from 2024-01-01 00:00 to 2025-01-01 01:00, the first two hours of 2023-12-31 by a right clock.
    assert found == {None: 2, **{f"stay{day}": 24 for day in range(366)}}


@pytest.mark.parametrize(
    ("minutes", "stay", "captured_at"),
    [
        pytest.param(None, {"zone": "Asia/Tokyo"}, "2024-04-21T23:00:01", id="no offset in EXIF: the deployment's zone"),
        pytest.param(120, {"zone": "Asia/Tokyo"}, "2024-04-22T06:00:01", id="the camera's own offset goes before the zone"),
        pytest.param(120, {"offset": "-1h"}, "2024-04-22T05:00:01", id="but it may be off all the same"),
        pytest.param(None, {"camera": "C2", "offset": "-1h"}, "2024-04-22T08:00:01", id="another camera's deployment"),
    ],
)  # fmt: skip
def test_times_of_exif_are_corrected_too(database, minutes, stay, captured_at):
    fill(database, {"C1/IMG_0001.jpg": KEPT})
    database.run(
        "CREATE TABLE rows AS SELECT key, object_version, {'local_time': TIMESTAMP '2024-04-22 08:00:01', "
        "'offset_minutes': ?::SMALLINT} AS exif FROM listing",
        [minutes],
    )
    clock = Clock.model_validate([{"pattern": r"(?P<camera>C\d)/(?P<time>\w+)"}, {"exif": True}])
    view_clocked_with_exif(database, clock, stays({**YEAR_2024, **stay}))
    assert read(database)[0][0] == at(captured_at)
    view_clocked(database, clock, stays({**YEAR_2024, **stay}))
    assert read(database) == [(None, None, "undated")]


def test_exif_is_asked_where_two_deployments_contest_the_name(database):
    fill(database, {"20240101-003000-C1.jpg": KEPT})
    database.run(
        "CREATE TABLE rows AS SELECT key, object_version, {'local_time': TIMESTAMP '2024-01-01 12:00:00', "
        "'offset_minutes': 60::SMALLINT} AS exif FROM listing"
    )
    deployments = stays({"end": "2024-01-01", "offset": "-1h"}, {"start": "2024-01-01"})
    view_clocked_with_exif(database, Clock.model_validate([{}, {"exif": True}]), deployments)
    assert read(database) == [(at("2024-01-01T11:00"), "stay1", None)]


SECONDS = st.integers(-400 * 86400, 400 * 86400).filter(bool)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2020, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
TIMELESS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=15)


@TIMELESS
@given(
    true_times=st.lists(MOMENTS, min_size=1, max_size=8, unique=True),
    offset=SECONDS,
    window=st.tuples(MOMENTS, MOMENTS).map(sorted),
    span=st.tuples(MOMENTS, MOMENTS).map(sorted).filter(lambda span: span[0] < span[1]),
)
def test_a_window_over_corrected_times_is_the_window_over_true_ones(database, true_times, offset, window, span):
    """What the camera wrote, corrected by o and narrowed, are the images whose true times lie in the window."""
    shift = timedelta(seconds=offset)
    written = {f"{moment - shift:%Y%m%d-%H%M%S}-C1.jpg": moment for moment in true_times}
    fill(database, dict.fromkeys(written, datetime(2026, 6, 10)))
    stay = {"offset": f"{'+' if offset > 0 else '-'}{abs(offset)}s"}
    narrow_listing(database, Clock(), stays(stay), Window(*window))
    found = {key for (key,) in database.run("SELECT key FROM listing").fetchall()}
    assert found == {key for key, moment in written.items() if window[0] <= moment < window[1]}
    fill(database, dict.fromkeys(written, datetime(2026, 6, 10)))
    view_clocked(database, Clock(), stays({**stay, "start": span[0], "end": span[1]}))
    for key, captured_at, deployment in database.run("SELECT key, captured_at, deployment FROM clocked").fetchall():
        inside = span[0] <= written[key] < span[1]
        assert (captured_at, deployment) == ((written[key], "stay0") if inside else (written[key] - shift, None))


@TIMELESS
@given(
    true_times=st.lists(MOMENTS, min_size=1, max_size=8, unique=True),
    zone=st.sampled_from(["Europe/Madrid", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]),
    span=st.tuples(MOMENTS, MOMENTS).map(sorted).filter(lambda span: span[0] < span[1]),
)
def test_a_deployment_s_zone_reads_what_a_clock_in_that_zone_shows(database, true_times, zone, span):
    """Python's zone database shows the true times; the clock itself is in another zone. Hours that come twice are said."""
    shown = {}
    for moment in true_times:
        local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        shown[f"{local:%Y%m%d-%H%M%S}-C1.jpg"] = moment
    fill(database, dict.fromkeys(shown, datetime(2026, 6, 10)))
    view_clocked(
        database,
        Clock(zone="Asia/Tokyo"),
        stays(
            {"zone": zone, "start": span[0], "end": span[1]},
        ),
    )
    for key, captured_at, deployment, flag in database.run(
        "SELECT key, captured_at, deployment, clock_flag FROM clocked WHERE deployment IS NOT NULL OR clock_flag IS NULL"
    ).fetchall():
        if span[0] <= shown[key] < span[1] and flag is None:
            assert (captured_at, deployment) == (shown[key], "stay0")
        elif deployment is not None:
            assert span[0] <= captured_at < span[1]


@pytest.mark.parametrize(
    ("deployments", "listed", "words"),
    [
        pytest.param([YEAR_2024], ["20240422-080001-C1.jpg"], [], id="nothing is corrected"),
        pytest.param(
            [{**YEAR_2024, "offset": "-365d"}],
            ["20250422-080001-C1.jpg", "20250423-080001-C1.jpg", "20250422-080001-C2.jpg"],
            ["clock: deployment stay0 corrects camera C1 (-365d): 2 images, 2024-04-22T08:00:01Z to 2024-04-23T08:00:01Z"],
            id="a camera a year ahead",
        ),
        pytest.param(
            [{**YEAR_2024, "offset": "+365d", "zone": "Europe/Madrid"}],
            ["20250422-080001-C1.jpg"],
            [
                ("clock: 1 image, 2025-04-22T08:00:01Z of camera C1 in no deployment, corrected or "
                "not, such as '20250422-080001-C1.jpg': the time stays as it is written - if stay0 (+365d, Europe/Madrid) "
                "should have them, look at the sign: offset is added to what the camera wrote, start and end are true times "
                "in UTC")
            ],
            id="the wrong sign",
        ),
        pytest.param(
            [{**YEAR_2024, "camera": "C9", "offset": "+1h"}],
            ["20240422-080001-C1.jpg", "20240422-080001-C2.jpg"],
            [
                ("clock: no image in scope is of camera C9, which deployment stay0 corrects (+1h) - write it as clock finds it in "
                "the keys: C1, C2")
            ],
            id="a camera that no image is of",
        ),
        pytest.param(
            [{**YEAR_2024, "camera": "camera", "offset": "+1h"}], ["IMG_0001.jpg"], [], id="times that only EXIF tells"
        ),
        pytest.param(
            [{"end": "2024-01-01", "offset": "-1h"}, {"start": "2024-01-01"}],
            ["20240101-003000-C1.jpg"],
            [],
            id="two deployments fit: the clock's table says so",
        ),
    ],
)  # fmt: skip
def test_the_plan_says_what_is_corrected_and_what_is_odd_in_it(database, deployments, listed, words):
    fill(database, dict.fromkeys(listed, KEPT))
    read_times(database, Clock(), stays(*deployments))
    assert read_correction_words(database, stays(*deployments), full_scope=True) == tuple(words)


@pytest.mark.parametrize("correction", [{}, {"offset": "+1h"}], ids=["a stay", "a correction"])
@pytest.mark.parametrize(
    ("stay", "listed", "word"),
    [
        pytest.param("C1", {"20240422-080001-C1.jpg", "20240423-080001-c1.jpg"}, "cameras C1 (1 image, with a deployment) and c1 (1 image, without a deployment) differ only in case: ", id="case"),
        pytest.param("C1", {"20240423-080001-c1.jpg"}, "cameras C1 (0 images, with a deployment) and c1 (1 image, without", id="all otherwise than the file"),
        pytest.param("R\u00eda", {"20240422-080001-R\u00eda.jpg", "20240423-080001-Ri\u0301a.jpg"}, r'"Ri\u0301a" (1 image, without a deployment) and "R\u00eda" (1 image, with a deployment) differ only in how', id="form"),
    ],
)  # fmt: skip
def test_cameras_that_differ_only_in_spelling_are_told(database, stay, listed, word, correction):
    fill(database, dict.fromkeys(listed, KEPT))
    deployments = stays({**YEAR_2024, "camera": stay, **correction})
    read_times(database, Clock(), deployments)
    for full in (True, False):
        lines = read_correction_words(database, deployments, full_scope=full)
        assert word in lines[0]
        assert not any("no image in scope" in line for line in lines)


def test_times_of_upload_are_not_said_to_be_corrected(database):
    fill(database, {"C1/photo.jpg": "2024-06-10"})
    clock = Clock.model_validate([{"pattern": r"(?P<camera>C\d)/(?P<time>\d{8}-\d{6})"}, {"last_modified": True}])
    deployments = stays({**YEAR_2024, "camera": "camera", "offset": "+1h"})
    read_times(database, clock, deployments)
    assert read_correction_words(database, deployments, full_scope=True) == ()


def test_a_camera_that_is_not_in_a_part_of_the_dataset_is_not_called_misspelt(database):
    fill(database, {"20240422-080001-C2.jpg": KEPT})
    deployments = stays({**YEAR_2024, "offset": "+1h"})
    read_times(database, Clock(), deployments)
    assert read_correction_words(database, deployments, full_scope=False) == ()
    assert len(read_correction_words(database, deployments, full_scope=True)) == 1


def test_an_image_that_two_deployments_claim_is_in_the_table_and_said_to_be_odd(database):
    fill(database, dict.fromkeys(["20240101-003000-C1.jpg", "20240601-000000-C1.jpg"], KEPT))
    deployments = stays({"end": "2024-01-01", "offset": "-1h"}, {"start": "2024-01-01"})
    read_times(database, Clock(), deployments)
    table = read_clock_table(database, Clock(), "reef")
    assert [(line.convention, line.camera, dict(line.flags)) for line in table.lines] == [
        (0, "C1", {}), (None, "C1", {"contested": 1}),
    ]  # fmt: skip
    assert table.table()[2].split() == ["contested", "1", "C1", "-", "-", "20240101-003000-C1.jpg"]
    assert table.odd == (
        (
            "1 of 2 images are in two deployments of their camera by their corrections, such as '20240101-003000-C1.jpg', of "
            "camera C1 (1): no capture time - correct offset, start or end, or let clock.pattern give what a wrong clock wrote "
            "a camera name of its own"
        ),
    )
