"""One pod per shard on a real cluster, read from a real MinIO, planned and watched by a real Airflow."""

from dataclasses import dataclass
from typing import Any

import pytest

from pods.foreign import NEVER_ENDS, foreign
from pods.installation import IMAGES, TRANSFERS
from shoal.results.answer import read_current


@pytest.fixture(scope="module")
def first_runs(pods):
    """By transfer, a dataset whose first run has ended, with its run id; a proxy that never ends is in all of its pods."""
    proxy = foreign(pods.images["worker"], "proxy", NEVER_ENDS)
    pod = {"template": {"spec": {"containers": [proxy]}}}
    datasets = {transfer: pods.add_dataset(f"first-{transfer}", transfer, pod=pod) for transfer in TRANSFERS}
    return {name: (datasets[name], run_id) for name, run_id in pods.run_side_by_side(datasets).items()}


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_every_image_is_accounted_for_in_at_least_three_pods(pods, first_runs, transfer):
    dataset, run_id = first_runs[transfer]
    summary = pods.summary(dataset, run_id)
    assert summary["complete"]
    assert summary["run"]["balance"]["processed"] == IMAGES
    assert pods.shards(dataset, run_id) == {f"shard {n}": "success" for n in range(3)}


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_result_is_that_of_local_processes(pods, first_runs, transfer):
    dataset, run_id = first_runs[transfer]
    pods.make_bucket(f"{pods.prefix}-local-{dataset.name}")
    local = dataset.model_dump(mode="json") | {"cluster": {"kind": "local", "share": 1.0}}
    local["results"]["bucket"] = f"{pods.prefix}-local-{dataset.name}"
    done = pods.pipeline(type(dataset).model_validate(local)).run()
    assert done.summary["result_sha256"] == pods.summary(dataset, run_id)["result_sha256"]


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_nothing_of_the_run_is_left_in_the_cluster(pods, first_runs, transfer):
    dataset, _ = first_runs[transfer]
    assert pods.left_in(dataset.cluster.namespace) == []


@pytest.fixture(scope="module")
def reruns(pods, first_runs):
    """By transfer, a second run over the same images, and the pods that its namespace had before and has after it."""
    datasets = {transfer: dataset for transfer, (dataset, _) in first_runs.items()}
    before = {transfer: pods.pods_started(dataset.cluster.namespace) for transfer, dataset in datasets.items()}
    again = pods.run_side_by_side(datasets)
    after = {transfer: pods.pods_started(dataset.cluster.namespace) for transfer, dataset in datasets.items()}
    return {transfer: (again[transfer], before[transfer], after[transfer]) for transfer in TRANSFERS}


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_rerun_with_nothing_new_starts_no_pod(pods, first_runs, reruns, transfer):
    dataset, run_id = first_runs[transfer]
    again, before, after = reruns[transfer]
    assert after == before
    assert pods.summary(dataset, again)["result_sha256"] == pods.summary(dataset, run_id)["result_sha256"]


@pytest.fixture(scope="module")
def waiting(pods):
    """A run that found the cluster full; a minute later it looks again, while others work."""
    dataset = pods.add_dataset("waits", "direct", max_pods=1)
    with pods.full_cluster(dataset.cluster.namespace):
        run_id = pods.rest.trigger(f"reanalyse_{dataset.name}", limit=20)
        pods.rest.reached(f"reanalyse_{dataset.name}", run_id, "plan", "deferred")
    return dataset, run_id


@pytest.fixture(scope="module")
def waited(pods, waiting):
    """That run, which has found room and ended well."""
    dataset, run_id = waiting
    assert pods.rest.finished(f"reanalyse_{dataset.name}", run_id) == "success", pods.story(dataset, run_id)
    return waiting


@pytest.fixture(scope="module")
def small_budget(pods, waiting):
    """A dataset whose time box holds a third of its images, on less room than before; its run and the next have ended."""
    dataset = pods.add_dataset("budget", "direct", max_pods=1, run={"budget": "100s"})
    dag_id, first = f"reanalyse_{dataset.name}", pods.run(dataset)
    continuation = f"continue__{pods.summary(dataset, first)['run']['run_key']}"
    assert pods.rest.finished(dag_id, continuation) == "success", pods.story(dataset, continuation)
    return dataset, first, continuation


def test_a_budget_too_small_leaves_images_pending(pods, small_budget):
    dataset, first, _ = small_budget
    summary = pods.summary(dataset, first)
    assert not summary["complete"]
    balance = summary["run"]["balance"]
    assert (balance["processed"], balance["pending"]) == (100, IMAGES - 100)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_continuation_finishes_what_was_pending_with_the_same_result(pods, small_budget, first_runs, transfer):
    dataset, _, continuation = small_budget
    summary = pods.summary(dataset, continuation)
    assert summary["run"]["balance"]["reused"] == 100
    assert summary["complete"]
    other, run_id = first_runs[transfer]
    assert summary["result"]["species"] == pods.summary(other, run_id)["result"]["species"]


@dataclass(frozen=True)
class Cleared:
    """What a run was before a task of it was cleared, and after it had ended again.

    Attributes:
        before, after: Its summary.
        pods_before, pods_after: All pods that its namespace has had.
        answer_before, answer_after: What the dataset's answer says, as a sha256.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    pods_before: set[str]
    pods_after: set[str]
    answer_before: str
    answer_after: str


def cleared(pods, first_runs, task_id):
    """Clear a task of each first run and wait until all have ended again."""

    def seen():
        return {
            transfer: (
                pods.summary(dataset, run_id),
                pods.pods_started(dataset.cluster.namespace),
                _answer_of(pods.pipeline(dataset).stores),
            )
            for transfer, (dataset, run_id) in first_runs.items()
        }

    before = seen()
    for dataset, run_id in first_runs.values():
        pods.rest.clear(f"reanalyse_{dataset.name}", run_id, task_id)
    for dataset, run_id in first_runs.values():
        assert pods.rest.finished(f"reanalyse_{dataset.name}", run_id) == "success", pods.story(dataset, run_id)
    after = seen()
    return {
        name: Cleared(*(part for pair in zip(before[name], after[name], strict=True) for part in pair))
        for name in first_runs
    }


def _answer_of(stores) -> str:
    return str(read_current(stores.results, stores.layout)["result_sha256"])


@pytest.fixture(scope="module")
def shards_cleared(pods, first_runs, reruns, waited):
    return cleared(pods, first_runs, "infer")


@pytest.fixture(scope="module")
def plan_cleared(pods, first_runs, shards_cleared):
    return cleared(pods, first_runs, "plan")


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_clearing_shards_starts_no_pod_and_ends_in_the_same_result(shards_cleared, transfer):
    run = shards_cleared[transfer]
    assert run.after["result_sha256"] == run.before["result_sha256"]
    assert run.answer_after == run.answer_before
    assert run.pods_after == run.pods_before


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_clearing_the_plan_plans_anew_and_ends_in_the_same_result(plan_cleared, transfer):
    run = plan_cleared[transfer]
    assert run.after["run"]["run_key"] != run.before["run"]["run_key"]
    assert run.after["result_sha256"] == run.before["result_sha256"]
    assert run.answer_after == run.answer_before
    assert run.pods_after == run.pods_before, "nothing is inferred again"


def test_a_full_cluster_is_waited_for_and_the_listing_is_not_repeated(pods, waited):
    dataset, run_id = waited
    log = pods.rest.log(f"reanalyse_{dataset.name}", run_id, "plan")
    assert "0/1 nodes fit one pod" in log
    listings = pods.pipeline(dataset).stores.results.list_keys(f"{dataset.name}/listings/")
    assert [key.rpartition(".")[2] for key in listings] == ["json", "parquet"]


def test_a_run_marked_failed_ends_failed_and_leaves_nothing(pods):
    dataset = pods.add_dataset("marked", "direct", max_pods=1)
    dag_id = f"reanalyse_{dataset.name}"
    run_id = pods.rest.trigger(dag_id)
    pods.rest.reached(dag_id, run_id, "infer", "deferred")
    pods.rest.send("PATCH", f"dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})
    pods.rest.reached(dag_id, run_id, "end_run", "failed")
    assert pods.rest.finished(dag_id, run_id) == "failed"
    assert pods.left_in(dataset.cluster.namespace) == []
