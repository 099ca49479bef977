"""The trigger form: what people type is taken as it is meant, or refused with what to write."""

import pytest

from shoal.airflow.form import MORE_BY_MONTH, run_form


@pytest.fixture(scope="module")
def form():
    return run_form()


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        pytest.param("conf", "0,5", id="a decimal comma"),
        pytest.param("conf", ".5", id="no digit before the point"),
        pytest.param("conf", 0.5, id="a script's number"),
        pytest.param("conf", "0.05", id="the least there is"),
        pytest.param("conf", "1", id="the most there is"),
        pytest.param("conf", "", id="emptied"),
        pytest.param("conf", None, id="left empty"),
        pytest.param("limit", "100", id="a count"),
        pytest.param("limit", 100, id="a script's count"),
        pytest.param("limit", " 100 ", id="a count with spaces around it"),
        pytest.param("model_version", "v1.2-beta_3", id="a version"),
        pytest.param("prefix", " cam 1/", id="keys may hold spaces"),
        pytest.param("window_start", "2026-06-01T00:00:00.000Z", id="what the form's calendar writes"),
    ],
)
def test_the_form_takes(form, name, typed):
    assert form[name].resolve(typed) == typed


@pytest.mark.parametrize(
    ("name", "typed", "way_out"),
    [
        pytest.param("conf", "1.5", "write a number from 0.05 to 1, such as 0.5 or 0,5", id="more than there is"),
        pytest.param("conf", "0.04", "write a number from 0.05 to 1", id="less than is stored"),
        pytest.param("conf", "0", "write a number from 0.05 to 1", id="nothing"),
        pytest.param("conf", "abc", "write a number from 0.05 to 1", id="letters"),
        pytest.param("conf", "\u0660.\u0665", "write a number from 0.05 to 1", id="digits of another script"),
        pytest.param("limit", "10.5", "write a whole number above 0", id="half an image"),
        pytest.param("limit", "10.000", "write a whole number above 0", id="ten thousand or ten"),
        pytest.param("limit", "0", "write a whole number above 0", id="no image"),
        pytest.param("limit", "-1", "write a whole number above 0", id="less than none"),
        pytest.param("model_version", "v 2", "dashes and underscores, no spaces", id="a space in a version"),
        pytest.param("prefix", "/cam", "without a leading /", id="a slash in front"),
        pytest.param("window_start", "2026-06-01T00:00:00", "a time with its zone, such as 2026-", id="no zone"),
    ],
)
def test_the_form_refuses_and_says_first_what_to_write(form, name, typed, way_out):
    with pytest.raises(Exception, match=r"does not match") as refused:
        form[name].resolve(typed)
    assert way_out in str(refused.value).split("\n")[0].split("^")[0], "before the pattern that nobody reads"


def test_the_form_of_months_says_what_airflow_does_not():
    months = run_form(MORE_BY_MONTH)
    for said in ("tick **Override parameters on existing runs**", "Choose Reprocess Behavior **All Runs**"):
        assert said in str(months["model_version"].schema["description_md"])
    assert "the first of a month, in UTC" in str(months["window_start"].schema["description_md"])
