"""Security on a real cluster: keys that only MinIO can hold, what is never finished, and the policy of the network.

Where credentials could show is asked in stories/tiers/test_secrets.py.
"""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
import yaml
from kubernetes import client

from hostile import FILE_NAMES, hostile_keys
from pipeline import Pipeline, make_pipeline
from pods.deployed import DEPLOY
from pods.installation import TRANSFERS
from shoal.engines.kubernetes.manifests import MANAGED
from shoal.history.gc import delete, survey
from shoal.history.retention import Terms
from shoal.preflight.sample_run import SampleRun
from shoal.settings.dataset_stores import open_stores


def test_the_network_policy_is_accepted_and_meets_shoal_s_pods_only(real_cluster, namespaces):
    """What is applied is dry-run by the API server; what it selects are the labels every pod of Shoal has."""
    policy = yaml.safe_load((DEPLOY / "networkpolicy.yaml").read_text(encoding="utf-8"))
    namespace = policy["metadata"]["namespace"] = namespaces["direct"]
    networking = client.NetworkingV1Api(real_cluster.connect())
    accepted = networking.create_namespaced_network_policy(namespace, policy, dry_run="All")
    assert accepted.spec.pod_selector.match_labels == MANAGED
    assert sorted(accepted.spec.policy_types) == ["Egress", "Ingress"]
    assert not accepted.spec.ingress
    assert sorted(port.port for rule in accepted.spec.egress for port in rule.ports) == [53, 53, 9000]
    assert networking.list_namespaced_network_policy(namespace).items == []


@pytest.fixture
def read_only(real_cluster, demo_models, tmp_path) -> Pipeline:
    """A dataset whose images and models are read with a key that may list and get and no more."""
    made = make_pipeline(real_cluster.store, demo_models, tmp_path)
    settings = made.dataset.model_dump(mode="json")
    for role in ("source", "models"):
        settings[role]["conn_id"] = "reader"
    dataset = type(made.dataset).model_validate(settings)
    accesses = {"reader": real_cluster.reader, "test": real_cluster.store}
    return Pipeline(dataset, open_stores(dataset, accesses.__getitem__))


def fill(pipeline: Pipeline, real_cluster, scenes) -> list[str]:
    """Put hostile keys into the bucket as somebody else, control characters among them; the pipeline may not write there."""
    writer = real_cluster.store.connect()
    keys = [key for key in hostile_keys().values() if all(len(part.encode()) < 256 for part in key.split("/"))]
    for number, key in enumerate(keys):
        data = scenes[30 + number].jpeg
        writer.put_object(pipeline.stores.source.bucket, key, BytesIO(data), len(data))
    return keys


def test_every_hostile_key_is_an_image_like_any_other_with_a_key_that_may_only_read(read_only, real_cluster, scenes):
    keys = fill(read_only, real_cluster, scenes)
    assert any("\n" in key and "\x1b" in key for key in keys)
    assert read_only.stores.source.list_keys("") == sorted(keys)
    plan = read_only.plan()
    read_only.infer(plan)
    done = read_only.summarize(plan)
    assert {key: row["status"] for key, row in read_only.rows(done).items()} == dict.fromkeys(keys, "processed")
    assert read_only.verify(plan.run_key, plan.variant.directory).deviations == ()


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("attack", ["kubernetes variable", "shell", "control", "double quotes", "dots"])
def test_a_pod_reads_a_hostile_key_and_the_store_is_asked_for_nothing_else(attack, transfer, pipelines, api, scenes):
    pipeline = pipelines(transfer)
    key = f"00 {FILE_NAMES[attack]}.jpg"  # sorts first: the one the sidecar's probe reads
    pipeline.put(key, scenes[60].jpeg)
    sample, lines = SampleRun.prepare(pipeline.dataset, pipeline.stores), []
    sample.run(lambda _: api, lines.append)
    assert sample.count_rows()[0] == 6
    secrets = [access.secret_key for access in pipeline.stores.accesses().values()]
    assert not any(secret in line for secret in secrets for line in lines)


def test_an_upload_that_was_never_finished_is_given_up_after_a_day(real_cluster, demo_models, tmp_path):
    pipeline = make_pipeline(real_cluster.store, demo_models, tmp_path)
    results, layout = pipeline.stores.results, pipeline.stores.layout
    key = f"{layout.root}v/ledger/20260101T000000Z-{uuid4().hex[:8]}-bbbbbbbb.parquet"
    results._client._create_multipart_upload(results.bucket, key, {})
    today = Terms(datetime.now(UTC), timedelta(days=90))
    assert survey(results, layout, today).uploads == ()
    later = survey(results, layout, Terms(today.now + timedelta(days=2), today.keep))
    assert [upload.key for upload in later.uploads] == [key]
    delete(results, layout, later)
    assert results.list_unfinished_uploads(layout.root) == []
