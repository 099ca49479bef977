"""One cause: what failed first is what every later task and the run's note say, in one line and without secrets."""

import airflow.sdk
import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

from shoal.airflow.operators import causes
from shoal.airflow.operators.translate import translated_errors
from shoal.contract.errors import ConfigError, StoreError


class Task:
    """What a task has of Airflow's XComs: a place for each key."""

    def __init__(self):
        self.kept = {}

    def xcom_push(self, key, value):
        self.kept[key] = value

    def xcom_pull(self, task_ids, key):
        return self.kept.get((task_ids, key))


@pytest.fixture
def task(monkeypatch):
    task = Task()
    monkeypatch.setattr(causes, "get_current_context", lambda: {"ti": task})
    return task


def test_a_failure_is_kept_in_one_line(task):
    with pytest.raises(AirflowFailException), translated_errors():
        raise ConfigError("Model version 'v9' not found\n  there are: v1 - choose one")
    assert task.kept == {"cause": "Model version 'v9' not found there are: v1 - choose one"}


def test_a_failure_that_is_tried_again_is_kept_too(task):
    with pytest.raises(StoreError), translated_errors():
        raise StoreError("s3.example.org does not answer")
    assert task.kept == {"cause": "s3.example.org does not answer"}


def test_a_password_of_a_connection_is_never_kept(task):
    mask_secret("correct-horse-battery")
    causes.keep_cause(ConfigError("login admin:correct-horse-battery refused"))
    assert task.kept == {"cause": "login admin:*** refused"}


def test_a_long_failure_leaves_room_in_the_note(task):
    causes.keep_cause(ConfigError("x" * 5000))
    assert task.kept["cause"] == "x" * (causes.LONGEST - 1) + "…"


def test_outside_a_task_the_failure_itself_is_said():
    with pytest.raises(AirflowFailException, match="no model"), translated_errors():
        raise ConfigError("no model")


def test_the_first_task_that_says_why_is_heard(task):
    task.kept = {("approve", "cause"): "refused by ana", ("summarize", "cause"): "no summary"}
    assert causes.find_cause(task, "plan", "approve", "summarize") == "refused by ana"
    assert causes.find_cause(task, "plan") is None


def test_the_context_of_a_task_is_airflow_s_own():
    assert causes.get_current_context is airflow.sdk.get_current_context
