"""MaxN is told at equal effort: a burst of a motion camera counts a fish once, and groups have as many images each."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.settings.deployments import Deployment
from written_images import tables_of

JUNE, SECOND, MINUTE, HOUR = datetime(2026, 6, 1), timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MOTION = {"name": "trap", "captureMethod": "activityDetection"}
TIMELAPSE = {"name": "post", "captureMethod": "timeLapse"}
FISH = {"Coris julis": 1}


def burst(start, times=10, step=SECOND, **shot):
    return [{"at": start + number * step, **shot} for number in range(times)]


def told(database):
    (line,) = database.records("FROM series")
    return line


def events(database):
    return dict(database.run("SELECT event, count(*) FROM image_events GROUP BY 1 ORDER BY 1").fetchall())


def test_ten_images_of_one_fish_are_one_event_with_a_maxn_of_one():
    with tables_of([*burst(JUNE, fish=FISH), *burst(JUNE + 2 * HOUR)], [MOTION]) as database:
        line = told(database)
        assert events(database) == {
            "C1/trap/2026-06-01T00:00:00.000000Z": 10,
            "C1/trap/2026-06-01T02:00:00.000000Z": 10,
        }
    assert (line["images_with"], line["detections"]) == (10, 10), "what images alone would say"
    assert (line["events"], line["events_with"], line["mean_maxn_of_events"]) == (2, 1, 0.5)


def test_the_most_in_one_image_stands_for_an_event_and_not_their_sum():
    shots = [{"at": JUNE, "fish": {"Coris julis": 2}}, {"at": JUNE + MINUTE, "fish": {"Coris julis": 3}}]
    with tables_of(shots, [MOTION]) as database:
        assert told(database)["mean_maxn_of_events"] == 3


GAPS = [
    pytest.param({}, 30 * MINUTE, 1, id="half an hour is still the same event"),
    pytest.param({}, 30 * MINUTE + SECOND, 2, id="a second more is not"),
    pytest.param({"event_gap": "5m"}, 5 * MINUTE + SECOND, 2, id="a gap of one's own"),
    pytest.param({"event_gap": "2h"}, 2 * HOUR, 1, id="a long one"),
]


@pytest.mark.parametrize(("said", "pause", "number"), GAPS)
def test_a_pause_longer_than_the_gap_begins_an_event(said, pause, number):
    with tables_of([{"at": JUNE}, {"at": JUNE + pause}], [{**MOTION, **said}]) as database:
        assert len(events(database)) == number


def test_an_event_goes_on_over_midnight_and_over_the_end_of_a_month():
    with tables_of(burst(datetime(2026, 6, 30, 23, 59, 55), fish=FISH), [MOTION]) as database:
        assert events(database) == {"C1/trap/2026-06-30T23:59:55.000000Z": 10}


def test_a_camera_that_looks_by_the_clock_has_no_events_unless_somebody_says_a_gap():
    with tables_of(burst(JUNE, fish=FISH), [TIMELAPSE]) as database:
        line = told(database)
        assert (line["events"], line["events_with"], line["mean_maxn_of_events"]) == (None, None, None)
    with tables_of(burst(JUNE, fish=FISH), [{**TIMELAPSE, "event_gap": "1m"}]) as database:
        assert told(database)["events"] == 1


def test_images_that_do_not_count_hold_an_event_together_and_are_no_effort_of_it():
    shots = [
        {"at": JUNE, "fish": FISH},
        {"at": JUNE + 20 * MINUTE, "use": "unusable"},
        {"at": JUNE + 40 * MINUTE, "fish": FISH},
        {"at": JUNE + 5 * HOUR, "use": "unusable"},
    ]
    with tables_of(shots, [MOTION]) as database:
        assert sorted(events(database).values()) == [1, 3]
        line = told(database)
        assert (line["events"], line["events_with"]) == (1, 1), "an event of which nothing can be used is no effort"


def test_maxn_of_groups_has_fifty_images_each_and_counts_groups_without_a_fish():
    shots = [{"at": JUNE + number * HOUR} for number in range(130)]
    shots[3]["fish"] = {"Coris julis": 4}
    shots[120]["fish"] = {"Coris julis": 9}
    with tables_of(shots) as database:
        line = told(database)
    assert (line["groups"], line["mean_maxn_of_groups"]) == (2, 2.0), "the last thirty images are in no group"
    assert line["maxn"] == 9


def test_two_deployments_of_one_name_at_two_cameras_are_two():
    stays = [{**MOTION, "camera": "A"}, {**MOTION, "camera": "B"}]
    shots = [{"at": JUNE, "camera": "A", "fish": FISH}, {"at": JUNE, "camera": "B", "fish": FISH}]
    with tables_of(shots, stays) as database:
        assert len(events(database)) == 2
        assert [line["events"] for line in database.records("FROM series")] == [1, 1]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=40, unique=True))
def test_events_are_cut_exactly_where_the_pause_is_too_long(minutes):
    with tables_of([{"at": JUNE + minute * MINUTE} for minute in minutes], [MOTION]) as database:
        found = dict(database.run("SELECT event, count(*) FROM image_events GROUP BY 1").fetchall())
    sizes, last = [], None
    for minute in sorted(minutes):
        if last is not None and minute - last <= 30:
            sizes[-1] += 1
        else:
            sizes.append(1)
        last = minute
    assert [found[event] for event in sorted(found)] == sizes


def test_a_gap_of_no_length_or_of_months_is_refused():
    for gap in ("0s", "30d"):
        with pytest.raises(ValueError, match="event_gap"):
            Deployment(camera="C1", name="x", event_gap=gap)
