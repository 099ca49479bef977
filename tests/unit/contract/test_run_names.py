"""Names of DAGs and runs: what is built is read back."""

import pytest

from shoal.contract.run_names import (
    CHECK_DAG_ID,
    backfill_dag_id,
    broken_dag_id,
    continuation_run_id,
    dataset_of,
    is_continuation,
    may_move_answer,
    reanalyse_dag_id,
)


@pytest.mark.parametrize("dataset", ["reef", "obsea_2026", "backfill_x", "reanalyse_y"])
def test_the_dataset_of_a_dag_is_read_back_from_its_name(dataset):
    assert dataset_of(reanalyse_dag_id(dataset)) == dataset_of(backfill_dag_id(dataset)) == dataset
    assert may_move_answer(reanalyse_dag_id(dataset))
    assert not may_move_answer(backfill_dag_id(dataset))


@pytest.mark.parametrize(
    "dag_id",
    [
        pytest.param("", id="none planned"),
        pytest.param(CHECK_DAG_ID, id="a sample of check"),
        pytest.param(broken_dag_id("reef"), id="a broken dataset file"),
        pytest.param("reanalyse_", id="no dataset"),
        pytest.param("train_reef", id="somebody else's"),
    ],
)
def test_another_dag_is_of_no_dataset(dag_id):
    assert dataset_of(dag_id) is None


@pytest.mark.parametrize(
    ("dataset_file", "dag_id"),
    [("reef", "broken_reef"), ("my reef (2)", "broken_my_reef__2_"), ("île.old-1", "broken_île.old-1")],
)
def test_a_broken_file_is_named_in_characters_a_dag_may_have(dataset_file, dag_id):
    assert broken_dag_id(dataset_file) == dag_id


def test_a_continuation_is_known_by_its_run_id():
    run_id = continuation_run_id("20260601T020000Z-abcd1234")
    assert run_id == "continue__20260601T020000Z-abcd1234"
    assert is_continuation(run_id)
    assert not is_continuation("scheduled__2026-06-01T02:00:00+00:00")
