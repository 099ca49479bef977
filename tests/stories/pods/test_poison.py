"""Images that end their worker, in pods: by a crash and by filling the pod's memory. Each costs itself only."""

import pytest

from pods.installation import put
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import crash_on_white, hungry_on_white

DARK = 40
WHITE = (5, 6, 20)
MODELS = {"crash": (crash_on_white, "direct"), "hungry": (hungry_on_white, "mount")}


def key(number):
    return f"20260601-00{number:02}00-IPC608.jpg"


@pytest.fixture(scope="module")
def datasets(pods):
    """By model, a dataset with three images that their model does not survive."""
    store, bucket = pods.admin.connect(), f"{pods.prefix}-poison"
    pods.make_bucket(bucket)
    for number in range(DARK):
        data = white_jpeg() if number in WHITE else dark_jpeg(number)
        put(store, bucket, key(number), data + str(number).encode())
    for name, (model, _) in MODELS.items():
        put(store, f"{pods.prefix}-models", f"{name}/v1/model.onnx", model())
    return {
        name: pods.add_dataset(f"poison-{name}", transfer, images="poison", model=name, max_pods=1)
        for name, (_, transfer) in MODELS.items()
    }


@pytest.fixture(scope="module")
def first(pods, datasets):
    return pods.run_side_by_side(datasets)


@pytest.fixture(scope="module")
def second(pods, datasets, first):
    """The runs after, and by dataset how many pods they started."""
    before = {name: pods.pods_started(dataset.cluster.namespace) for name, dataset in datasets.items()}
    runs = pods.run_side_by_side(datasets)
    return runs, {
        name: pods.pods_started(dataset.cluster.namespace) - before[name] for name, dataset in datasets.items()
    }


@pytest.fixture(scope="module")
def retried(pods, datasets, second):
    return pods.run_side_by_side(datasets, retry_failed=["killed_worker"])


@pytest.mark.parametrize("model", MODELS)
def test_three_poison_images_cost_one_attempt_and_themselves(pods, datasets, first, model):
    dataset = datasets[model]
    summary = pods.summary(dataset, first[model])
    assert summary["complete"]
    assert summary["result"]["failed_by_reason"] == {"killed_worker": len(WHITE)}
    assert summary["run"]["balance"]["processed"] == DARK - len(WHITE)
    log = pods.rest.log(f"reanalyse_{dataset.name}", first[model], "infer", 0, 2)
    for number in WHITE:
        assert f"'{key(number)}' was tried alone and ended the worker: failed, killed_worker" in log
    assert pods.left_in(dataset.cluster.namespace) == []


@pytest.mark.parametrize("model", MODELS)
def test_they_are_not_tried_again(pods, datasets, first, second, model):
    runs, started = second
    assert started[model] == set()
    before, after = (pods.summary(datasets[model], run_id) for run_id in (first[model], runs[model]))
    assert after["result_sha256"] == before["result_sha256"]


@pytest.mark.parametrize("model", MODELS)
def test_they_are_tried_again_where_a_run_says_so(pods, datasets, first, retried, model):
    summary = pods.summary(datasets[model], retried[model])
    assert summary["run"]["balance"]["failed"] == len(WHITE)
    assert summary["result_sha256"] == pods.summary(datasets[model], first[model])["result_sha256"]
