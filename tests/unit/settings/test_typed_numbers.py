"""Numbers as people type them: what the form takes the plan understands, and a number that means two things is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError
from shoal.settings.run_form import RunParams
from shoal.settings.typed_numbers import CONF_PATTERN, LIMIT_PATTERN, LONGEST_LIMIT


@pytest.mark.parametrize(
    ("typed", "conf"),
    [
        pytest.param("0,5", 0.5, id="a comma"),
        pytest.param(" 0.5 ", 0.5, id="spaces around"),
        pytest.param(",25", 0.25, id="no digit before the comma"),
        pytest.param("1", 1.0, id="one"),
        pytest.param("1,", 1.0, id="nothing behind the comma"),
        pytest.param(0.05, 0.05, id="the least, as a number"),
        pytest.param(1, 1.0, id="a whole number"),
    ],
)
def test_a_confidence_is_understood(typed, conf):
    assert RunParams.parse({"conf": typed}).conf == conf


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("50%", r"is '50%': a share of a hundred - write 0\.5$", id="percent"),
        pytest.param("33,3 %", r"a share of a hundred - write 0\.333$", id="percent with a comma"),
        pytest.param("1.5", r"is '1\.5': .*less than or equal to 1 - write a number from 0\.05 to 1", id="too much"),
        pytest.param(
            "0,01", r"is '0,01': .*greater than or equal to 0\.05 - write a number", id="too little, as typed"
        ),
        pytest.param("abc", r"is 'abc': no number - write a number from 0\.05 to 1", id="letters"),
        pytest.param("1e-1", "no number - write", id="powers of ten"),
        pytest.param("nan", "no number - write", id="not a number"),
        pytest.param("inf", "no number - write", id="without end"),
        pytest.param(float("nan"), "Run parameter conf is nan: .* - write", id="not a number, as a number"),
        pytest.param("\u0660,\u0665", "no number - write", id="digits of another script"),
        pytest.param(True, "is True: no number - write", id="yes"),
        pytest.param([0.5], r"is \[0\.5\]: .* - write", id="a list"),
    ],
)
def test_what_is_no_confidence_is_refused_in_one_line(typed, said):
    with pytest.raises(ConfigError, match=f"(?m)^Run parameter conf .*{said.removeprefix('Run parameter conf ')}"):
        RunParams.parse({"conf": typed})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("10.5", r"is '10\.5': no whole number - write a whole number above 0", id="half an image"),
        pytest.param(10.5, r"is 10\.5: no whole number - write", id="half an image, as a number"),
        pytest.param(
            "10.000", "one number to some and another to others - write 10000, or a smaller one", id="a point"
        ),
        pytest.param("10,000", "write 10000, or a smaller one, in digits only", id="a comma"),
        pytest.param("1 000 000", "write 1000000, or a smaller one", id="spaces"),
        pytest.param("1'000", "write 1000, or a smaller one", id="as in Switzerland"),
        pytest.param("1_000", "write 1000, or a smaller one", id="as in Python"),
        pytest.param("0", "greater than or equal to 1 - write", id="none"),
        pytest.param("-3", "no whole number - write", id="less than none"),
        pytest.param("ten", "no whole number - write", id="a word"),
        pytest.param("9" * 16, "more images than there can be - write", id="too many"),
        pytest.param(True, "no whole number - write", id="yes"),
    ],
)
def test_what_is_no_count_is_refused_in_one_line(typed, said):
    with pytest.raises(ConfigError, match=f"^Run parameter limit .*{said}"):
        RunParams.parse({"limit": typed})


@given(st.from_regex(re.compile(CONF_PATTERN, re.ASCII)))
def test_every_confidence_that_the_form_takes_is_one_for_the_plan(text):
    conf = RunParams.parse({"conf": text}).conf
    assert (conf is None) == (not text.strip())
    assert conf is None or 0.05 <= conf <= 1


@given(st.from_regex(re.compile(LIMIT_PATTERN, re.ASCII)))
def test_every_count_that_the_form_takes_is_one_for_the_plan(text):
    if len(text.strip()) > LONGEST_LIMIT:
        with pytest.raises(ConfigError, match="more images than there can be"):
            RunParams.parse({"limit": text})
        return
    limit = RunParams.parse({"limit": text}).limit
    assert limit == (int(text) if text.strip() else None)
