"""Where a dataset's results lie, in one line: what is written is read, and nothing else is taken for it."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError
from shoal.settings.results_place import ResultsPlace, is_place

CONNECTIONS = st.text(string.ascii_letters + string.digits + "_-.:/#!()", min_size=1, max_size=12)
FOLDERS = st.lists(
    st.text(st.characters(exclude_characters="/\n\r", codec="utf-8"), min_size=1, max_size=6), max_size=3
)


@given(CONNECTIONS, st.from_regex(r"[a-z0-9]{3,8}", fullmatch=True), FOLDERS)
def test_a_place_is_read_as_it_was_written(conn_id, bucket, folders):
    place = ResultsPlace(conn_id, bucket, "".join(f"{folder}/" for folder in folders), "reef")
    assert ResultsPlace.parse(str(place)) == place
    assert is_place(str(place))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://results@reef-results/reef/", ResultsPlace("results", "reef-results", "", "reef")),
        ("s3://results@reef-results/of/2026/reef", ResultsPlace("results", "reef-results", "of/2026/", "reef")),
        ("s3://a%2Fb@reef-results/reef/", ResultsPlace("a/b", "reef-results", "", "reef")),
    ],
)
def test_a_place_is_typed_by_hand(text, place):
    assert ResultsPlace.parse(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "s3://reef-results/reef/",
        "s3://results@reef-results/",
        "s3://results@/reef/",
        "results@reef-results/reef/",
        "s3://r@b/Reef/",
    ],
)
def test_what_names_no_connection_bucket_or_dataset_is_refused(text):
    with pytest.raises(
        ConfigError, match=r"not understood - write s3://<connection>@<bucket>/<results.prefix><dataset>/"
    ):
        ResultsPlace.parse(text)
