"""Keys of any shape under any zone: the clock says nothing, or what Python's own calendar and zone database say.

Wide: `SHOAL_SEEDS=50`.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from seeds import chosen_seeds
from shoal.settings.analysis import Clock
from shoal.tables.capture_times import view_clocked_with_exif
from shoal.tables.session import Database

LISTED = datetime(2026, 6, 30)
EXAMPLES = 80
"""Datasets of one seed, each with up to twelve keys."""

KNOWN = {name for (name,) in duckdb.execute("SELECT name FROM pg_timezone_names()").fetchall()}
BY_AGE = {"WET", "EET", "CET", "MET"}
"""Became links to a city with tzdata 2024b: before 1997 an older database reads them in another way (WET: Lisbon was an hour ahead
from 1992 to 1996). All other zones that Python knows are DuckDB's, hour by hour, but for `localtime`, which DuckDB refuses."""

ZONES = sorted((available_timezones() & KNOWN) - BY_AGE)

# Every format's own pattern, in ASCII digits as RE2's \d: what a person writes, and Python's reading of it.
FORMATS = {
    "%Y%m%d-%H%M%S": r"\d{8}-\d{6}",
    "%Y-%m-%d_%H-%M-%S": r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d",
    "%Y-%m-%dT%H:%M:%S.%f": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}",
    "%d-%m-%Y %H.%M": r"\d\d-\d\d-\d{4} \d\d\.\d\d",
    "%Y_%j_%H%M%S": r"\d{4}_\d{3}_\d{6}",
    "%Y%m%d": r"\d{8}",
    "%Y-%m-%d %I.%M.%S %p": r"\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d [AP]M",
    "%s": r"\d{1,20}",
}

ODD = {
    "Y": ["0000", "0001", "1969", "1970", "1989", "1990", "2027", "9999"], "m": ["00", "13", "99"], "d": ["00", "29", "30", "31", "32"],
    "H": ["24", "25", "99"], "I": ["00", "13"], "M": ["60"], "S": ["60", "61"], "j": ["000", "366", "367"],
    "s": ["9" * 20, "9" * 13, "9" * 11, "0", "00"],
}  # fmt: skip
"""What stands on the edge of a calendar or beyond it."""


CHANGES = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30), datetime(2011, 12, 30, 12), datetime(2024, 4, 7, 1, 45),
           datetime(2024, 2, 29), datetime(2016, 12, 31, 23, 59, 59), datetime(1990, 1, 1), datetime(2026, 7, 1)]  # fmt: skip
"""Changes of clocks in Europe, Apia and Lord Howe, days that only some years have, and where usable times begin and end."""

NOISE = [
    "",
    "/",
    "-",
    "_",
    "IMG_",
    "CAM1",
    "٣٤",
    "\uff11\uff12",
    "²",
    " ",
    "0",
    "20240101",
    "20240101-000000",
    "T",
    "Z",
    ".jpg",
    "\n",
    "é",
    "24",
]


def shifted(text, how):
    """The same digits as other scripts write them, or not."""
    return text if how is None else text.translate({ord("0") + n: how + n for n in range(10)})


@st.composite
def written(draw, time_format):
    """A time in a format, with one part that may be odd, in digits that may be another script's."""
    moment = draw(st.datetimes(datetime(1989, 12, 30), datetime(2026, 7, 2)) | st.sampled_from(CHANGES))
    values = {letter: moment.strftime(f"%{letter}") for letter in "YmdHIMSfjp"}
    values["s"] = str(int(moment.timestamp()) * draw(st.sampled_from([1, 1, 1000])))
    if draw(st.integers(0, 2)) == 0:
        letter = draw(st.sampled_from(sorted(ODD)))
        values[letter] = draw(st.sampled_from(ODD[letter]))
    if draw(st.integers(0, 7)) == 0:
        values |= {"H": "24", "M": "00", "S": "00", "f": "000000"}
    text = re.sub("%([A-Za-z])", lambda found: values[found[1]], time_format)
    return shifted(text, draw(st.sampled_from([None] * 12 + [0x0660, 0xFF10, 0x0966])))


@st.composite
def keys(draw, time_format):
    before = draw(st.lists(st.sampled_from(NOISE) | st.text(max_size=3) | written(time_format), max_size=2))
    after = draw(st.lists(st.sampled_from(NOISE) | written(time_format), max_size=2))
    fence = draw(st.sampled_from(["", "/", "_", "-CAM1", "é"]))
    parts = [*before, draw(st.sampled_from(["", "/", "_", " "])), draw(written(time_format)), fence, *after]
    return "".join(part.encode("utf-8", "ignore").decode() for part in parts).replace("\0", "") + ".jpg"


def exif_times():
    moments = st.datetimes(datetime(1989, 1, 1), datetime(2027, 1, 1)) | st.datetimes(
        datetime(1, 1, 1), datetime(9999, 12, 31)
    )
    return st.none() | st.tuples(moments | st.sampled_from(CHANGES), st.none() | st.integers(-14 * 60, 14 * 60))


@st.composite
def cases(draw):
    time_format = draw(st.sampled_from(sorted(FORMATS)))
    shape = draw(st.sampled_from(["whole", "date"])) if time_format == "%Y%m%d-%H%M%S" else "whole"
    pattern = rf"(?:^|[^\d])(?P<time>{FORMATS[time_format]})(?:[^\d]|$)"
    entry = {"pattern": pattern, "format": time_format}
    if shape == "date":
        entry = {"pattern": r"(?P<date>\d{8})/[^/]*?(?P<time>\d{6})", "format": "%Y%m%d %H%M%S"}
    zone = draw(
        st.sampled_from(ZONES) | st.sampled_from(["UTC", "Europe/Madrid", "Pacific/Apia", "Australia/Lord_Howe"])
    )
    order = draw(st.sampled_from(["name", "exif", "name exif", "exif name", "default exif"]))
    found = {"name": {**entry, "zone": zone}, "exif": {"exif": True, "zone": zone}, "default": {"zone": zone}}
    entries = [found[word] for word in order.split()]
    listed = draw(
        st.lists(st.tuples(keys(time_format), exif_times()), min_size=1, max_size=12, unique_by=lambda pair: pair[0])
    )
    return entries, listed


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    database = Database(None, tmp_path_factory.mktemp("clock"))
    database.run("CREATE TABLE listing (key VARCHAR, object_version VARCHAR, last_modified TIMESTAMP)")
    database.run(
        "CREATE TABLE rows (key VARCHAR, object_version VARCHAR, exif STRUCT(local_time TIMESTAMP, offset_minutes INTEGER, "
        "make VARCHAR, model VARCHAR, serial VARCHAR))"
    )
    return database


def clocked(database, clock, listed):
    """Camera, time and flag of each key, as Shoal reads it."""
    database.run("DELETE FROM listing")
    database.run("DELETE FROM rows")
    names = [key for key, _ in listed]
    database.run("INSERT INTO listing SELECT unnest(?::VARCHAR[]), 'v', ?", [names, LISTED])
    times = [exif and exif[0] for _, exif in listed], [exif and exif[1] for _, exif in listed]
    database.run(
        "INSERT INTO rows SELECT key, 'v', {'local_time': time, 'offset_minutes': minutes, 'make': NULL, 'model': NULL, "
        "'serial': NULL} FROM (SELECT unnest(?::VARCHAR[]) AS key, unnest(?::TIMESTAMP[]) AS time, "
        "unnest(?::INTEGER[]) AS minutes) WHERE time IS NOT NULL",
        [names, *times],
    )
    view_clocked_with_exif(database, clock, ())
    found = database.run("SELECT key, captured_at FROM clocked").fetchall()
    return dict(found)


def at_midnight(text, time_format):
    """24:00:00 is the next day's 00:00:00: written out, for Python's strptime does not know it."""
    for place in ("24:00:00.000000", "240000", "24-00-00", "24.00"):
        if "%H" in time_format and place in text:
            at = text.rfind(place)
            zero = place.replace("24", "00", 1)
            yield text[:at] + zero + text[at + len(place) :]


def parsed(text, time_format):
    """What Python's own strptime says; None where it is no time. Leap seconds, which it lets pass, are none here."""
    if not text.isascii():
        return None
    try:
        return datetime.strptime(text, time_format)  # noqa: DTZ007 - of its zone later
    except ValueError:
        pass
    for other in at_midnight(text, time_format):
        try:
            return datetime.strptime(other, time_format) + timedelta(days=1)  # noqa: DTZ007 - as above
        except (ValueError, OverflowError):
            continue
    return None


def instants(local, zone):
    """Every instant, UTC and naive, at which a zone shows a local time, and those of Python's reading of a gap."""
    found = set()
    for fold in (0, 1):
        try:
            found.add(local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC).replace(tzinfo=None))
        except OverflowError:
            continue
    return found


def possible(entry, key, exif):
    """Every time that an entry may read; none where it must read none."""
    try:
        return by_exif(entry, exif) if entry.exif else by_name(entry, key)
    except OverflowError:
        return set()


def by_exif(entry, exif):
    if exif is None:
        return set()
    local, offset = exif
    return instants(local, entry.zone) if offset is None else {local - timedelta(minutes=offset)}


def by_name(entry, key):
    """The file's own name first; patterns here that speak of folders have a date apart."""
    name = None if "(?P<date>" in entry.pattern else re.search(entry.pattern, key.rpartition("/")[2], re.ASCII)
    found = name or re.search(entry.pattern, key, re.ASCII)
    if found is None:
        return set()
    text = f"{found['date']} {found['time']}" if "(?P<date>" in entry.pattern else found["time"]
    if entry.format != "%s":
        local = parsed(text, entry.format)
        return set() if local is None else instants(local, entry.zone)
    unit = {13: timedelta(milliseconds=1)}.get(len(text), timedelta(seconds=1) if len(text) <= 11 else None)
    return set() if unit is None else {datetime(1970, 1, 1) + int(text) * unit}


def usable(times):
    return {time for time in times if datetime(1990, 1, 1) <= time <= LISTED + timedelta(days=1)}


def expected(clock, key, exif):
    """The first entry's that has any."""
    return next((times for entry in clock.entries if (times := usable(possible(entry, key, exif)))), set())


@pytest.mark.parametrize("number", chosen_seeds(1))
def test_a_time_is_python_s_own_or_none(number, database):
    @seed(number)
    @settings(
        max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(cases())
    def run(case):
        entries, listed = case
        clock = Clock.model_validate(entries)
        read = clocked(database, clock, listed)
        assert read.keys() == {key for key, _ in listed}
        for key, exif in listed:
            right, said = expected(clock, key, exif), read[key]
            assert (said in right) if said is not None else not right, (key, exif, said, right, clock)

    run()


def test_zones_of_duckdb_are_those_of_python():
    """Both ways of 1990 to 2024: what a zone shows at an instant; later rules are younger than some databases."""
    assert available_timezones() - KNOWN <= {"localtime", "Factory"}
    moments = [datetime(1990, 1, 1) + number * timedelta(days=23, hours=7) for number in range(540)]
    duckdb_session = duckdb.connect()
    duckdb_session.execute("CREATE TABLE moments AS SELECT unnest(?::TIMESTAMP[]) AS moment", [moments])
    differ = {}
    for zone in ZONES:
        shown = duckdb_session.execute(
            "SELECT (moment AT TIME ZONE 'UTC') AT TIME ZONE ? FROM moments", [zone]
        ).fetchall()
        info = ZoneInfo(zone)
        for moment, (local,) in zip(moments, shown, strict=True):
            if local != moment.replace(tzinfo=UTC).astimezone(info).replace(tzinfo=None):
                differ.setdefault(zone, moment)
    assert differ == {}


@pytest.mark.parametrize(
    "zone", ["localtime", "Mars/Olympus", "", "../etc/passwd", "europe/madrid ", "UTC+25", "GMT+3 "]
)
def test_a_zone_that_nobody_knows_is_refused(zone):
    with pytest.raises(ValidationError, match=r"no time zone '.*' - use an IANA name such as UTC or Europe/Madrid"):
        Clock(zone=zone)


@pytest.mark.parametrize(
    ("key", "right"),
    [
        pytest.param("20240229-000000-A1.jpg", datetime(2024, 2, 29), id="a leap day"),
        pytest.param("20230229-000000-A1.jpg", None, id="a leap day of a common year"),
        pytest.param("20240101-240000-A1.jpg", datetime(2024, 1, 2), id="the end of a day"),
        pytest.param("20241231-240000-A1.jpg", datetime(2025, 1, 1), id="the end of a year"),
        pytest.param("20240101-240001-A1.jpg", None, id="a second after the end of a day"),
        pytest.param("20161231-235960-A1.jpg", None, id="a leap second"),
        pytest.param("00000101-000000-A1.jpg", None, id="the year 0"),
        pytest.param("99991231-240000-A1.jpg", None, id="the end of the year 9999"),
        pytest.param("20240101-000000-.jpg", datetime(2024, 1, 1), id="no camera"),
        pytest.param("\u0662\u0660\u0662\u0664\u0660\u0661\u0660\u0661-000000-A1.jpg", None, id="Arabic digits"),
        pytest.param("120240101-000000-A1.jpg", datetime(2024, 1, 1), id="a digit before: the last eight are the date"),
    ],
)
def test_the_default_clock_on_the_edges_of_the_calendar(key, right, database):
    assert clocked(database, Clock(), [(key, None)]) == {key: right}
