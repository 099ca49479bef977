"""`python -m shoal why` of a run whose pods are in trouble: what the cluster itself says is told with it."""

import json
import re

import pytest

from waiting import wait_until

NOWHERE = "127.0.0.1:1/shoal-worker:none"


@pytest.fixture(scope="module")
def in_trouble(pods):
    """A run of which the first attempt failed: its image cannot be pulled."""
    dataset = pods.add_dataset("trouble", "direct", max_pods=1)
    dataset = pods.change(dataset, worker={"image": NOWHERE})
    dag_id, run_id = f"reanalyse_{dataset.name}", pods.rest.trigger("reanalyse_trouble", limit=10)
    pods.rest.tried_in_vain(dag_id, run_id, "infer")
    yield dataset, run_id
    pods.rest.send("PATCH", f"dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})
    assert pods.rest.finished(dag_id, run_id) == "failed"
    # The run is failed at once, and cleaned up by whoever hears of it.
    wait_until(lambda: pods.left_in(dataset.cluster.namespace) == [], 300)


def test_why_names_the_first_cause_the_shard_the_images_and_the_pod_s_events(pods, in_trouble):
    dataset, run_id = in_trouble
    told = pods.command("why", dataset.name)
    assert told.returncode == 1, told.stderr
    lines = {line[:9].strip(): line[9:] for line in told.stdout.splitlines() if line[:9].strip()}
    assert f"by reanalyse_trouble {run_id}" in told.stdout
    assert NOWHERE in lines["cause"], told.stdout
    assert re.match(r"(shard )?0\b", lines["shards"]), told.stdout
    assert re.match(r"10 open\b", lines["images"]), told.stdout
    assert re.search(r"-0000-\w+: Failed: .*127\.0\.0\.1:1", told.stdout), told.stdout
    assert lines["next"].startswith("kubectl ") or "python -m shoal" in lines["next"], told.stdout


def test_why_as_json_has_the_same_events(pods, in_trouble):
    dataset, _ = in_trouble
    found = json.loads(pods.command("why", dataset.name, "--json").stdout)
    assert any(NOWHERE in line and ": Failed: " in line for line in found["pods"]), found
