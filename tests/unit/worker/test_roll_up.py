"""What a box is called by the scores of a second model."""

import numpy as np
import pytest

from shoal.contract.errors import ConfigError
from shoal.contract.then import RollUp, Then
from shoal_worker.roll_up import Called, Naming

PARENTS = (4, 4, 5, None, 5, None)
"""sargus, vulgaris -> Diplodus (4) -> Sparidae (5); Boops (2) -> Sparidae; Coris (3) stands alone."""
ROLL_UP = RollUp(0.65, ("Diplodus", "Sparidae"), PARENTS)
NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param([0.65, 0.3, 0.05, 0], (0, 0.65), id="the best class where it reaches the score"),
        pytest.param([0.4, 0.35, 0.05, 0.2], (4, 0.75), id="the genus of two that are alike"),
        pytest.param([0.3, 0.2, 0.3, 0.2], (5, 0.8), id="the family where the genus does not reach it"),
        pytest.param([0.3, 0.1, 0.1, 0.5], (None, 0.5), id="nothing where nothing reaches it"),
        pytest.param([0.1, 0.5, 0.3, 0.6], (None, 0.6), id="scores that are no shares are not summed"),
        pytest.param([NAN, 0.7, NAN, NAN], (1, 0.7), id="what is no number counts as 0"),
        pytest.param([NAN] * 4, (None, None), id="no number at all"),
    ],
)
def test_a_name_rolls_up(scores, expected):
    called = Naming(4, ROLL_UP).call(np.array(scores, np.float32))
    assert (called.class_id, called.confidence) == (expected[0], expected[1] and pytest.approx(expected[1]))


def test_scores_that_are_no_shares_are_said_once(caplog):
    naming = Naming(4, ROLL_UP)
    for _ in range(2):
        naming.call(np.array([0.1, 0.5, 0.3, 0.6], np.float32))
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("Scores of the second model sum to 1.5: they are no shares of one whole")


def test_the_best_class_is_taken_where_nothing_is_asked_for():
    assert Naming(2, None).call(np.array([0.4, 0.6], np.float32)) == Called(1, float(np.float32(0.6)))


def test_of_several_names_that_reach_a_low_score_none_of_which_is_above_another_the_highest_is_taken():
    roll_up = RollUp(0.4, ("a", "b"), (4, 4, 5, 5, None, None))
    assert Naming(4, roll_up).call(np.array([0.25, 0.2, 0.3, 0.25], np.float32)).class_id == 5


@pytest.mark.parametrize(
    ("classes", "parents", "message"),
    [
        pytest.param(3, PARENTS, "The plan rolls up 4 classes of the second model, its file has 3 - plan the run again", id="classes"),
        pytest.param(4, (4, 4, 5, None, 5, 4), "names parents that go round - plan the run again", id="a circle"),
    ],
)  # fmt: skip
def test_a_plan_of_another_model_is_refused(classes, parents, message):
    with pytest.raises(ConfigError, match=message):
        Naming(classes, RollUp(0.65, ("Diplodus", "Sparidae"), parents))


def test_what_a_plan_says_of_a_second_model_is_read_as_it_was_written():
    then = Then((224, 224), 0.1, square=False, classes=(0, 2), roll_up=ROLL_UP)
    assert Then.from_json(then.to_json()) == then
    with pytest.raises(ValueError, match="roll_up names parents that are none"):
        Then.from_json({**then.to_json(), "roll_up": {"min_conf": 0.5, "ancestors": [], "parents": [7]}})
