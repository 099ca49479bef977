"""What a dataset file says otherwise than when a run was planned: every change, none of what is a secret."""

import pytest

from dataset_settings import dataset_settings
from shoal.settings.changed import stored_settings, tell_changes
from shoal.settings.dataset import Dataset

PODS = {"kind": "kubernetes", "namespace": "reef"}
NOTIFIER = {"notifier": "a.B", "arguments": {"token": "very-secret"}}


def dataset(**sections):
    return Dataset.model_validate({"name": "reef", **dataset_settings("reef", "minio", **sections)})


WORKER = {"image": "shoal-worker:1"}
PLANNED = {"cluster": {**PODS, "pod": {"transfer": "direct"}}, "worker": WORKER}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        pytest.param({"cluster": {**PLANNED["cluster"], "namespace": "atoll"}}, "cluster.namespace reef -> atoll", id="namespace"),
        pytest.param(
            {"cluster": {}, "worker": {}},
            "cluster.kind kubernetes -> local, cluster.namespace reef -> shoal, cluster.pod.transfer direct -> mount, "
            "worker.image shoal-worker:1 -> none",
            id="from pods to this machine",
        ),
        pytest.param(
            {"results": {"conn_id": "minio", "bucket": "reef-results", "prefix": "new/"}}, "results.prefix none -> new/", id="results"
        ),
        pytest.param({"source": {"conn_id": "minio", "bucket": "atoll-images"}}, "source.bucket reef-images -> atoll-images", id="source"),
        pytest.param({"model": {"name": "demo-fish", "version": "v2"}}, "model.version v1 -> v2", id="model"),
        pytest.param({"worker": {"image": "shoal-worker:2"}}, "worker.image shoal-worker:1 -> shoal-worker:2", id="image"),
        pytest.param({"run": {"schedule": "0 2 * * *"}}, "run.schedule none -> 0 2 * * *", id="schedule"),
        pytest.param({"cluster": {**PLANNED["cluster"], "max_pods": 3}}, "cluster.max_pods none -> 3", id="number of pods"),
        pytest.param({"conf": 0.5}, "conf 0.25 -> 0.5", id="analysis"),
        pytest.param(
            {"cluster": {**PODS, "pod": {"transfer": "direct", "template": {"metadata": {"annotations": {"a": "hunter2"}}}}}},
            "cluster.pod.template",
            id="a template is named, not shown",
        ),
        pytest.param({"description": "x\x1b[31m" * 50}, "description", id="so is a description"),
    ],
)  # fmt: skip
def test_each_change_is_told(now, told):
    changed = tell_changes(dataset(**PLANNED), dataset(**{**PLANNED, **now}))
    assert changed == f"changed since this run was planned: {told}"


def test_the_first_of_many_changes_are_told():
    run = {
        "schedule": "0 2 * * *",
        "budget": "1h",
        "pool": "reef",
        "approval_cpu_hours": 1,
        "tolerated_failed_share": 0.1,
    }
    told = tell_changes(dataset(), dataset(run=run))
    assert told == (
        "changed since this run was planned: run.approval_cpu_hours 24.0 -> 1.0, run.budget 14400s -> 3600s, "
        "run.pool none -> reef, run.schedule none -> 0 2 * * * and 1 more"
    )


def test_arguments_of_notifiers_are_no_change_and_are_stored_nowhere():
    before, now = (
        dataset(alerts={"notifiers": [NOTIFIER]}),
        dataset(alerts={"notifiers": [{**NOTIFIER, "arguments": {"token": "other"}}]}),
    )
    assert tell_changes(before, now) == ""
    assert "secret" not in str(stored_settings(before))
