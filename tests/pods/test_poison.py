"""Images that end their worker, in pods: by a crash and by filling the pod's memory. Each costs itself only."""

import pytest

from pods.conftest import put
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import crash_on_white, hungry_on_white

DARK = 40
WHITE = (5, 6, 20)
MODELS = {"crash": crash_on_white, "hungry": hungry_on_white}


def key(number):
    return f"20260601-00{number:02}00-IPC608.jpg"


@pytest.fixture(scope="module")
def poisoned(pods):
    """A bucket with three images that their model does not survive."""
    store, bucket = pods.admin.connect(), f"{pods.prefix}-poison"
    pods.make_bucket(bucket)
    for number in range(DARK):
        data = white_jpeg() if number in WHITE else dark_jpeg(number)
        put(store, bucket, key(number), data + str(number).encode())
    for name, model in MODELS.items():
        put(store, f"{pods.prefix}-models", f"{name}/v1/model.onnx", model())
    return "poison"


@pytest.fixture(scope="module", params=[("crash", "direct"), ("hungry", "mount")], ids=lambda p: p[0])
def finished(request, pods, poisoned):
    """A run over that bucket that has ended."""
    model, transfer = request.param
    dataset = pods.add_dataset(f"poison-{model}", transfer, images=poisoned, model=model, max_pods=1)
    return dataset, pods.run(dataset)


def test_three_poison_images_cost_one_attempt_and_themselves(pods, finished):
    dataset, run_id = finished
    summary = pods.summary(dataset, run_id)
    assert summary["complete"]
    assert summary["result"]["failed_by_reason"] == {"killed_worker": len(WHITE)}
    assert summary["run"]["balance"]["processed"] == DARK - len(WHITE)
    log = pods.rest.log(f"reanalyse_{dataset.name}", run_id, "infer", 0, 2)
    for number in WHITE:
        assert f"'{key(number)}' was tried alone and ended the worker: failed, killed_worker" in log
    assert pods.left_in(dataset.cluster.namespace) == []


def test_they_are_not_tried_again_unless_a_run_says_so(pods, finished):
    dataset, first = finished
    before = pods.pods_started(dataset.cluster.namespace)
    again = pods.run(dataset)
    assert pods.pods_started(dataset.cluster.namespace) == before
    assert pods.summary(dataset, again)["result_sha256"] == pods.summary(dataset, first)["result_sha256"]
    retried = pods.run(dataset, retry_failed=["killed_worker"])
    summary = pods.summary(dataset, retried)
    assert summary["run"]["balance"]["failed"] == len(WHITE)
    assert summary["result_sha256"] == pods.summary(dataset, first)["result_sha256"]
