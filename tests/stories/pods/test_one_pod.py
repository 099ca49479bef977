"""One worker in one pod, and what is said when it cannot work: real kubelet, real registry errors, real admission."""

import base64
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from kubernetes import client

from pods.check import check_room
from pods.deployed import waiting_pod
from pods.odd_stores import led_elsewhere
from shoal.contract.errors import (
    ConfigError,
    InsufficientCapacityError,
    NeverFitsError,
    QuotaExceededError,
    ShoalError,
    WorkerError,
)
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import DagRunId, open_engine
from shoal.engines.kubernetes.checks import check_rights
from shoal.engines.kubernetes.manifests import WORKER
from shoal.engines.kubernetes.pod_log import read_log
from shoal.preflight.sample_run import SampleRun
from shoal.settings.dataset_stores import open_stores
from shoal.shards.attempt import ShardWork
from shoal.shards.own_keys import OwnKeys
from waiting import wait_until
from webdav import serving


def left_behind(real_cluster, namespace):
    core = client.CoreV1Api(real_cluster.connect())
    selector = "app.kubernetes.io/managed-by=shoal"
    return [
        item.metadata.name
        for kind in ("pod", "secret", "config_map")
        for item in getattr(core, f"list_namespaced_{kind}")(namespace, label_selector=selector).items
    ]


@pytest.mark.parametrize("transfer", ["mount", "direct"])
def test_a_pod_writes_rows_and_leaves_nothing(transfer, pipelines, api, real_cluster, namespaces):
    pipeline = pipelines(transfer)
    sample, lines = SampleRun.prepare(pipeline.dataset, pipeline.stores), []
    sample.run(lambda _: api, lines.append)
    assert sample.count_rows()[0] == 5
    assert re.search(r"shard 0: 5 images in \d+ s .* 5 processed", lines[-1])
    assert left_behind(real_cluster, namespaces[transfer]) == []


@pytest.fixture
def claim(real_cluster, namespaces, scenes):
    """A folder of five scenes on the node, and a claim of it where Pod Security is restricted; gives both names."""
    core, namespace = client.CoreV1Api(real_cluster.connect()), namespaces["direct"]
    with TemporaryDirectory(prefix="shoal-photos-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the worker is nobody there
        for scene in scenes[:5]:
            (folder / scene.key).parent.mkdir(exist_ok=True)
            (folder / scene.key).write_bytes(scene.jpeg)
        # Not the folder's own name: that may hold an underscore, which no name in Kubernetes may.
        volume, common = f"shoal-photos-{token_hex(4)}", {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
        space = {"hostPath": {"path": name}, "capacity": {"storage": "1Mi"}}
        core.create_persistent_volume({"metadata": {"name": volume}, "spec": common | space})
        asked = {"volumeName": volume, "resources": {"requests": {"storage": "1Mi"}}}
        core.create_namespaced_persistent_volume_claim(
            namespace, {"metadata": {"name": volume}, "spec": common | asked}
        )
        yield folder, volume
        core.delete_namespaced_persistent_volume_claim(volume, namespace)
        core.delete_persistent_volume(volume)


def test_a_folder_in_a_claim_is_read_where_pod_security_is_restricted(claim, pipelines, api, real_cluster, namespaces):
    folder, name = claim
    before = pipelines()
    source = {"kind": "folder", "path": str(folder), "settle": "0s", "volume": {"claim": name}}
    dataset = before.with_settings(source=source).dataset
    sample, lines = SampleRun.prepare(dataset, open_stores(dataset, lambda _: real_cluster.store)), []
    sample.run(lambda _: api, lines.append)
    assert sample.count_rows()[0] == 5
    assert re.search(r"shard 0: 5 images in \d+ s .* 5 processed", lines[-1])
    assert left_behind(real_cluster, namespaces["direct"]) == []


@pytest.fixture
def dav(real_cluster, scenes, tmp_path):
    """A WebDAV server with five scenes that pods reach."""
    for scene in scenes[:5]:
        (tmp_path / scene.key).parent.mkdir(exist_ok=True)
        (tmp_path / scene.key).write_bytes(scene.jpeg)
    with serving(tmp_path, host=urlsplit(real_cluster.store.endpoint_url).hostname) as server:
        yield server


def test_a_store_by_rclone_is_read_where_pod_security_is_restricted(dav, pipelines, api, real_cluster, namespaces):
    dataset = pipelines().with_settings(source={"kind": "rclone", "conn_id": "dav"}).dataset
    accesses = {"dav": dav.access()}
    stores = open_stores(dataset, lambda conn_id: accesses.get(conn_id, real_cluster.store))
    sample, lines = SampleRun.prepare(dataset, stores), []
    sample.run(lambda _: api, lines.append)
    assert sample.count_rows()[0] == 5
    assert re.search(r"shard 0: 5 images in \d+ s .* 5 processed", lines[-1])
    assert left_behind(real_cluster, namespaces["direct"]) == []


ASK = """
import sys
from shoal.contract.errors import ShoalError
from shoal.stores.kinds import open_from_env

for role, bucket, key in zip(*[iter(sys.argv[1:])] * 3):
    try:
        print(role, len(open_from_env(role, bucket).find_bytes(key)), "bytes")
    except ShoalError as err:
        print(role, err)
"""


def test_a_pod_that_asks_for_another_dataset_s_image_or_another_run_is_denied(pipelines, api, real_cluster, scenes):
    """The keys are those that a worker gets, and its image asks with them; what it may read it gets all the same."""
    pipeline, neighbour = pipelines(), pipelines()
    samples = [SampleRun.prepare(pipeline.dataset, pipeline.stores) for _ in range(2)]
    plan, other = (sample.plan for sample in samples)
    assert plan.run_keys.roles == ("source", "models", "results")
    work = ShardWork(
        0, pipeline.stores, plan.run_key, scenes[0].key, WorkerCommand("", "", 0, "abcdefgh"), 60.0,
        OwnKeys.of(plan.dataset, plan.job, plan.run_keys.roles),
    )  # fmt: skip
    engine, owner = open_engine(pipeline.dataset, lambda _: api), DagRunId("", "asks", plan.run_key)
    pod = engine.prepare(work, owner)
    layout, results = pipeline.stores.layout.variant(plan.variant.directory), pipeline.stores.results.bucket
    asked = [
        *("source", pipeline.stores.source.bucket, scenes[0].key),
        *("source", neighbour.stores.source.bucket, scenes[0].key),
        *("results", results, layout.run(plan.run_key).plan),
        *("results", results, layout.run(other.run_key).plan),
    ]
    pod["spec"]["containers"][0] |= {"command": ["python", "-c", ASK], "args": asked}
    core, name, namespace = client.CoreV1Api(api), pod["metadata"]["name"], pod["metadata"]["namespace"]
    try:
        core.create_namespaced_pod(namespace, pod)
        wait_until(lambda: core.read_namespaced_pod(name, namespace).status.phase == "Succeeded", 120, "the pod's end")
        own, foreign, mine, others = read_log(core, name, namespace, WORKER)
        secret = str(client.CoreV1Api(real_cluster.connect()).read_namespaced_secret(owner.name, namespace).data)
    finally:
        engine.end(lambda: owner, wait_s=60)
    assert own == f"source {len(scenes[0].jpeg)} bytes"
    assert re.fullmatch(r"results \d+ bytes", mine)
    assert f"of bucket '{neighbour.stores.source.bucket}'" in foreign
    assert "denied (AccessDenied)" in foreign
    assert "denied (AccessDenied)" in others
    whose = base64.b64encode(real_cluster.store.secret_key.encode()).decode()
    assert whose not in secret


def test_the_next_plan_reuses_what_a_check_inferred(pipelines, api):
    pipeline = pipelines()
    SampleRun.prepare(pipeline.dataset, pipeline.stores).run(lambda _: api, lambda _: None)
    plan = pipeline.plan()
    assert (plan.reused, plan.work.shards) == (5, ())


NONE = {"image": "127.0.0.1:1/none:1"}
NOWHERE = {
    "volumes": [{"name": "extra", "configMap": {"name": "nowhere"}}],
    "containers": [{"name": "worker", "volumeMounts": [{"name": "extra", "mountPath": "/extra"}]}],
}
STARTS_S = 55.0
"""In place of ten minutes; a start that is slow is spoken of before."""


@dataclass(frozen=True)
class Ended:
    """How a pod ended that could not work.

    Attributes:
        error: What was said of it.
        after_s: When.
        lines: What was said meanwhile, and when.
    """

    error: ShoalError
    after_s: float
    lines: tuple[tuple[float, str], ...]


@pytest.fixture(scope="module")
def doomed(pipelines, api, demo_models):
    """Pods that cannot work, all at once; how each ended."""
    samples = {
        "worker image": _sample(pipelines("direct", worker=NONE)),
        "sidecar image": _sample(pipelines("mount", sidecar=NONE)),
        "volume": _sample(pipelines(pod={"template": {"spec": NOWHERE}})),
        "store": _sample(pipelines()),
        "model": _sample(replaced := pipelines()),
    }
    samples["store"] = led_elsewhere(samples["store"], endpoint_url="http://127.0.0.1:9")
    replaced.stores.models.write_bytes("demo-fish/v1/model.onnx", demo_models["v2"])
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(samples)) as pool:
        patch.setattr("shoal.engines.kubernetes.pod_watch.STARTS_S", STARTS_S)
        ends = {name: pool.submit(_fail, sample, api) for name, sample in samples.items()}
        return {name: end.result() for name, end in ends.items()}


def _sample(pipeline):
    return SampleRun.prepare(pipeline.dataset, pipeline.stores)


def _fail(sample, api) -> Ended:
    lines, started = [], time.monotonic()
    with pytest.raises(ShoalError) as failed:
        sample.run(lambda _: api, lambda line: lines.append((time.monotonic() - started, line)))
    return Ended(failed.value, time.monotonic() - started, tuple(lines))


@pytest.mark.parametrize("container", ["worker", "sidecar"])
def test_an_image_that_cannot_be_pulled_is_named_within_a_minute(container, doomed):
    ended = doomed[f"{container} image"]
    assert isinstance(ended.error, WorkerError)
    assert f"Image '127.0.0.1:1/none:1' of the {container} cannot be pulled" in str(ended.error)
    assert ended.after_s < 60


def test_a_volume_that_is_not_there_is_told_within_a_minute_and_given_up(doomed):
    ended = doomed["volume"]
    assert isinstance(ended.error, WorkerError)
    assert re.search(r'has not started in 55 s .*FailedMount: .*configmap "nowhere" not found', str(ended.error))
    ((after_s, line),) = ended.lines
    assert after_s < 60
    assert 'its last event is FailedMount: MountVolume.SetUp failed for volume "extra"' in line


def test_a_store_the_pod_cannot_reach_is_named_by_the_worker(doomed):
    assert isinstance(doomed["store"].error, WorkerError)
    assert re.search(r"exit code 69: .*127\.0\.0\.1:9", str(doomed["store"].error))


def test_a_model_that_was_replaced_is_refused_by_its_sha256(doomed):
    assert isinstance(doomed["model"].error, ConfigError)
    assert "sha256" in str(doomed["model"].error)


def test_a_mount_in_a_restricted_namespace_says_which_label_it_needs(pipelines, api, namespaces):
    pipeline = pipelines("mount", cluster={"namespace": namespaces["direct"]})
    with pytest.raises(ConfigError, match=r"enforce=privileged; or set cluster\.pod\.transfer: direct"):
        SampleRun.prepare(pipeline.dataset, pipeline.stores).run(lambda _: api, lambda _: None)


@pytest.fixture
def full_quota(real_cluster, namespaces):
    """A quota of the restricted namespace that somebody else's pod has nearly used up."""
    core, namespace = client.CoreV1Api(real_cluster.connect()), namespaces["direct"]
    hog = core.create_namespaced_pod(namespace, waiting_pod(cpu_milli=150)).metadata.name
    core.create_namespaced_resource_quota(
        namespace, {"metadata": {"name": "tight"}, "spec": {"hard": {"requests.cpu": "300m"}}}
    )
    while not core.read_namespaced_resource_quota("tight", namespace).status.used:
        time.sleep(0.2)
    yield
    core.delete_namespaced_resource_quota("tight", namespace)
    core.delete_namespaced_pod(hog, namespace, grace_period_seconds=0)


def test_a_full_quota_is_told_apart_from_an_error(pipelines, api, full_quota):
    pipeline = pipelines()
    with pytest.raises(QuotaExceededError, match=r"exceeded quota: tight.* - lower cluster\.pod or cluster\.share"):
        SampleRun.prepare(pipeline.dataset, pipeline.stores).run(lambda _: api, lambda _: None)
    with pytest.raises(InsufficientCapacityError, match=r"quota tight leaves 0.*free some room"):
        check_room(api, pipeline.dataset)


def test_room_is_counted_with_the_service_account_s_rights(pipelines, api):
    assert re.match(
        r"\d+ pods? may start now: \d+ pods? fits? \(cpu 0\.2, memory", check_room(api, pipelines().dataset)
    )


def test_a_pod_that_fits_no_node_says_so_at_once(pipelines, api):
    with pytest.raises(
        NeverFitsError, match=r"0/1 nodes fit one pod \(cpu 500, .*Insufficient cpu.*not even with nothing else"
    ):
        check_room(api, pipelines(pod={"cpu": "500"}).dataset)


def test_a_missing_namespace_is_named(pipelines, real_cluster):
    with pytest.raises(ConfigError, match=r"namespace"):
        check_room(real_cluster.connect(), pipelines(cluster={"namespace": "nowhere"}).dataset)


def test_a_missing_right_is_named_with_its_verb(pipelines, api):
    with pytest.raises(ConfigError, match=r"may not create pods, .* - apply deploy/rbac\.yaml"):
        check_rights(api, "default")


def test_two_plans_at_once_do_not_promise_the_same_room(pipelines, api):
    dataset = pipelines().dataset
    engine = open_engine(dataset, lambda _: api)

    def room_of(run_id):
        return engine.room(engine.sample_pod(), lambda: DagRunId("", "d", run_id), lambda *_: None)

    alone = room_of("alone").find(promise=False).fit
    rooms = [room_of(f"run{n}") for n in range(2)]

    def find(room):
        try:
            return room.find(promise=True).pods
        except InsufficientCapacityError:
            return 0

    try:
        with ThreadPoolExecutor() as pool:
            promised = list(pool.map(find, rooms))
        assert sum(promised) == alone
    finally:
        for room in rooms:
            engine.end(room.find_owner, wait_s=0)
