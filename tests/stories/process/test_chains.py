"""Chains of runs over a small time box: how far they have come is readable, and the answer stays the old one meanwhile."""

import pytest

from shoal.history.open_chains import list_open_chains
from shoal.results.answer import read_current


@pytest.fixture
def small_box(few_images, unhurried):
    """A time box with room for a part of the twelve images only."""
    return few_images.with_settings(run={"budget": "3s"})


def test_a_chain_is_open_until_its_last_run(small_box):
    first = small_box.run()
    left = first.balance.fates["pending"]
    assert left > 0
    (chain,) = list_open_chains(small_box.stores, small_box.dataset)
    assert (chain.run_key, chain.examined, chain.listed) == (first.summary["run"]["run_key"], 12 - left, 12)
    assert chain.command == f"airflow dags trigger reanalyse_{small_box.dataset.name}"
    assert f"demo-fish v1, {12 - left} of 12 images examined" in chain.describe()[0]
    while small_box.run().continues:
        assert len(list_open_chains(small_box.stores, small_box.dataset)) == 1
    assert list_open_chains(small_box.stores, small_box.dataset) == []


def test_a_new_version_shows_what_it_saw_so_far_while_the_answer_stays(few_images, small_box):
    few_images.run()
    answer = read_current(few_images.stores.results, few_images.stores.layout)
    part = small_box.run(model_version="v2", conf=0.5)
    (chain,) = list_open_chains(few_images.stores, few_images.dataset)
    assert chain.model == "demo-fish v2"
    name = few_images.dataset.name
    assert chain.command == f"""airflow dags trigger reanalyse_{name} --conf '{{"model_version": "v2", "conf": 0.5}}'"""
    assert read_current(few_images.stores.results, few_images.stores.layout) == answer
    assert part.summary["result"]["species"], "numbers of what was examined so far"


@pytest.mark.parametrize("version", ["v2", "latest"])
def test_a_chain_that_the_nights_left_is_told_with_its_version(small_box, version):
    left = small_box.run()
    moved = small_box.with_settings(model={"name": "demo-fish", "version": version})
    if version == "latest":
        moved.run()
    *newer, chain = list_open_chains(moved.stores, moved.dataset)
    assert (chain.run_key, chain.is_left) == (left.summary["run"]["run_key"], True)
    command = f"""airflow dags trigger reanalyse_{moved.dataset.name} --conf '{{"model_version": "v1"}}'"""
    assert chain.describe()[2].strip() == f"no run goes on with it by itself: v2 is used now; by hand: {command}"
    assert [one.command for one in newer] == [f"airflow dags trigger reanalyse_{moved.dataset.name}"] * len(newer)
    renamed = moved.with_settings(model={"name": "other", "version": version})
    *_, chain = list_open_chains(moved.stores, renamed.dataset)
    assert (chain.command, "another model now" in chain.describe()[2]) == (None, True)


def test_a_window_that_is_through_closes_no_other(few_images, small_box):
    part = small_box.run()
    few_images.run(prefix="IPC608/")
    assert [chain.run_key for chain in list_open_chains(few_images.stores, few_images.dataset)] == [
        part.summary["run"]["run_key"]
    ]
    few_images.run()
    assert list_open_chains(few_images.stores, few_images.dataset) == []
