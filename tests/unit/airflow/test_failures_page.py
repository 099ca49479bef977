"""What the page of failures gives to copy: the run's own parameters, and only reasons that another try may change."""

import json
import shlex

from shoal.airflow.pages.failures_page import asked_again
from shoal.contract.rows import Reason
from shoal.plan.commands import trigger_command
from shoal.settings.run_form import RunParams

SAID = {
    "model_version": "v2",
    "conf": 0.4,
    "prefix": "it's/",
    "window_start": "2026-06-01T00:00:00Z",
    "accept_gone": True,
    "retry_failed": ["empty"],
    "retry_failed_before": "20260601T020000Z-abcdefgh",
}


def test_a_run_is_tried_again_as_it_was_started():
    again = asked_again(RunParams.parse(SAID), [Reason.TRUNCATED])
    conf = json.loads(shlex.split(trigger_command("reanalyse_reef", again))[-1])
    found = RunParams.parse(conf)
    assert found == RunParams.parse(
        {**SAID, "accept_gone": False, "retry_failed": ["truncated"], "retry_failed_before": None}
    )


def test_where_nothing_may_end_otherwise_no_run_is_offered():
    assert asked_again(RunParams.parse(SAID), []) == {}


def test_a_count_again_is_no_part_of_a_run_that_infers():
    again = asked_again(RunParams.parse({"count_again": True, "conf": 0.4}), [Reason.CORRUPT])
    assert RunParams.parse(again) == RunParams.parse({"conf": 0.4, "retry_failed": ["corrupt"]})
