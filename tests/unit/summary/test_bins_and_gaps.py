"""What 0, empty and no row mean in `counts`, what is a gap and what is none, and that one wrong clock stretches nothing."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.layout import VariantLayout
from shoal.exports.counts import COUNTS
from shoal.exports.export import Where
from shoal.settings.run_form import Window
from shoal.summary.answer_tables import answer_tables
from shoal.summary.months import cut_tables
from written_images import WIDTHS, tables_of

JUNE = datetime(2026, 6, 1)
HALF_HOUR, HOUR, DAY = timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)


def every(step, times, start=JUNE, **shot):
    return [{"at": start + number * step, **shot} for number in range(times)]


def gaps(database):
    return [
        (found["deployment"], found["gap_start"], found["gap_end"], found["cause"])
        for found in database.records("FROM gaps ORDER BY camera, gap_start")
    ]


def axis(database):
    (found,) = database.records("FROM axis")
    return found


def days(database, *columns):
    found = database.records("FROM counts WHERE bin = 'day' ORDER BY camera, bin_start, deployment")
    return [tuple(row[column] for column in columns) for row in found]


def at(day, hour=0, minute=0):
    return datetime(2026, 6, day, hour, minute)


LOOKS_BY_THE_CLOCK = [
    pytest.param(every(HALF_HOUR, 96), [], id="a camera that misses nothing"),
    pytest.param(
        [*every(HALF_HOUR, 48), *every(HALF_HOUR, 48, at(4))],
        [(None, at(1, 23, 30), at(4), "no_image")],
        id="two days are missing",
    ),
    pytest.param([s for s in every(HALF_HOUR, 96) if s["at"] != at(1, 12)], [], id="one look is missing"),
    pytest.param(
        [s for s in every(HALF_HOUR, 96) if s["at"] not in {at(1, 12), at(1, 12, 30)}],
        [(None, at(1, 11, 30), at(1, 13), "no_image")],
        id="two looks are missing",
    ),
    pytest.param(
        [{"at": s["at"] + n * timedelta(seconds=1)} for s in every(HOUR, 48) for n in range(5)],
        [],
        id="a burst every hour",
    ),
    pytest.param(
        [shot for day in range(10) for shot in every(HALF_HOUR, 24, at(1, 6) + day * DAY)],
        [],
        id="a camera that sleeps at night",
    ),
    pytest.param(
        [shot for day in range(10) if day != 5 for shot in every(HALF_HOUR, 24, at(1, 6) + day * DAY)],
        [(None, at(5, 17, 30), at(7, 6), "no_image")],
        id="such a camera that slept a whole day",
    ),
    pytest.param(every(7 * DAY, 20), [], id="one image a week"),
    pytest.param([{"at": JUNE}], [], id="one image"),
    pytest.param([], [], id="no image"),
    pytest.param([{"at": None}] * 3, [], id="undated images alone"),
    pytest.param(
        [*every(HALF_HOUR, 48), *every(HALF_HOUR, 5, at(3), use="unusable"), *every(HALF_HOUR, 48, at(5))],
        [(None, at(1, 23, 30), at(5), "no_image")],
        id="unusable images are no looks",
    ),
]


@pytest.mark.parametrize(("shots", "expected"), LOOKS_BY_THE_CLOCK)
def test_a_gap_is_a_pause_much_longer_than_the_usual_one(shots, expected):
    with tables_of(shots) as database:
        assert gaps(database) == expected


TIME_LAPSE = {"name": "reef", "start": "2026-06-02T00:00:00Z", "end": "2026-06-04T00:00:00Z"}
STAYS = [
    pytest.param([TIME_LAPSE], [{"at": at(1)}], [], id="a deployment to come"),
    pytest.param(
        [TIME_LAPSE],
        every(HALF_HOUR, 48, at(3)),
        [("reef", at(2), at(3), "no_image")],
        id="nothing until the second day",
    ),
    pytest.param(
        [TIME_LAPSE, {"name": "cave", "start": "2026-06-05T00:00:00Z", "end": "2026-06-06T00:00:00Z"}],
        [*every(HALF_HOUR, 96, at(2)), *every(HALF_HOUR, 47, at(5))],
        [(None, at(4), at(5), "no_deployment")],
        id="a day between two deployments",
    ),
    pytest.param(
        [
            {"name": "reef", "start": "2026-06-01", "end": "2026-06-05"},
            {"name": "cave", "start": "2026-06-21", "end": "2026-06-25"},
        ],
        [*every(HOUR, 96), {"at": at(10)}, {"at": at(15)}, *every(HOUR, 96, at(21))],
        [
            (None, at(5), at(10), "no_deployment"),
            (None, at(10), at(15), "no_deployment"),
            (None, at(15), at(21), "no_deployment"),
        ],
        id="two images by chance between two deployments",
    ),
    pytest.param(
        [TIME_LAPSE],
        [{"at": at(1)}, *every(HALF_HOUR, 96, at(2)), *every(HALF_HOUR, 480, at(6))],
        [
            (None, at(1), at(2), "no_deployment"),
            (None, at(4), at(6), "no_deployment"),
        ],
        id="before the first deployment and after the last",
    ),
    pytest.param(
        [{**TIME_LAPSE, "end": "2026-06-02T12:00:00Z"}, {"name": "cave", "start": "2026-06-02T12:00:00Z", "end": None}],
        every(HALF_HOUR, 47, at(2)),
        [],
        id="two deployments in one day",
    ),
    pytest.param(
        [{**TIME_LAPSE, "end": None}],
        [*every(HALF_HOUR, 48, at(2)), *every(HALF_HOUR, 96, at(2), camera="C2")],
        [("reef", at(2, 23, 30), at(3, 23, 30), "no_image")],
        id="still there and silent while another camera goes on",
    ),
    pytest.param(
        [{**TIME_LAPSE, "end": "2030-01-01"}], every(HALF_HOUR, 48, at(2)), [], id="an end to come is no gap until then"
    ),
    pytest.param(
        [TIME_LAPSE],
        every(HALF_HOUR, 95, at(2), camera="C2"),
        [("reef", at(2), at(3, 23), "no_image")],
        id="never an image",
    ),
    pytest.param(
        [{**TIME_LAPSE, "captureMethod": "activityDetection"}],
        [{"at": at(2, 1)}, {"at": at(3, 20)}],
        [],
        id="nothing came by",
    ),
    pytest.param(
        [
            {
                **TIME_LAPSE,
                "captureMethod": "activityDetection",
                "not_working": [
                    {"from": "2026-06-02T06:00", "to": "2026-06-02T12:00", "reason": "fog"},
                    {"from": "2026-06-02T08:00", "to": "2026-06-02T18:00", "reason": "moved"},
                ],
            }
        ],
        [{"at": at(2, 1)}, {"at": at(2, 7)}, {"at": at(3, 20)}],
        [("reef", at(2, 6), at(2, 7), "not_working"), ("reef", at(2, 7), at(2, 18), "not_working")],
        id="not at work, with an image all the same",
    ),
]


@pytest.mark.parametrize(("stays", "shots", "expected"), STAYS)
def test_gaps_end_where_deployments_do(stays, shots, expected):
    with tables_of(shots, stays) as database:
        assert gaps(database) == expected


def test_gaps_of_a_window_lie_within_it():
    window = Window(at(2), at(3))
    with tables_of(
        every(HALF_HOUR, 20, at(2, 6)), [{"name": "reef", "start": "2020-01-01"}], window=window
    ) as database:
        assert gaps(database) == [("reef", at(2), at(2, 6), "no_image")]
        assert (axis(database)["start_at"], axis(database)["end_at"]) == (at(2), at(2, 15, 30))


@pytest.mark.parametrize(
    ("flagged", "expected"),
    [
        pytest.param([{"at": at(3), "flag": "uploaded"}], [(at(1, 23, 30), at(5))], id="uploaded hides no gap"),
        pytest.param([{"at": at(20), "flag": "uploaded"}], [(at(1, 23, 30), at(5))], id="uploaded makes none"),
        pytest.param([{"at": datetime(1995, 1, 1)}], [(at(1, 23, 30), at(5))], id="of 1995"),
        pytest.param([{"at": datetime(2061, 1, 1)}], [(at(1, 23, 30), at(5))], id="of 2061"),
    ],
)
def test_a_flagged_or_wild_clock_makes_no_gap_and_hides_none(flagged, expected):
    with tables_of([*every(HALF_HOUR, 48), *flagged, *every(HALF_HOUR, 48, at(5))]) as database:
        assert [(start, end) for _, start, end, _ in gaps(database)] == expected


def test_times_of_upload_alone_tell_of_no_gap():
    with tables_of(
        every(3 * DAY, 9, flag="uploaded"), [{"name": "reef", "start": "2026-06-01", "end": "2026-06-30"}]
    ) as database:
        assert gaps(database) == []


def test_an_hour_that_comes_twice_and_is_read_once_is_no_gap():
    shots = [
        {"at": moment, "flag": "ambiguous" if moment.hour == 0 else None}
        for moment in (datetime(2026, 10, 24, 18) + number * timedelta(minutes=10) for number in range(72))
        if moment.hour != 1
    ]
    with tables_of(shots) as database:
        assert gaps(database) == []


def test_one_image_of_1995_and_one_of_2061_stretch_nothing():
    wild = [{"at": datetime(1995, 5, 5), "fish": {"Coris julis": 3}}, {"at": datetime(2061, 1, 1)}]
    ten_years = every(10 * DAY, 365, datetime(2016, 1, 1), fish={"Coris julis": 1})
    with tables_of([*ten_years, *wild]) as database:
        found = axis(database)
        assert (found["start_at"], found["end_at"]) == (datetime(2016, 1, 1), ten_years[-1]["at"])
        assert [found[name] for name in ("told_by", "outside_images", "outside_first", "outside_last")] == [
            "clocks", 2, datetime(1995, 5, 5), datetime(2061, 1, 1),
        ]  # fmt: skip
        (series,) = database.records("FROM series")
        assert (series["images"], series["detections"]) == (367, 368), "they are in every number all the same"
        assert (series["first_image"], series["last_image"]) == (datetime(2016, 1, 1), ten_years[-1]["at"])
        assert [row for row in days(database, "bin_start", "detections") if row[0].year in {1995, 2061}] == [
            (datetime(1995, 5, 5), 3), (datetime(2061, 1, 1), 0),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("stays", "shots", "told_by", "span", "outside"),
    [
        pytest.param([TIME_LAPSE], [*every(HALF_HOUR, 96, at(2)), {"at": at(1, 5)}], "deployments", (at(2), at(3, 23, 30)), 1, id="before it"),
        pytest.param([TIME_LAPSE], every(HALF_HOUR, 480), "both", (at(1), at(10, 23, 30)), 0, id="a stay that tells of a part"),
        pytest.param([], every(30 * DAY, 12), "clocks", (JUNE, JUNE + 330 * DAY), 0, id="an image a month"),
        pytest.param([], [{"at": JUNE}, {"at": JUNE + 400 * DAY}], "clocks", (JUNE, JUNE + 400 * DAY), 0, id="two images tell no middle"),
        pytest.param([], [{"at": JUNE}], "clocks", (JUNE, JUNE), 0, id="one image"),
        pytest.param([], [{"at": JUNE - 200 * DAY}, *every(HALF_HOUR, 480)], "clocks", (JUNE, at(10, 23, 30)), 1, id="a test long before"),
        pytest.param([], [*every(HALF_HOUR, 48), *every(HALF_HOUR, 480, JUNE + 300 * DAY)], "clocks", (JUNE, JUNE + 309 * DAY + 23.5 * HOUR), 0, id="a year's break"),
    ],
)  # fmt: skip
def test_the_axis_is_that_of_the_deployments_or_of_nearly_all_clocks(stays, shots, told_by, span, outside):
    with tables_of(shots, stays) as database:
        found = axis(database)
        assert (found["told_by"], (found["start_at"], found["end_at"]), found["outside_images"]) == (
            told_by,
            span,
            outside,
        )


def test_a_series_that_lies_outside_the_axis_has_its_own_first_and_last_image():
    with tables_of([*every(HALF_HOUR, 96, at(2)), {"at": datetime(1995, 1, 1)}], [TIME_LAPSE]) as database:
        outside = database.records("FROM series WHERE deployment IS NULL")
        assert [(row["images"], row["first_image"], row["last_image"]) for row in outside] == [
            (1, datetime(1995, 1, 1), datetime(1995, 1, 1))
        ]


RELEASED = {
    "name": "trap",
    "start": "2026-06-01T12:00:00Z",
    "end": "2026-06-06T00:00:00Z",
    "captureMethod": "activityDetection",
}


def test_a_released_camera_has_a_line_for_each_day_at_work():
    stay = {**RELEASED, "not_working": [{"from": "2026-06-03", "to": "2026-06-04T12:00:00Z", "reason": "fog"}]}
    shots = [{"at": at(2, 5), "fish": {"Coris julis": 2}}, {"at": at(5, 12)}]
    with tables_of([*shots, {"at": at(6), "camera": "C2"}], [stay]) as database:
        found = database.records("FROM counts WHERE bin = 'day' AND camera = 'C1' ORDER BY bin_start")
        assert [(r["bin_start"].day, r["images"], r["camera_days"], r["detections"], r["mean_per_image"]) for r in found] == [
            (1, 0, 0.5, 0, None), (2, 1, 1.0, 2, 2.0), (4, 0, 0.5, 0, None), (5, 1, 1.0, 0, 0.0),
        ]  # fmt: skip
        assert [r["camera_days"] for r in database.records("FROM counts WHERE bin = 'month' AND camera = 'C1'")] == [
            3.0
        ]
        assert database.value("SELECT count(*) FROM counts WHERE bin = 'hour' AND images = 0") == 0
        assert (
            database.value("SELECT count(camera_days) FROM counts WHERE camera = 'C2' OR bin IN ('hour', '30min')") == 0
        )


def test_days_of_23_and_25_hours_are_one_camera_day_each():
    madrid = ZoneInfo("Europe/Madrid")
    for midnight, hours in ((datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)):
        start, end = (local.replace(tzinfo=madrid).astimezone(UTC) for local in (midnight - DAY, midnight + 2 * DAY))
        stay = {**RELEASED, "start": start.isoformat(), "end": end.isoformat()}
        last = {"at": end.replace(tzinfo=None), "camera": "C2"}
        with tables_of([last], [stay], zone="Europe/Madrid", bins=["day"]) as database:
            found = database.records("SELECT * FROM counts WHERE camera = 'C1' ORDER BY bin_start")
            assert [row["camera_days"] for row in found] == [1.0, 1.0, 1.0]
            assert [(row["bin_end"] - row["bin_start"]) / HOUR for row in found] == [24, hours, 24]


CHANGES = [
    pytest.param("Atlantic/Azores", datetime(2025, 10, 26, 1), [24, 25, 24], id="Azores, midnight comes twice"),
    pytest.param("Atlantic/Azores", datetime(2026, 3, 29, 1), [24, 23, 24], id="Azores, midnight does not come"),
    pytest.param(
        "America/Havana", datetime(2026, 11, 1, 5), [24, 25, 24], id="Havana, midnight of a month comes twice"
    ),
    pytest.param("America/Havana", datetime(2026, 3, 8, 5), [24, 23, 24], id="Havana, midnight does not come"),
    pytest.param(
        "Asia/Beirut", datetime(2026, 10, 24, 21), [25, 24, 24], id="Beirut, the hour before midnight comes twice"
    ),
    pytest.param("Pacific/Apia", datetime(2011, 12, 30, 10), [24, 24, 24], id="Apia, a day does not come"),
    pytest.param("Europe/Madrid", datetime(2026, 10, 25, 1), [24, 25, 24], id="Madrid, at three"),
]


@pytest.mark.parametrize(("zone", "change", "hours"), CHANGES)
def test_days_and_months_tile_time_where_clocks_change(zone, change, hours):
    shots = every(HALF_HOUR, 108, change - DAY)
    stay = {**RELEASED, "start": change - DAY, "end": change + 30 * HOUR}
    with tables_of(shots, [stay], zone=zone, bins=["day", "month"]) as database:
        for shot in shots:
            for width in ("day", "month"):
                start = database.value("SELECT bin_start(?, ?)", [width, shot["at"]])
                end = database.value("SELECT bin_end(?, ?)", [width, start])
                assert start <= shot["at"] < end, width
        found = database.records("FROM counts WHERE bin = 'day' ORDER BY bin_start")
        assert [(row["bin_end"] - row["bin_start"]) / HOUR for row in found] == hours
        assert all(before["bin_end"] == after["bin_start"] for before, after in pairwise(found))
        assert sum(row["images"] for row in found) == 108
        assert sum(row["camera_days"] for row in found) == pytest.approx(54 / 24, abs=0.1)


def test_months_begin_at_midnight_of_the_report_s_zone():
    shots = [{"at": datetime(2026, 5, 31, 21, 59)}, {"at": datetime(2026, 5, 31, 22, 0)}]
    with tables_of(shots, zone="Europe/Madrid", bins=["month"]) as database:
        assert database.run("SELECT bin_start, images FROM counts ORDER BY 1").fetchall() == [
            (datetime(2026, 4, 30, 22), 1), (datetime(2026, 5, 31, 22), 1),
        ]  # fmt: skip


def test_classes_that_a_model_does_not_know_have_no_row_and_the_others_a_zero():
    with tables_of(
        every(HOUR, 3, fish={"Coris julis": 1}), taxa=["Coris julis", "Sarpa salpa"], bins=["day"]
    ) as database:
        assert database.run("SELECT taxon, detections FROM counts ORDER BY 1").fetchall() == [
            ("Coris julis", 3),
            ("Sarpa salpa", 0),
        ]
    with tables_of(every(HOUR, 3), taxa=[]) as database:
        assert database.records("FROM counts") == []
        assert len(database.records("FROM axis")) == 1


def test_half_hours_in_which_nothing_was_seen_take_next_to_nothing():
    shots = every(HALF_HOUR, 4320)
    taxa = [f"Species {number:02d}" for number in range(25)]
    plan = SimpleNamespace(
        task="detect", then=None, settings=SimpleNamespace(report=SimpleNamespace(bins=["month", "30min"]))
    )
    with tables_of([{**shots[0], "fish": {taxa[3]: 2}}, *shots[1:]], taxa=taxa, bins=["30min", "month"]) as database:
        half_hours = [table for table in answer_tables(plan) if table.name == "counts-30min"]
        files = [month.file for month in cut_tables(database, VariantLayout("reef/fish-v1/"), half_hours)]
        assert sum(file.rows for file in files) == 25 * 4320
        assert all(file.bytes < 0.2 * file.rows + 4000 for file in files), "not a fifth of a byte a row, and a footer"
        answer = SimpleNamespace(result={"settings": {"report": {"bins": ["month", "30min"]}}})
        assert [path.name for path in COUNTS.write(database, answer, database.folder, Where()).files] == [
            "counts-month.csv"
        ]


def test_the_hash_of_gaps_is_of_all_of_them_whatever_their_order():
    with tables_of([]) as database:

        def digest_of(lengths):
            database.run("DELETE FROM gaps")
            for number, hours in lengths:
                start = JUNE + number * DAY
                database.run(
                    "INSERT INTO gaps VALUES ('C1', NULL, ?, ?, 'no_image', 1800)", [start, start + hours * HOUR]
                )
            return database.records("FROM gaps_digest")

        lengths = [(number, 20 if number < 25 else 3) for number in range(26)]
        told = digest_of(lengths)
        assert digest_of(reversed(lengths)) == told
        assert digest_of([*lengths[:-1], (25, 4)]) != told, "not among the longest, and as many"
        assert digest_of([]) == [{"number": 0, "gaps": "0"}]


MOMENTS = st.integers(0, 40 * 48).map(lambda number: datetime(2026, 3, 10) + number * HALF_HOUR)
SHOTS = st.lists(
    st.fixed_dictionaries(
        {
            "at": MOMENTS | st.sampled_from([None, datetime(1995, 1, 1), datetime(2061, 1, 1)]),
            "camera": st.sampled_from(["C1", "C2"]),
            "fish": st.fixed_dictionaries({"Coris julis": st.integers(0, 3)}),
        }
    ),
    max_size=40,
)


def stays_of(seed):
    """Draw deployments of C1 that begin and end anywhere, with times in which they did not work."""
    draw = random.Random(seed)
    hours = sorted(draw.sample(range(40 * 24), 4))
    first, second = ([datetime(2026, 3, 10) + hour * HOUR for hour in pair] for pair in (hours[:2], hours[2:]))
    middle = first[0] + (first[1] - first[0]) / 2
    method = draw.choice([{}, {"captureMethod": "activityDetection"}])
    return [
        {"name": "a", "start": first[0], "end": first[1], **method, "not_working": [{"from": middle, "to": first[1], "reason": "fog"}]},
        {"name": "b", "start": second[0], "end": draw.choice([second[1], None]), **method},
    ][: draw.randrange(3)]  # fmt: skip


@settings(max_examples=10)
@given(shots=SHOTS, seed=st.integers(0, 10_000), zone=st.sampled_from(["UTC", "Europe/Madrid", "Asia/Kathmandu"]))
def test_bins_of_each_width_hold_every_used_image_once_and_gaps_hold_none(shots, seed, zone):
    stays = stays_of(seed)
    with tables_of(shots, stays, zone=zone) as database:
        used = [shot for shot in shots if shot["at"] is not None]
        fish = sum(shot["fish"]["Coris julis"] for shot in used)
        for width in WIDTHS:
            (found,) = database.records(
                "SELECT coalesce(sum(images), 0) AS n, coalesce(sum(detections), 0) AS d FROM counts WHERE bin = ?",
                [width],
            )
            assert (found["n"], found["d"]) == (len(used), fish), width
        outside = sum(row["outside_images"] for row in database.records("FROM axis"))
        (on_axis,) = database.records(
            "SELECT count(*) AS n FROM images JOIN axis USING (camera) WHERE use = 'used' AND captured_at BETWEEN axis.start_at AND axis.end_at"
        )
        assert on_axis["n"] + outside == len(used)
        hours = Counter()
        for row in database.records("FROM counts WHERE bin = 'hour'"):
            hours[row["camera"], row["bin_start"].date()] += row["images"]
        if zone == "UTC":
            by_day = Counter()
            for row in database.records("FROM counts WHERE bin = 'day' AND images > 0"):
                by_day[row["camera"], row["bin_start"].date()] += row["images"]
            assert hours == by_day
        found = database.records("FROM gaps ORDER BY camera, gap_start")
        for gap in found:
            assert gap["gap_end"] - gap["gap_start"] > HALF_HOUR
            assert not [s for s in used if s["camera"] == gap["camera"] and gap["gap_start"] < s["at"] < gap["gap_end"]]
            bounds = [
                (row["start_at"], row["end_at"])
                for row in database.records("FROM axis WHERE camera = ?", [gap["camera"]])
            ]
            assert [start <= gap["gap_start"] and gap["gap_end"] <= end for start, end in bounds] == [True]
            worked = "FROM counts WHERE bin = 'day' AND images = 0 AND camera = ? AND deployment = ? AND camera_days > 0.999999"
            for row in database.records(worked, [gap["camera"], gap["deployment"]]):
                assert gap["gap_end"] <= row["bin_start"] or row["bin_end"] <= gap["gap_start"], (
                    "a whole day at work is no gap"
                )
        for before, after in pairwise(found):
            assert before["camera"] != after["camera"] or before["gap_end"] <= after["gap_start"]
