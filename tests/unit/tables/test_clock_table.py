"""The clock's table: what was understood of a bucket's keys, what is odd there, and what to write instead."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shoal.contract.rows import EXIF_TYPE, LISTING_COLUMNS, ddl
from shoal.settings.analysis import Clock
from shoal.tables.capture_times import view_clocked, view_clocked_with_exif
from shoal.tables.clock_table import SHOWN_LINES, ClockTable, read_clock_table
from shoal.tables.clock_times import keep_times
from shoal.tables.odd_cameras import say_devices
from shoal.tables.session import Database

STORED = datetime(2026, 6, 10)
NAME_AND_EXIF = [{"pattern": Clock().pattern, "format": Clock().format}, {"exif": True}]
NEVER = r"(?P<time>\d{14})never"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Reads the clock's table of keys; a pair is a key and when it was stored."""
    database = Database(None, tmp_path_factory.mktemp("clock"))

    def read(keys, clock=None, exif=None):
        database.run(f"CREATE OR REPLACE TABLE listing ({ddl(LISTING_COLUMNS)})")
        pairs = [key if isinstance(key, tuple) else (key, STORED) for key in keys]
        for pair in pairs:
            database.run("INSERT INTO listing VALUES (?, 'e', 1, ?, NULL)", pair)
        clock = Clock.model_validate(clock if clock is not None else {})
        if exif is None:
            view_clocked(database, clock, ())
        else:
            database.run(f"CREATE OR REPLACE TABLE rows (key VARCHAR, object_version VARCHAR, exif {EXIF_TYPE})")
            for key, (local_time, offset, *model) in exif.items():
                made = {"local_time": local_time, "offset_minutes": offset, "make": None, "model": None, "serial": None}
                made |= {"model": model[0]} if model else {}
                database.run("INSERT INTO rows VALUES (?, 'e', ?)", [key, made])
            view_clocked_with_exif(database, clock, ())
        keep_times(database, clock)
        found = read_clock_table(database, clock, "reef", after_reading=exif is not None)
        return found if exif is None else replace(found, odd=(*found.odd, *say_devices(database, clock)))

    return read


def named(camera, moments, form="{at:%Y%m%d-%H%M%S}-{camera}.jpg"):
    return [form.format(camera=camera, at=moment) for moment in moments]


def hourly(start, hours):
    return [start + timedelta(hours=hour) for hour in range(hours)]


def test_each_convention_and_camera_is_a_line(table):
    logger = {"pattern": r"(?P<camera>LOG\d)_(?P<time>\d{14})", "format": "%Y%m%d%H%M%S", "zone": "Europe/Madrid"}
    keys = [
        *named("CAM-1", hourly(datetime(2026, 6, 1), 3)),
        *named("CAM-2", hourly(datetime(2026, 6, 2), 2)),
        "LOG1_20260601120000.jpg",
        "photo.jpg",
    ]
    read = table(keys, [{"pattern": Clock().pattern, "format": Clock().format}, logger])
    assert [(line.convention, line.by, line.camera, line.keys, line.first, line.last) for line in read.lines] == [
        (0, "name", "CAM-1", 3, "2026-06-01T00:00:00Z", "2026-06-01T02:00:00Z"),
        (0, "name", "CAM-2", 2, "2026-06-02T00:00:00Z", "2026-06-02T01:00:00Z"),
        (1, "name", "LOG1", 1, "2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z"),
        (None, None, "camera", 1, None, None),
    ]
    assert read.lines[0].example == "20260601-000000-CAM-1.jpg"
    assert [dict(line.flags) for line in read.lines] == [{}, {}, {}, {"undated": 1}]
    assert read.describe() == [
        "clock          images  camera  first (UTC)          last (UTC)           such as",
        "entry 1: name  3       CAM-1   2026-06-01 00:00:00  2026-06-01 02:00:00  20260601-000000-CAM-1.jpg",
        "entry 1: name  2       CAM-2   2026-06-02 00:00:00  2026-06-02 01:00:00  20260602-000000-CAM-2.jpg",
        "entry 2: name  1       LOG1    2026-06-01 10:00:00  2026-06-01 10:00:00  LOG1_20260601120000.jpg",
        "undated        1       camera  -                    -                    photo.jpg",
        (
            "clock: 1 of 7 images has no time in its name, such as 'photo.jpg': it is counted and in no series - "
            "python -m shoal clock reef --propose looks for one"
        ),
    ]


AHEAD, UNSET = "20300101-000000-A.jpg", datetime(1980, 1, 1)


@pytest.mark.parametrize(
    ("conventions", "key", "exif", "camera", "flag"),
    [
        pytest.param(NAME_AND_EXIF[::-1], AHEAD, None, "A", "future", id="EXIF finds nothing, the name a time to come"),
        pytest.param(NAME_AND_EXIF, "photo.jpg", UNSET, "camera", "epoch", id="the name finds nothing, EXIF a clock never set"),
        pytest.param(NAME_AND_EXIF[::-1], AHEAD, UNSET, "A", "epoch", id="both find one: the first counts"),
        pytest.param(NAME_AND_EXIF[::-1], "20301301-000000-A.jpg", None, "A", "undated", id="neither finds one"),
        pytest.param(
            [{"pattern": r"(?P<camera>\w+)_(?P<time>\d{9})"}, {"pattern": Clock().pattern}],
            "B_1/20300101-000000-A.jpg", None, "A", "future", id="the camera is of the entry that found the time",
        ),
    ],
)  # fmt: skip
def test_where_no_time_is_usable_the_flag_is_that_of_the_first_that_was_found(
    table, *, conventions, key, exif, camera, flag
):
    (line,) = table([key], conventions, {key: (exif, None)} if exif else {}).lines
    assert (line.convention, line.camera, dict(line.flags)) == (None, camera, {flag: 1})


def test_it_survives_being_stored(table):
    read = table(["20260601-000000-CAM-1.jpg", "20260601-000000-CAM-1 (2).png", "photo.jpg"])
    assert ClockTable.parse(read.to_json()) == read


def test_no_images_are_no_table(table):
    assert table([]).describe() == []


def test_of_many_cameras_those_of_the_most_images_are_shown(table):
    keys = [
        key for number in range(30) for key in named(f"C{number:02}x", hourly(datetime(2026, 6, 1), 2 + number % 2))
    ]
    read = table(keys)
    assert len(read.lines) == SHOWN_LINES
    assert {line.keys for line in read.lines[:15]} == {3}
    assert (read.more_lines, read.more_keys) == (10, 20)
    assert "and 10 more lines of 20 images" in read.table()
    assert read.odd == ()


ODD = {
    "never set": (
        ["19700101-010000-CAM4.jpg"],
        {},
        ("1 of 1 images has a time before 1990, such as '19700101-010000-CAM4.jpg', of camera CAM4 (1): a clock that was never set - "
        "where the true time is known, deployments[].offset moves it"),
    ),
    "a year ahead": (
        [("20260601-000000-CAM4.jpg", datetime(2025, 6, 1)), ("20250601-000000-CAM5.jpg", datetime(2025, 6, 1))],
        {},
        ("1 of 2 images has a time that is more than a day after it was last modified, up to 365 days, such as "
        "'20260601-000000-CAM4.jpg', of camera CAM4 (1) - day and month may be swapped in clock.format; a clock that is ahead is moved by "
        "deployments[].offset"),
    ),
    "a clock that lost its power": (
        [*named("CAM1", hourly(datetime(2000, 1, 1, 0, 0, 7), 12)), *named("CAM1", hourly(datetime(2026, 6, 1), 12))],
        {"zone": "Europe/Madrid"},
        ("12 of 24 images have times from 1999-12-31T23:00:07Z on and none later in that year, such as '20000101-000007-CAM1.jpg', of camera "
        "CAM1: on a New Year's Day clocks begin that lost their power - where the true time is known, deployments[].offset moves it; a card "
        "whose camera no name tells apart needs its folder as (?P<camera>…)"),
    ),
    "names that tell no camera where others do": (
        ["a/20240422-080001-.jpg", "b/20240422-080001-.jpg", "b/20240422-080001-C2.jpg"],
        {},
        ("1 of 3 images has the camera and the instant of another image, such as 'a/20240422-080001-.jpg', of camera camera (1) - no entry "
        "tells cameras apart there: add (?P<camera>…) to the pattern, or, of one camera, clock.unique: true makes the further ones duplicates"),
    ),
    "a folder at another time": (
        ["20230101-000000-x/20240422-080005-CAM1.jpg", "20240422_080005/20240422-080005-CAM2.jpg"],
        {},
        ("1 of 2 images has two different times in its key, such as '20230101-000000-x/20240422-080005-CAM1.jpg': that of the file's own "
        "name counts, of two there the first that the pattern finds - to mean a folder's, write a pattern with its /"),
    ),
    "a camera that is cut": (
        ["20240422-080001-CAM-1.jpg", "20240422-080002-CAM-2.jpg"],
        {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d*)"},
        ("2 of 2 images have a camera name that goes on after what clock.pattern takes, such as '20240422-080001-CAM-1.jpg' - end the "
        r"pattern with (?P<camera>[^/]+?)(?:\.[^./]*)?$ for the whole name, or with (?P<camera>…)- where it ends there"),
    ),
    "a camera that is cut by a second entry": (
        ["CAM-É_1.jpg 20240422080001 KÉ.jpg"],
        [{"pattern": NEVER}, {"pattern": r"(?P<time>\d{14}) (?P<camera>\w+)", "format": "%Y%m%d%H%M%S"}],
        ("1 of 1 images has a camera name that goes on after what clock.pattern takes, such as 'CAM-É_1.jpg 20240422080001 KÉ.jpg' - end "
        r"the pattern with (?P<camera>[^/]+?)(?:\.[^./]*)?$ for the whole name, or with (?P<camera>…)- where it ends there"),
    ),
    "one instant twice, no cameras": (
        ["20240422-080001-a.jpg", "20240422-080001-b.jpg"],
        {"pattern": r"(?P<time>\d{8}-\d{6})"},
        ("1 of 2 images has the camera and the instant of another image, such as '20240422-080001-a.jpg', of camera camera (1) - no entry "
        "tells cameras apart there: add (?P<camera>…) to the pattern, or, of one camera, clock.unique: true makes the further ones duplicates"),
    ),
    "one instant twice, of a camera": (
        ["a/20240422-080001-C1.jpg", "b/20240422-080001-C1.jpg", "b/20240422-080001-C2.jpg"],
        {},
        ("1 of 3 images has the camera and the instant of another image, such as 'a/20240422-080001-C1.jpg', of camera C1 (1) - "
        "clock.unique: true makes the further ones duplicates; several cameras need their names in the pattern"),
    ),
    "a counter for a camera": (
        named("CAM1", hourly(datetime(2026, 6, 1), 12), "{at:%Y%m%d-%H%M%S}-{camera}-{at:%H}01.jpg"),
        {},
        ("12 of 12 cameras have one image each, such as 'CAM1-0001': a counter is taken for a camera's name - write "
        r"(?P<camera>[^/]+?)\-\d+ for a name before a counter"),
    ),
    "a clock a year behind": (
        [
            *((key, STORED) for key in named("CAM1", hourly(datetime(2026, 6, 1), 12))),
            *((key, STORED) for key in named("CAM2", hourly(datetime(2025, 6, 1), 12))),
        ],
        {},
        ("camera CAM2 (374 days): every image was stored so long after it was taken, unlike those of other cameras: files copied later, or a clock "
            "that is behind - deployments[].offset moves it"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_said_with_what_to_write(case, table):
    keys, clock, sentence = ODD[case]
    assert table(keys, clock).odd == (sentence,)


@pytest.mark.parametrize(
    ("keys", "clock"),
    [
        pytest.param(named("CAM-1", hourly(datetime(2026, 6, 1), 30)), {}, id="the default convention"),
        pytest.param(
            named("CAM1", hourly(datetime(2026, 6, 1), 30), "{at:%Y%m%d-%H%M%S}-{camera}-{at:%d%H}.jpg"),
            {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d)"},
            id="a counter behind the camera is no cut name",
        ),
        pytest.param(named("C1", [datetime(2024, 1, 1) + timedelta(days=7 * week) for week in range(50)]), {}, id="an archive of a year"),
        pytest.param(
            [(key, datetime(2026, 1, 2)) for key in named("C1", hourly(datetime(2026, 1, 1), 12))], {}, id="photos of a New Year's Day"
        ),
        pytest.param(named("C1", hourly(datetime(2024, 1, 3), 12)), {}, id="old photos of a January"),
        pytest.param(["20260601_000000/20260601-000000-CAM4.jpg"], {}, id="one time, spelt in two ways"),
        pytest.param(
            [(key, datetime(2027, 6, 1)) for key in named("C1", hourly(datetime(2026, 6, 1), 12))]
            + [(key, datetime(2027, 6, 1)) for key in named("C2", hourly(datetime(2020, 6, 1), 12))],
            {},
            id="an archive that was copied at once",
        ),
        pytest.param(["20260601-000000-CAM4_8B64_165.jpg"], {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d+)_"}, id="a serial number"),
    ],
)  # fmt: skip
def test_nothing_is_said_where_all_is_well(keys, clock, table):
    assert table(keys, clock).odd == ()


def test_exif_in_a_zone_that_nobody_wrote_is_said_by_the_plan_and_by_the_summary(table):
    keys = ["GOPR0001.JPG", "GOPR0002.JPG", "GOPR0003.JPG"]
    planned = table(keys, NAME_AND_EXIF)
    assert planned.odd[1] == (
        "EXIF times without an offset will be read as UTC, which nobody wrote - write zone: UTC, or the cameras' own zone, beside exif: true"
    )
    exif = {"GOPR0001.JPG": (datetime(2026, 6, 1), None), "GOPR0002.JPG": (datetime(2026, 6, 1, 1), 120)}
    done = table(keys, NAME_AND_EXIF, exif)
    assert [(line.by, line.keys, line.first, line.last) for line in done.lines] == [
        ("EXIF", 2, "2026-05-31T23:00:00Z", "2026-06-01T00:00:00Z"),
        (None, 1, None, None),
    ]
    assert done.odd == (
        (
            "1 of 3 images has no time in its name nor in EXIF as far as it was read, such as 'GOPR0003.JPG': it is counted and in no "
            "series - python -m shoal clock reef --propose looks for one"
        ),
        (
            "1 of 3 images has an EXIF time without an offset, such as 'GOPR0001.JPG', read as UTC, which nobody wrote - write zone: UTC, or "
            "the cameras' own zone, beside exif: true"
        ),
    )


def test_a_zone_that_was_written_is_not_said(table):
    said = [{"pattern": NEVER}, {"exif": True, "zone": "UTC"}]
    assert len(table(["a.jpg"], said).odd) == 1
    assert table(["a.jpg"], said, {"a.jpg": (datetime(2026, 6, 1), None)}).odd == ()


def test_a_plan_keeps_whether_the_zone_was_written():
    for written in (NAME_AND_EXIF, [{"pattern": NEVER}, {"exif": True, "zone": "UTC"}]):
        clock = Clock.model_validate(written)
        stored = Clock.model_validate(clock.model_dump(mode="json"))
        assert stored == clock
        assert stored.says_zone_of_exif == clock.says_zone_of_exif == ("zone" in written[1])


@pytest.mark.parametrize(
    ("clock", "models", "said"),
    [
        pytest.param(NAME_AND_EXIF, ("HERO9", "HC600"), "EXIF tells 2 cameras there (HC600, HERO9)", id="two cards, no names"),
        pytest.param(NAME_AND_EXIF, ("HERO9", "HERO9"), None, id="one camera"),
        pytest.param([{"pattern": r"(?P<camera>CARD\d)/.*?(?P<time>\d{14})"}, {"exif": True}], ("HERO9", "HC600"), None, id="named by folders"),
    ],
)  # fmt: skip
def test_cards_of_two_cameras_that_no_name_tells_apart_are_said(table, clock, models, said):
    at = datetime(2026, 6, 1)
    exif = {f"CARD{number}/GOPR0001_{number}.JPG": (at, 0, model) for number, model in enumerate(models)}
    if said is None and models[0] != models[1]:
        exif = {f"CARD{number}/2026060110000{number}.JPG": (at, 0, model) for number, model in enumerate(models)}
        clock[0]["format"] = "%Y%m%d%H%M%S"
    odd = [sentence for sentence in table(list(exif), clock, exif).odd if "EXIF tells" in sentence]
    if said is None:
        assert odd == []
    else:
        assert len(odd) == 1
        assert odd[0].startswith("2 images are of camera 'camera' because no name tells another one, and ")
        assert said in odd[0]
