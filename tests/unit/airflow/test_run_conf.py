"""What a run was asked for: a backfill looks at its month, a single run of its DAG at one month, anything else is told where to go."""

import json
import re
import shlex
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from shoal.airflow.operators.run_conf import read_params
from shoal.contract.errors import ConfigError
from shoal.plan.commands import month_command
from shoal.settings.run_form import Window

JUNE = {"window_start": "2026-06-01T00:00:00Z", "window_end": "2026-07-01T00:00:00Z"}
MADRID = {"window_start": "2026-06-01T02:00:00+02:00", "window_end": "2026-07-01T02:00:00+02:00"}
A_WEEK = {"window_start": "2026-06-03T00:00:00Z", "window_end": "2026-06-10T00:00:00Z"}
TWO_MONTHS = JUNE | {"window_end": "2026-08-01T00:00:00Z"}


def context(dag_id, run_type="manual", run_id="manual__1", interval=(None, None), **params):
    start, end = interval
    run = SimpleNamespace(
        dag_id=dag_id, run_type=run_type, run_id=run_id, data_interval_start=start, data_interval_end=end
    )
    return {"params": params, "dag_run": run}


@pytest.mark.parametrize(
    "window", [pytest.param(JUNE, id="in UTC"), pytest.param(MADRID, id="written in another zone")]
)
def test_a_single_run_takes_one_month(window):
    params = read_params(context("backfill_reef", **window, model_version="v2"))
    assert params.window == Window(datetime(2026, 6, 1), datetime(2026, 7, 1))


@pytest.mark.parametrize(
    ("asked", "months"),
    [
        pytest.param({}, r"--from-date \d{4}-\d\d-01 --to-date \d{4}-\d\d-01", id="everything"),
        pytest.param(A_WEEK, "--from-date 2026-06-01 --to-date 2026-06-01", id="a week"),
        pytest.param(TWO_MONTHS, "--from-date 2026-06-01 --to-date 2026-07-01", id="two months"),
        pytest.param(
            {"window_end": "2026-06-01T00:00:00Z"}, "--from-date 2026-05-01 --to-date 2026-05-01", id="no start"
        ),
    ],
)
def test_a_single_run_over_no_month_is_told_where_to_go(asked, months):
    with pytest.raises(ConfigError) as refused:
        read_params(context("backfill_reef", **asked, model_version="v2"))
    line = str(refused.value)
    assert "\n" not in line
    assert re.search(f"airflow backfill create --dag-id backfill_reef {months} --reprocess-behavior completed", line)
    assert """--dag-run-conf '{"model_version": "v2"}'""" in line
    assert "airflow dags trigger reanalyse_reef --conf " in line


def test_a_chain_that_goes_on_in_the_dag_of_months_is_no_month():
    assert read_params(context("backfill_reef", run_id="continue__20260601T020000Z-abcd1234", limit="6")).limit == 6


def test_a_backfill_looks_at_its_month_and_refuses_another():
    june = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    assert read_params(context("backfill_reef", "backfill", interval=june)).window.is_month
    with pytest.raises(ConfigError, match=r"windows are its months: window_end in its conf .* - leave it out"):
        read_params(context("backfill_reef", "backfill", interval=june, window_end="2026-06-03T00:00:00Z"))


def test_a_run_of_the_other_dag_looks_at_what_it_is_asked_for():
    assert read_params(context("reanalyse_reef", **A_WEEK)).window.start == datetime(2026, 6, 3)


@pytest.mark.parametrize(
    ("window", "now", "months"),
    [
        pytest.param((None, None), "2026-03-01", "--from-date 2026-02-01 --to-date 2026-02-01", id="the month before"),
        pytest.param((None, None), "2026-01-31", "--from-date 2025-12-01 --to-date 2025-12-01", id="in January"),
        pytest.param(("2026-01-15", None), "2026-03-20", "--from-date 2026-01-01 --to-date 2026-02-01", id="until now"),
        pytest.param(("2026-05-01", "2026-07-02"), "2026-06-15", "--from-date 2026-05-01 --to-date 2026-05-01", id="not past"),
    ],
)  # fmt: skip
def test_months_that_airflow_can_backfill_are_named(window, now, months):
    start, end = (text and datetime.fromisoformat(text) for text in window)
    assert months in month_command("reef", Window(start, end), {}, datetime.fromisoformat(now))


@pytest.mark.parametrize(
    "window",
    [("2026-12-05", "2026-12-20"), ("2026-12-01", None), ("2027-01-01", None)],
    ids=["in it", "all of it", "later"],
)
def test_no_other_month_is_named_for_the_one_in_progress(window):
    start, end = (text and datetime.fromisoformat(text) for text in window)
    assert month_command("reef", Window(start, end), {}, datetime(2026, 12, 24)) is None


def test_a_run_over_days_of_no_past_month_is_told_of_the_other_dag_alone():
    now = datetime.now(UTC)
    asked = {"window_start": now.isoformat(), "prefix": "d'en Baix/", "plan_only": True}
    with pytest.raises(
        ConfigError, match="in progress is the next full run's: airflow dags trigger reanalyse_reef"
    ) as refused:
        read_params(context("backfill_reef", **asked))
    assert "airflow backfill" not in str(refused.value)
    _, _, command = str(refused.value).removesuffix(" looks at it now").partition("full run's: ")
    *_, conf = shlex.split(command)
    assert (json.loads(conf)["prefix"], json.loads(conf)["plan_only"]) == ("d'en Baix/", True)
