"""Which images a plan leaves to runs that are at work, of its own Airflow and of one that it cannot ask."""

import logging
from datetime import timedelta

import pytest

from shoal.plan import taken_by_others

HERE, ELSEWHERE = "aaaa1111", "bbbb2222"


def test_what_a_run_of_another_airflow_has_is_left_to_it_though_its_name_is_the_same(few_images, caplog):
    """Two Airflows give the run of the same night the same name; this one's has ended, says this one."""
    theirs = few_images.plan(installation=ELSEWHERE)
    with caplog.at_level(logging.INFO, logger=taken_by_others.__name__):
        mine = few_images.plan(installation=HERE)
    assert (theirs.work.images, mine.work.images, mine.pending) == (12, 0, 12)
    assert (
        f"run {theirs.run_key} (test of another Airflow, which is not asked) may be at work: its 12 images"
        in caplog.text
    )
    few_images.infer(theirs)
    few_images.summarize(theirs)
    assert few_images.plan(installation=HERE).reused == 12


def test_a_run_of_an_airflow_that_is_gone_has_a_way_out(few_images, caplog):
    theirs = few_images.plan(installation=ELSEWHERE)
    results, layout = few_images.stores.results, few_images.stores.layout.variant(theirs.variant.directory)
    with caplog.at_level(logging.INFO, logger=taken_by_others.__name__):
        few_images.plan(installation=HERE)
    key = layout.run(theirs.run_key).plan
    assert caplog.text.rstrip().endswith(f"no worker of the run is left, delete {results.uri(key)}")
    results.delete([key])
    assert few_images.plan(installation=HERE).work.images == 12


def test_a_run_of_another_airflow_that_is_summarized_has_nothing(few_images):
    theirs = few_images.plan(installation=ELSEWHERE)
    few_images.summarize(theirs)
    assert few_images.plan(installation=HERE).work.images == 12


def test_a_run_of_another_airflow_is_waited_for_no_longer_than_its_time_box(few_images, monkeypatch):
    few_images.plan(installation=ELSEWHERE)
    time_box = few_images.dataset.run.budget
    monkeypatch.setattr(taken_by_others, "ELSEWHERE_GRACE", timedelta(minutes=1) - time_box)
    assert few_images.plan(installation=HERE).work.images == 0
    monkeypatch.setattr(taken_by_others, "ELSEWHERE_GRACE", -time_box)
    assert few_images.plan(installation=HERE).work.images == 12


@pytest.mark.parametrize(
    ("planned_by", "planning", "left"),
    [
        pytest.param(HERE, HERE, 12, id="an earlier plan of the same run takes nothing from it"),
        pytest.param("", HERE, 12, id="one of an earlier release names no Airflow: this one is asked"),
        pytest.param(HERE, "", 12, id="a check plans in no Airflow"),
    ],
)
def test_a_run_that_is_not_another_airflow_s_is_asked_for(few_images, planned_by, planning, left):
    few_images.plan(installation=planned_by)
    assert few_images.plan(installation=planning).work.images == left


def test_a_plan_alone_has_nothing(few_images):
    few_images.plan(installation=ELSEWHERE, plan_only=True)
    assert few_images.plan(installation=HERE).work.images == 12
