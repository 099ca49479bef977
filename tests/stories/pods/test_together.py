"""Two datasets and a backfill share one cluster and one Airflow: nobody waits for ever, no answer is anybody else's.

What months and nights make of each other is asked in stories/airflow/test_together.py at each change, promises of room in
test_one_pod.py; all of it at once takes minutes, so that `make test-wide` plays it.
"""

import os

import pytest

from pipeline import numbers
from pods.installation import IMAGES
from shoal.results.answer import read_current

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="two datasets and a backfill in pods take minutes: make test-wide"
)

FEW = 20
JUNE, BEFORE = "20260601", ("20260401", "20260501")


@pytest.fixture(scope="module")
def together(pods):
    """Two datasets on room for three pods each; both nights and a backfill of three months with v2 have ended."""
    reef = pods.add_dataset("reef", "mount")
    wreck = pods.add_dataset("wreck", "direct")
    started = {dataset.name: pods.rest.trigger(f"reanalyse_{dataset.name}") for dataset in (reef, wreck)}
    pods.rest.reached("reanalyse_reef", started["reef"], "infer", "deferred")
    pods.rest.backfill("backfill_reef", "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z", model_version="v2")
    return reef, wreck, started


def months(pods):
    """The run of each month, by the month's first day."""
    found = pods.rest.get("dags/backfill_reef/dagRuns?limit=100")["dag_runs"]
    return {run["logical_date"][:10].replace("-", ""): run["dag_run_id"] for run in found}


def test_both_nights_and_every_month_end_well(pods, together):
    reef, wreck, started = together
    for dataset in (reef, wreck):
        assert pods.rest.finished(f"reanalyse_{dataset.name}", started[dataset.name]) == "success", pods.story(
            dataset, started[dataset.name]
        )
        assert pods.summary(dataset, started[dataset.name])["run"]["balance"]["processed"] == IMAGES
    assert set(months(pods)) == {*BEFORE, JUNE}
    for month, run_id in months(pods).items():
        assert pods.rest.finished("backfill_reef", run_id) == "success", pods.rest.story("backfill_reef", run_id)
        balance = pods.summary(reef, run_id, "backfill_reef")["run"]["balance"]
        assert balance["processed"] == (IMAGES if month == JUNE else 0)


def test_both_datasets_have_the_same_numbers(pods, together):
    reef, wreck, started = together
    first, second = (numbers(pods.summary(dataset, started[dataset.name])) for dataset in (reef, wreck))
    assert first == second


def test_the_backfill_leaves_the_answer_to_the_old_version(pods, together):
    stores = pods.pipeline(together[0]).stores
    assert read_current(stores.results, stores.layout)["model"]["version"] == "v1"


def test_a_whole_run_of_the_new_version_finds_every_month_done_and_starts_no_pod(pods, together):
    reef = together[0]
    before = pods.pods_started(reef.cluster.namespace)
    balance = pods.summary(reef, pods.run(reef, model_version="v2"))["run"]["balance"]
    assert (balance["processed"], balance["reused"]) == (0, IMAGES)
    assert pods.pods_started(reef.cluster.namespace) == before


def test_a_new_version_starts_pods_once_a_person_said_yes(pods, together):
    wreck = pods.change(together[1], run={"approval_cpu_hours": 0})
    dag_id, before = "reanalyse_wreck", pods.pods_started(wreck.cluster.namespace)
    run_id = pods.rest.trigger(dag_id, model_version="v2", limit=FEW)
    assert pods.rest.asked(dag_id, run_id)["subject"] == f"Infer {FEW} images with demo-fish v2?"
    assert pods.pods_started(wreck.cluster.namespace) == before
    pods.rest.answer(dag_id, run_id, "Approve")
    assert pods.rest.finished(dag_id, run_id) == "success", pods.story(wreck, run_id)
    assert pods.summary(wreck, run_id)["run"]["balance"]["processed"] == FEW
    assert pods.pods_started(wreck.cluster.namespace) > before


def test_nothing_of_them_is_left(pods, together):
    for dataset in together[:2]:
        assert pods.left_in(dataset.cluster.namespace) == []
