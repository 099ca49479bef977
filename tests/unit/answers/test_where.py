"""`--where` as people write it: names that hold commas, moments with and without a zone, and what is none."""

from datetime import UTC, datetime

import pytest

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError


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
