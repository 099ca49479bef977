"""`--where` as people write it: names that hold commas, moments with and without a zone, and what is none."""

import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataset_settings import dataset_settings
from shoal.answers.where import Where
from shoal.bucket.sampled_keys import fill_listing
from shoal.bucket.zone_words import read_zone_words
from shoal.contract.errors import ConfigError
from shoal.settings.dataset import Dataset
from shoal.stores.object_store import ListedObject
from shoal.tables.clock_times import read_times
from shoal.tables.session import open_database


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        pytest.param([], Where(), id="everything"),
        pytest.param(["camera=a,camera=b", "camera=a"], Where(cameras=("a", "b")), id="several, once each"),
        pytest.param(["camera=a, b=c,taxon=x,y"], Where(cameras=("a, b=c",), taxa=("x,y",)), id="commas in names"),
        pytest.param(
            ["from=2026-06-01,to=2026-07-01T00:00:00+02:00"],
            Where(start=datetime(2026, 5, 31, 22, tzinfo=UTC), end=datetime(2026, 6, 30, 22, tzinfo=UTC)),
            id="a date of Madrid, a moment with an offset",
        ),
        pytest.param(
            ["from=2026-06-01T06:00"], Where(start=datetime(2026, 6, 1, 6, tzinfo=UTC)), id="no offset is UTC"
        ),
        pytest.param(["deployment=reef-1"], Where(deployments=("reef-1",)), id="a deployment"),
    ],
)
def test_a_part_is_read(texts, found):
    assert Where.parse(texts, "Europe/Madrid") == found
    assert found.everything == (found == Where())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "--where '' not understood - such as camera=", id="nothing"),
        pytest.param("IPC608", "'IPC608' not understood", id="a bare word"),
        pytest.param("cam=IPC608,from=2026-06-01", "not understood", id="an unknown word first"),
        pytest.param("camera=", "camera= names nothing", id="no name"),
        pytest.param(
            "from=June", "from=June is no moment - write 2026-06-01, its midnight in UTC", id="a word for a moment"
        ),
        pytest.param("from=2026-02-30", "from=2026-02-30 is no moment", id="a day that is none"),
        pytest.param("from=20260601", "from=20260601 is no moment", id="a number"),
        pytest.param("from=0001-01-01T00:00:00+14:00", "is no moment", id="before time"),
        pytest.param("from=2026-06-01,from=2026-06-02", "names from twice", id="two beginnings"),
        pytest.param("from=2026-06-02,to=2026-06-01", "leaves no time", id="ends before it begins"),
        pytest.param("from=2026-06-01,to=2026-06-01", "leaves no time", id="an empty span"),
    ],
)
def test_what_is_no_part_is_told_in_one_line(text, said):
    with pytest.raises(ConfigError, match=said) as told:
        Where.parse([text])
    assert "\n" not in str(told.value)


@pytest.fixture
def other_rules(tmp_path):
    """Python's zone database is of another year, in which Vancouver keeps the clocks of Phoenix."""
    source = next(folder for folder in map(Path, zoneinfo.TZPATH) if (folder / "America/Phoenix").exists())
    for zone, rules in (("America/Vancouver", "America/Phoenix"), ("Europe/Madrid", "Europe/Madrid")):
        (tmp_path / zone).parent.mkdir(exist_ok=True)
        (tmp_path / zone).write_bytes((source / rules).read_bytes())
    zoneinfo.reset_tzpath(to=[tmp_path])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


def read_doubts(zone, *keys):
    settings = dataset_settings("reef", "test", name="reef", clock={"zone": zone}, report={"zone": zone})
    dataset = Dataset.model_validate(settings)
    with open_database(None) as database:
        fill_listing(database, [ListedObject(key, "v", 1, datetime(2026, 1, 31, tzinfo=UTC)) for key in keys])
        read_times(database, dataset.clock, ())
        return read_zone_words(database, dataset)


def test_spans_and_days_go_by_one_zone_database_and_another_one_s_doubt_is_told(other_rules):
    assert Where.parse(["from=2026-01-15"], "America/Vancouver").start == datetime(2026, 1, 15, 8, tzinfo=UTC)
    [line] = read_doubts("America/Vancouver", "20250715-120000-A.jpg", "20260115-120000-A.jpg")
    assert "zone America/Vancouver two zone databases say different things" in line
    assert "first at 2025-11-02T" in line
    assert "days are cut, -08:00, and Python's -07:00" in line
    assert read_doubts("America/Vancouver", "20250715-120000-A.jpg") == (), "in summer both say the same"
    assert read_doubts("Europe/Madrid", "20250715-120000-A.jpg", "20260115-120000-A.jpg") == ()
    assert read_doubts("Europe/Madrid", "IMG_0001.jpg") == ()
