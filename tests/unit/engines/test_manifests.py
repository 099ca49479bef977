"""The pod of a shard, as plain values: what is in it, what is not, and what a template can and cannot change."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from shoal.contract.errors import ConfigError
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import DagRunId
from shoal.engines.kubernetes.manifests import ShardPod, run_secret, shard_pod
from shoal.settings.execution import Cluster, PodSettings, Sidecar
from shoal.settings.service import Worker
from shoal.settings.source import Nfs, Volume
from shoal.stores.kinds import write_env
from shoal.stores.rclone_access import RcloneAccess
from shoal.stores.s3_access import StoreAccess
from shoal_worker.sources.mount_doubt import ANSWER_S, SILENT_S

COMMAND = WorkerCommand("results", "runs/plan.json", 7, "attempt7")
SHARD = ShardPod("shoal-0123", "20260601T020000Z-abcd1234", COMMAND, "images", "cam/a'b $(x).jpg", "uid-1")
WORKER = Worker(image="worker:1")
SIDECAR = Sidecar(image="sidecar:1")


def make_pod(**pod):
    return shard_pod(Cluster(kind="kubernetes", pod=pod), WORKER, SIDECAR, SHARD)


@pytest.mark.parametrize(
    ("volume", "made"),
    [
        (Volume(claim="photos"), {"persistentVolumeClaim": {"claimName": "photos", "readOnly": True}}),
        (
            Volume(nfs=Nfs(server="nas", path="/export")),
            {"nfs": {"server": "nas", "path": "/export", "readOnly": True}},
        ),
        (Volume(nfs=Nfs(server="efs", path="/")), {"nfs": {"server": "efs", "path": "/", "readOnly": True}}),
    ],
    ids=["claim", "nfs", "nfs, all that a server has"],
)
def test_a_volume_of_images_is_mounted_read_only_and_needs_no_sidecar(volume, made):
    pod = shard_pod(Cluster(kind="kubernetes"), WORKER, Sidecar(), replace(SHARD, volume=volume))["spec"]
    assert {"name": "images", **made} in pod["volumes"]
    (worker,) = pod["containers"]
    assert {"name": "images", "mountPath": "/images", "readOnly": True} in worker["volumeMounts"]
    assert "initContainers" not in pod
    assert "--mount" not in worker["args"]
    below = volume.model_copy(update={"sub_path": "2026/"})
    assert below.describe() in {"claim photos/2026/", "nas:/export/2026/", "efs:/2026/"}
    pod = shard_pod(Cluster(kind="kubernetes"), WORKER, Sidecar(), replace(SHARD, volume=below))["spec"]
    assert "2026" in [mount.get("subPath") for mount in pod["containers"][0]["volumeMounts"]]


def test_the_sidecar_is_native_and_mounts_before_the_worker_starts():
    spec = make_pod(transfer="mount")["spec"]
    (sidecar,) = spec["initContainers"]
    (worker,) = spec["containers"]
    assert sidecar["restartPolicy"] == "Always"
    assert "startupProbe" in sidecar
    assert sidecar["volumeMounts"][0]["mountPropagation"] == "Bidirectional"
    assert worker["volumeMounts"][-1]["mountPropagation"] == "HostToContainer"
    assert worker["args"][-2:] == ["--mount", "/bucket/images"]


def test_direct_has_no_sidecar_and_nothing_privileged():
    pod = make_pod(transfer="direct")
    assert "initContainers" not in pod["spec"]
    assert "privileged" not in json.dumps(pod)
    assert "--mount" not in pod["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("transfer", ["mount", "direct"])
def test_the_worker_has_no_rights_at_all(transfer):
    spec = make_pod(transfer=transfer)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    security = spec["containers"][0]["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["capabilities"]) == (True, {"drop": ["ALL"]})


def test_keys_reach_the_shell_as_values_never_as_code():
    (sidecar,) = make_pod(transfer="mount")["spec"]["initContainers"]
    assert "$(x)" not in json.dumps([sidecar["command"], sidecar["startupProbe"]])
    assert {"name": "SHOAL_PROBE_KEY", "value": "cam/a'b $$(x).jpg"} in sidecar["env"], "$$: Kubernetes expands nothing"


@pytest.mark.parametrize(
    ("cpu", "threads"),
    [
        pytest.param("500m", "1", id="half a core still needs a thread"),
        pytest.param("1", "1", id="one"),
        pytest.param("2500m", "2", id="whole cores only"),
    ],
)
def test_the_cpu_limit_decides_the_threads(cpu, threads):
    (worker,) = make_pod(cpu=cpu)["spec"]["containers"]
    assert worker["args"][worker["args"].index("--threads") + 1] == threads
    assert worker["resources"]["limits"]["cpu"] == cpu


def test_the_worker_starts_in_a_folder_of_the_pod_s_own():
    spec = make_pod()["spec"]
    (worker,) = spec["containers"]
    (folder,) = [mount["name"] for mount in worker["volumeMounts"] if mount["mountPath"] == worker["workingDir"]]
    assert {"name": folder, "emptyDir": {}} in spec["volumes"]


@pytest.mark.parametrize(
    ("asked", "devices"),
    [
        pytest.param({"gpu": 1}, {"nvidia.com/gpu": "1"}, id="a GPU"),
        pytest.param({"resources": {"nvidia.com/mig-1g.10gb": 2}}, {"nvidia.com/mig-1g.10gb": "2"}, id="slices of one"),
        pytest.param({"gpu": 1, "resources": {"rdma/hca": 1}}, {"nvidia.com/gpu": "1", "rdma/hca": "1"}, id="both"),
    ],
)
def test_devices_are_asked_for_like_any_resource(asked, devices):
    (worker,) = make_pod(**asked)["spec"]["containers"]
    for asked_for in worker["resources"].values():
        assert {name: amount for name, amount in asked_for.items() if "/" in name} == devices


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        pytest.param({"resources": {"gpu": 1}}, "is no resource of a device plugin", id="no domain"),
        pytest.param(
            {"resources": {"kubernetes.io/gpu": 1}},
            "is no resource of a device plugin",
            id="the domain of Kubernetes itself",
        ),
        pytest.param({"resources": {"node.kubernetes.io/x": 1}}, "is no resource of a device plugin", id="below it"),
        pytest.param({"resources": {"nvidia.com/gpu": "1"}}, "valid integer", id="text"),
        pytest.param({"resources": {"nvidia.com/gpu": 0}}, "greater than or equal to 1", id="none"),
        pytest.param(
            {"gpu": 1, "resources": {"nvidia.com/gpu": 1}},
            "gpu: 1 and resources: nvidia.com/gpu are the same - leave one out",
            id="GPUs said twice",
        ),
    ],
)
def test_a_device_that_kubernetes_would_not_count_is_refused(pod, message):
    with pytest.raises(ValidationError, match=message):
        make_pod(**pod)


def test_a_template_adds_and_cannot_take_away():
    template = {
        "metadata": {"labels": {"team": "fish", "shoal/run": "mine"}},
        "spec": {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "priorityClassName": "shoal",
            "imagePullSecrets": [{"name": "registry"}],
            "restartPolicy": "Always",
            "volumes": [{"name": "cache", "emptyDir": {}}],
            "containers": [
                {"name": "proxy", "image": "proxy:1"},
                {"name": "worker", "env": [{"name": "OMP_NUM_THREADS", "value": "1"}]},
            ],
        },
    }
    pod = make_pod(template=template)
    spec = pod["spec"]
    assert pod["metadata"]["labels"]["team"] == "fish"
    assert pod["metadata"]["labels"]["shoal/run"] == "shoal-0123"
    assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"disk": "ssd"}, "shoal")
    assert spec["restartPolicy"] == "Never"
    assert [volume["name"] for volume in spec["volumes"]] == ["cache", "scratch", "ca", "bucket"]
    assert [container["name"] for container in spec["containers"]] == ["worker", "proxy"]
    assert spec["containers"][0]["image"] == "worker:1"
    of_the_node = {"name": "SHOAL_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    assert spec["containers"][0]["env"] == [{"name": "OMP_NUM_THREADS", "value": "1"}, of_the_node]


def test_the_pod_goes_with_its_run():
    (owner,) = make_pod()["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ConfigMap", "shoal-0123", "uid-1")


def test_no_secret_is_in_the_pod_and_all_are_in_the_run_secret(tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----")
    access = StoreAccess("https://store:9000", "AKIA", "s3cr3t-canary", ca_file=str(authority))
    secret = run_secret(Cluster(), "shoal-0123", "uid-1", {"source": access})
    assert {"SHOAL_SOURCE_SECRET_KEY", "SHOAL_SOURCE_ENDPOINT_URL", "source.pem"} <= set(secret["data"])
    assert "canary" not in json.dumps(make_pod())


def test_pods_may_be_given_an_identity_that_worker_and_sidecar_find(monkeypatch):
    """A service account with a role; where the cluster does not write its token into pods, the template does."""
    monkeypatch.setenv("SHOAL_POD_TEMPLATE_MAY", "serviceAccountName,serviceAccountToken")
    token = {"name": "identity", "mountPath": "/var/run/identity", "readOnly": True}
    given = {
        "env": [{"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/identity/token"}],
        "volumeMounts": [token],
    }
    template = {
        "spec": {
            "serviceAccountName": "shoal-worker",
            "volumes": [
                {
                    "name": "identity",
                    "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "minio"}}]},
                }
            ],
            "containers": [{"name": "worker", **given}],
            "initContainers": [{"name": "bucket", **given}],
        }
    }
    spec = make_pod(template=template, transfer="mount")["spec"]
    assert spec["serviceAccountName"] == "shoal-worker"
    (worker,), (sidecar,) = spec["containers"], spec["initContainers"]
    for container in (worker, sidecar):
        assert given["env"][0] in container["env"]
        assert token in container["volumeMounts"]
    assert worker["image"] == "worker:1"
    assert worker["envFrom"]
    assert sidecar["command"][:2] == ["sh", "-c"]


def test_the_secret_holds_all_that_the_sidecar_asks_of_it():
    """A pod whose Secret lacks one key never starts."""
    stored = set(run_secret(Cluster(), "shoal-0123", "uid-1", {"source": StoreAccess("http://s", "k", "s")})["data"])
    (sidecar,) = make_pod(transfer="mount")["spec"]["initContainers"]
    asked = {entry["valueFrom"]["secretKeyRef"]["key"] for entry in sidecar["env"] if "valueFrom" in entry}
    assert asked <= stored


def test_rclone_reads_beside_the_worker_without_privilege_and_is_told_nothing_secret_but_by_the_secret():
    access = RcloneAccess({"type": "webdav", "url": "https://dav", "bearer_token": "t0ken"}, "s3cr3t", "/etc/ssl/certs")
    pods = [
        shard_pod(
            Cluster(kind="kubernetes", pod=PodSettings(transfer=transfer)),
            WORKER,
            SIDECAR,
            replace(SHARD, source_kind="rclone"),
        )
        for transfer in ("mount", "direct")
    ]
    assert pods[0] == pods[1], "nothing is mounted"
    (worker,), (sidecar,) = pods[0]["spec"]["containers"], pods[0]["spec"]["initContainers"]
    assert sidecar["securityContext"] == worker["securityContext"]
    assert (sidecar["name"], sidecar["restartPolicy"], sidecar["image"]) == ("bucket", "Always", SIDECAR.image)
    assert "--mount" not in worker["args"]
    stored = write_env(access, "source")
    asked = {entry["valueFrom"]["secretKeyRef"]["key"] for entry in sidecar["env"] if "valueFrom" in entry}
    assert asked == set(stored) - {"SHOAL_SOURCE_KIND", "SHOAL_SOURCE_RCLONE_SERVED"}
    said = json.dumps(pods[0])
    assert not [value for value in ("t0ken", "s3cr3t", access.door) if value in said]


def test_run_names_are_valid_and_differ():
    names = {
        DagRunId("a", "dag", "manual__2026-06-01T02:00:00+00:00").name, DagRunId("b", "dag", "manual__2026-06-01T02:00:00+00:00").name,
        DagRunId("a", "dag", "x" * 250).name, DagRunId("a", "dag\nx", "").name,
    }  # fmt: skip
    assert len(names) == 4
    assert all(len(name) <= 40 and name.replace("-", "").isalnum() for name in names)


def test_a_missing_image_is_named():
    with pytest.raises(ConfigError, match=r"worker\.image is not set - `make images` builds it"):
        shard_pod(Cluster(kind="kubernetes"), Worker(), SIDECAR, SHARD)


def test_a_mount_that_hangs_is_started_anew_before_the_worker_gives_it_up():
    (sidecar,) = make_pod(transfer="mount")["spec"]["initContainers"]
    probe = sidecar["livenessProbe"]
    assert probe["exec"]["command"] == ["stat", "-f", "/bucket/images"], "asks the mount, not the store"
    looks_s = probe["periodSeconds"] + probe["failureThreshold"] * probe["timeoutSeconds"]
    assert looks_s + probe["terminationGracePeriodSeconds"] < SILENT_S + ANSWER_S
