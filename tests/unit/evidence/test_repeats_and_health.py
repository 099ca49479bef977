"""What findings rest on: time decides what stands, tests by rank what is a step; and summaries do without numpy."""

import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import pytest

from shoal.evidence.health.clocks import find_clock_jumps
from shoal.evidence.health.days import CameraDays, day_start
from shoal.evidence.health.finding import Finding, Trouble
from shoal.evidence.health.statistics import falls_by_rank, lower_share, slope
from shoal.evidence.health.troubles import find_fallen_scores
from shoal.evidence.repeats import counted
from shoal.evidence.repeats.found import find_repeats
from shoal.evidence.repeats.place import Place
from shoal.evidence.repeats.places import SeenPlace, find_places, read_looked, view_boxes
from shoal.evidence.repeats.standing import comes_back, find_periods
from shoal.tables.session import open_database

PLACE = Place("A", "", "Sparus aurata", 0.1, 0.1, 0.2, 0.2)
ROUND_THE_CLOCK, BY_DAY, AT_NOON = range(8), range(2, 6), range(3, 5)


def seen(looked, taken, *, days=6, near=1.0, every=1):
    """When a place was taken: a camera looks in some parts of each day, and sees it in some."""
    slots = np.array([day * 8 + part for day in range(days) for part in looked])
    of_it = np.array([day * 8 + part for day in range(0, days, every) for part in taken])
    images = 6
    at = np.full(len(of_it), images // 2)
    return SeenPlace(PLACE, of_it, at, (at * near).astype(int)), slots, np.full(len(slots), images)


@pytest.mark.parametrize(
    ("given", "periods"),
    [
        pytest.param(seen(ROUND_THE_CLOCK, ROUND_THE_CLOCK), 1, id="a stone by day and night"),
        pytest.param(seen(ROUND_THE_CLOCK, BY_DAY), 1, id="a stone that is seen by daylight alone"),
        pytest.param(seen(BY_DAY, BY_DAY), 1, id="a stone before a camera that looks by day"),
        pytest.param(seen(ROUND_THE_CLOCK, AT_NOON), 0, id="a fish that comes back at noon"),
        pytest.param(seen(BY_DAY, AT_NOON, days=60), 0, id="one that does so for two months before a camera that looks by day"),
        pytest.param(seen(AT_NOON, AT_NOON, days=60), 0, id="a camera that looks at noon alone: nobody knows"),
        pytest.param(seen(ROUND_THE_CLOCK, ROUND_THE_CLOCK, days=2), 0, id="two days are no stone yet"),
        pytest.param(seen(ROUND_THE_CLOCK, ROUND_THE_CLOCK, days=12, every=3), 0, id="there on each third day"),
        pytest.param(seen(ROUND_THE_CLOCK, ROUND_THE_CLOCK, days=12, every=2), 0, id="there on each other day"),
        pytest.param(seen(ROUND_THE_CLOCK, ROUND_THE_CLOCK, near=3.0), 0, id="boxes all around it: fish pass"),
    ],
)  # fmt: skip
def test_time_decides_what_stands(given, periods):
    place, slots, images = given
    assert len(find_periods(place, slots, images)) == periods


def test_a_period_tells_its_break_and_ends_where_the_thing_was_taken_away():
    place, slots, images = seen(ROUND_THE_CLOCK, ROUND_THE_CLOCK, days=10)
    there = (place.slots < 5 * 8 + 3) & ~np.isin(place.slots, [17, 18])  # away for six hours, gone on the sixth day
    [period] = find_periods(SeenPlace(PLACE, place.slots[there], place.at[there], place.near[there]), slots, images)
    assert (period.start.isoformat(), period.end.isoformat()) == (
        "1970-01-01T00:00:00+00:00",
        "1970-01-06T09:00:00+00:00",
    )
    assert (period.longest_break_h, period.days, period.boxes, period.images) == (6, 5, 41 * 3, 43 * 6)
    assert comes_back(place)


def view_stones(database, series):
    """One stone for each of so many cameras and taxa, seen for six days, as an answer's views tell it."""
    database.run(
        """
        CREATE TABLE detections AS SELECT n::VARCHAR || 'c' || s AS key, 0 AS position, 'c' || s AS camera, NULL::VARCHAR AS deployment, 't' || s AS taxon,
            TIMESTAMP '2026-05-29' + INTERVAL (n) HOUR AS captured_at, 0.9 AS confidence, 0 AS class_id, 100 AS width,
            100 AS height, 'count' AS role, 'used' AS use, 10 + s AS x1, 10 AS y1, 40 + s AS x2, 40 AS y2
        FROM range(144) AS t(n), range(?) AS of(s)
    """,
        [series],
    )
    seen = "key, camera, deployment, captured_at, use, width, height"
    database.run(f"CREATE VIEW images AS SELECT DISTINCT {seen} FROM detections")
    view_boxes(database, [])
    return read_looked(database)


def test_where_no_box_lies_twice_at_one_place_nothing_stands():
    """An answer without a box, or of boxes that lie everywhere: a night's findings, cameras' among them, had failed with it."""
    with open_database(None) as database:
        assert find_places(database, view_stones(database, 0)) == []
    with open_database(None) as database:
        looked = view_stones(database, 1)
        database.run("DELETE FROM placed WHERE key <> '7c0'")
        assert find_places(database, looked) == []


def test_boxes_that_stand_are_counted_month_by_month_as_in_one_go(monkeypatch):
    """Looked up in one go, those of ten million images whose every box stands did not fit into memory."""
    found = []
    for image_bytes in (1, 2**40):  # all of the answer is one span, each month is one
        monkeypatch.setattr(counted, "IMAGE_BYTES", image_bytes)
        with open_database(None) as database:
            view_stones(database, 2)
            found.append(find_repeats(database, {}))
    one, by_month = found
    assert one == by_month
    assert [(taxon.taxon, taxon.boxes, taxon.open) for taxon in one.taxa] == [("t0", 144, 144), ("t1", 144, 144)]


def test_places_of_many_cameras_and_taxa_are_found_in_as_many_statements_as_those_of_one(monkeypatch):
    """One statement for each over the bucket's files had cost a night of 100 cameras and 20 taxa 48 s of CPU."""

    def find(series):
        asked = []
        with open_database(None) as database:
            looked, run = view_stones(database, series), database.run
            monkeypatch.setattr(database, "run", lambda *words: asked.append(words) or run(*words))
            return find_places(database, looked), len(asked)

    one, few = find(1)
    many, still_few = find(30)
    assert [(one.camera, one.taxon, one.x1) for one in many] == sorted(
        (f"c{n}", f"t{n}", round((10 + n) / 100, 4)) for n in range(30)
    )
    assert one == [place for place in many if place.camera == "c0"]
    assert few == still_few


def test_statistics_are_those_of_their_papers():
    """Kendall's S and its variance by hand: five falling values have S = -10, variance 5 * 4 * 15 / 18."""
    assert falls_by_rank(np.array([5.0, 4, 3, 2, 1])) == pytest.approx(-9 / np.sqrt(50 / 3))
    assert slope(np.array([10.0, 8, 6, 100, 2])) == pytest.approx(-2), "one odd day moves nothing"
    assert lower_share(np.array([5.0, 6, 7]), np.array([1.0, 6.5])) == pytest.approx(4 / 6)


def test_a_summary_is_computed_where_numpy_is_not_installed():
    words = "import sys; sys.modules['numpy'] = None; import shoal.summary.summarize"
    assert subprocess.run([sys.executable, "-c", words], check=False, capture_output=True, text=True).stderr == ""


JUNE = datetime(2026, 6, 1)
COUNTED = [(f"DCIM/IMG_{n:04}.JPG", JUNE + timedelta(hours=n)) for n in range(300)]


def fallen(days=30):
    """A camera whose scores fall on the 21st day, and nothing else."""
    score = np.where(np.arange(days) < 20, 0.8, 0.5) + np.arange(days) % 3 / 100
    return CameraDays("A", "two", np.arange(days), np.zeros(days), np.zeros((days, 8)), np.zeros((days, 64)), score)


@pytest.mark.parametrize(
    ("day", "explained"),
    [
        pytest.param(3, False, id="moved weeks before"),
        pytest.param(20, True, id="moved on that day"),
        pytest.param(25, False, id="moved since"),
    ],
)
def test_a_camera_that_was_moved_explains_scores_that_fall_with_it(day, explained):
    moved = Finding("A", "two", Trouble.MOVED, day_start(day), None, 9, "of 64 bits", "")
    [found] = find_fallen_scores(fallen(), [moved])
    assert (found.start, found.explained) == (day_start(20), explained)


@pytest.mark.parametrize(
    ("images", "jumps"),
    [
        pytest.param(COUNTED, [], id="names and times go on together"),
        pytest.param(
            [(key, at - timedelta(hours=4) * (n >= 200)) for n, (key, at) in enumerate(COUNTED)],
            [("DCIM/IMG_0200.JPG", -3.0)],
            id="from one image on the clock is four hours behind",
        ),
        pytest.param(
            [(f"DCIM/IMG_{(n + 9_800) % 9_999 + 1:04}.JPG", at) for n, (_, at) in enumerate(COUNTED)],
            [],
            id="after 9999 comes 0001",
        ),
        pytest.param(
            [(key, at - timedelta(days=9_000) * (n >= 200)) for n, (key, at) in enumerate(COUNTED)],
            [("DCIM/IMG_0200.JPG", 1.0 - 24 * 9_000)],
            id="from one image on the clock begins anew, as without its battery",
        ),
        pytest.param(
            [*COUNTED, ("DCIM/copy of IMG_0003.JPG", JUNE + timedelta(hours=3))], [], id="a copy has a name of another form"
        ),
    ],
)  # fmt: skip
def test_a_clock_that_leaps_is_told_by_names_of_one_form(images, jumps):
    with open_database(None) as database:
        database.run("CREATE TABLE images (key VARCHAR, captured_at TIMESTAMP)")
        database.connection.executemany("INSERT INTO images VALUES (?, ?)", images)
        database.run(
            "CREATE VIEW pictures AS SELECT 'A' AS camera, '' AS deployment, key, captured_at, "
            "NULL::TIMESTAMP AS last_modified FROM images"
        )
        found = list(find_clock_jumps(database))
    assert [(one.after, one.size) for one in found] == jumps
    assert all(("the counter of its names began anew" in one.why) == (one.size < -24) for one in found)
