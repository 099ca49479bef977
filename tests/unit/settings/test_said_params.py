"""What a run was asked for, in words."""

import pytest

from shoal.settings.run_form import RunParams
from shoal.settings.said_params import NOTHING_SENT, say_params


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"conf": None, "limit": "", "retry_failed": []}, "", id="an untouched form"),
        pytest.param({"conf": "0,5"}, "counting from confidence 0.5 (asked: 0,5)", id="a comma"),
        pytest.param({"conf": "0.5"}, "counting from confidence 0.5", id="a point"),
        pytest.param({"conf": 0.5}, "counting from confidence 0.5", id="a number"),
        pytest.param({"conf": "1"}, "counting from confidence 1", id="one"),
        pytest.param({"conf": "0,333333333"}, "counting from confidence 0.333333333 (asked: 0,333333333)", id="many digits"),
        pytest.param({"limit": "007"}, "only the first 7 images (asked: 007)", id="zeros in front"),
        pytest.param({"prefix": "c\u00e1m\u202e/"}, r"only keys that begin with 'cám\u202e/' after the dataset's prefix", id="a prefix"),
        pytest.param(
            {"window_start": "2026-06-01T02:00:00+02:00"}, "only images captured from 2026-06-01T00:00:00Z on", id="UTC"
        ),
        pytest.param({"accept_gone": True, "plan_only": True}, "plan only; gone images are accepted", id="switches"),
    ],
)  # fmt: skip
def test_what_was_asked_is_said(typed, said):
    assert say_params(RunParams.parse(typed), typed) == said


def test_a_month_to_which_no_parameter_came_says_so():
    """Airflow's form leaves out what was typed unless a box is ticked; the run then looks like any other."""
    typed = {"model_version": None, "plan_only": False}
    assert say_params(RunParams(), typed, by_month=True) == NOTHING_SENT
    assert say_params(RunParams(model_version="v2"), {"model_version": "v2"}, by_month=True) == "model version v2"
