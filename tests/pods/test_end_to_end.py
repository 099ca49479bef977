"""One pod per shard on a real cluster, read from a real MinIO, planned and watched by a real Airflow."""

import pytest

from pods.conftest import IMAGES, TRANSFERS


@pytest.fixture(scope="module", params=TRANSFERS)
def finished(request, pods):
    """A dataset whose first run has ended, with its run id."""
    dataset = pods.add_dataset(f"first-{request.param}", request.param)
    return dataset, pods.run(dataset)


def test_every_image_is_accounted_for_in_at_least_three_pods(pods, finished):
    dataset, run_id = finished
    summary = pods.summary(dataset, run_id)
    assert summary["complete"]
    assert summary["run"]["balance"]["processed"] == IMAGES
    assert pods.shards(dataset, run_id) == {f"shard {n}": "success" for n in range(3)}


def test_the_result_is_that_of_local_processes(pods, finished):
    dataset, run_id = finished
    pods.make_bucket(f"{pods.prefix}-local-{dataset.name}")
    local = dataset.model_dump(mode="json") | {"cluster": {"kind": "local", "share": 1.0}}
    local["results"]["bucket"] = f"{pods.prefix}-local-{dataset.name}"
    done = pods.pipeline(type(dataset).model_validate(local)).run()
    assert done.summary["result_sha256"] == pods.summary(dataset, run_id)["result_sha256"]


def test_nothing_of_the_run_is_left_in_the_cluster(pods, finished):
    dataset, _ = finished
    assert pods.left_in(dataset.cluster.namespace) == []


def test_a_rerun_with_nothing_new_starts_no_pod(pods, finished):
    dataset, run_id = finished
    before = pods.pods_started(dataset.cluster.namespace)
    again = pods.run(dataset)
    assert pods.pods_started(dataset.cluster.namespace) == before
    assert pods.summary(dataset, again)["result_sha256"] == pods.summary(dataset, run_id)["result_sha256"]
