"""Somebody's own program in the pod of a shard: its container, what a template adds to it, and what it counts for."""

import json
from decimal import Decimal

import pytest

from service_settings import DIGEST, IMAGE, deepaas, oscar
from shoal.capacity.scheduler.requests import pod_requests
from shoal.contract.errors import ConfigError
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import Workers
from shoal.engines.kubernetes.engine import KubernetesEngine
from shoal.engines.kubernetes.manifests import ShardPod, shard_pod
from shoal.engines.local.engine import LocalEngine
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.service import Worker
from shoal.shards.attempt import ShardWork

SHARD = ShardPod("shoal-0123", "run", WorkerCommand("results", "plan.json", 7, "attempt7"), "images", "a.jpg", "uid")


def make(service, transfer="direct", template=None):
    cluster = Cluster(kind="kubernetes", pod={"transfer": transfer, "cpu": "2", "template": template or {}})
    return shard_pod(cluster, Worker(image="worker:1", service=service), Sidecar(image="sidecar:1"), SHARD)


def service_of(pod):
    return next(one for one in pod["spec"]["initContainers"] if one["name"] == "service")


def test_a_module_is_a_sidecar_that_is_asked_until_it_answers():
    service = service_of(make(deepaas(port=5001, start_timeout="15m")))
    assert (service["image"], service["restartPolicy"]) == (IMAGE, "Always")
    probe = service["startupProbe"]
    assert probe["httpGet"] == {"path": "/v2/models/", "port": 5001}
    assert probe["periodSeconds"] * probe["failureThreshold"] == 900
    assert "command" not in service, "the image starts itself"


def test_a_script_is_run_by_our_loop_in_a_folder_that_both_share():
    pod = make(oscar())
    service, (worker,) = service_of(pod), pod["spec"]["containers"]
    (mount,) = service["volumeMounts"]
    assert mount in worker["volumeMounts"]
    assert service["command"][:2] == ["sh", "-c"]
    assert service["command"][3:] == ["shoal-loop", mount["mountPath"]]
    assert "$$folder" in service["command"][2], "a $ that Kubernetes would read is doubled"
    assert {"name": "service", "emptyDir": {}} in pod["spec"]["volumes"]


@pytest.mark.parametrize("service", [pytest.param(deepaas(), id="a module"), pytest.param(oscar(), id="a script")])
@pytest.mark.parametrize("transfer", ["mount", "direct"])
def test_it_gets_nothing_of_ours(service, transfer):
    pod = make(service, transfer)
    container = service_of(pod)
    assert not {"env", "envFrom", "ports"} & set(container)
    assert {mount["name"] for mount in container.get("volumeMounts", ())} <= {"service"}
    assert "shoal-0123" not in json.dumps(container), "the run's Secret"
    assert pod["spec"]["automountServiceAccountToken"] is False
    security = container["securityContext"]
    assert (security["allowPrivilegeEscalation"], security["capabilities"]) == (False, {"drop": ["ALL"]})
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, "its user is the pod's"


def test_the_mount_comes_first_whose_store_may_not_answer():
    assert [one["name"] for one in make(deepaas(), "mount")["spec"]["initContainers"]] == ["bucket", "service"]


def test_it_counts_beside_worker_and_mount():
    asks = {"cpu": "1500m", "memory": "3Gi", "gpu": 1}
    counted = pod_requests(make(deepaas(**asks), "mount"))
    assert counted["cpu"] == Decimal(2) + Decimal("1.5") + Decimal("0.1")
    assert counted["memory"] == 2 * 2**30 + 3 * 2**30 + 256 * 2**20
    assert counted["nvidia.com/gpu"] == 1
    container = service_of(make(deepaas(**asks)))
    assert container["resources"]["limits"] == {"cpu": "1500m", "memory": "3Gi", "nvidia.com/gpu": "1"}


def test_beside_airflow_each_worker_has_one_of_its_own():
    local = deepaas(image=None, command=["deepaas-run", "--listen-port={port}"], cpu="3")
    engine = LocalEngine(Workers(Cluster(), Worker(service=local)), lambda _: None)
    assert pod_requests(engine.sample_pod())["cpu"] == 4
    assert engine.describe().endswith("; beside each a service of cpu 3, memory 2Gi")


def on_service(**fields):
    return {"spec": {"initContainers": [{"name": "service", **fields}]}}


def test_a_template_adds_what_a_program_of_somebody_needs():
    cache = {"name": "cache", "mountPath": "/srv/.cache"}
    template = on_service(
        env=[{"name": "HOME", "value": "/srv"}], volumeMounts=[cache], securityContext={"runAsUser": 1000}
    )
    template["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
    service = service_of(make(deepaas(), template=template))
    assert (service["env"], service["volumeMounts"]) == ([{"name": "HOME", "value": "/srv"}], [cache])
    assert service["securityContext"]["runAsUser"] == 1000
    assert service["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert service["image"] == IMAGE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"image": "x:1"}, r"\.image: .* - worker\.service\.image says it", id="another image"),
        pytest.param({"command": ["sh"]}, r"\.command: Shoal sets this itself", id="a command"),
        pytest.param({"resources": {}}, r"\.resources: .* worker\.service\.cpu, memory", id="a size"),
        pytest.param({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, r"capabilities: .* and Shoal sets it", id="a capability"),
        pytest.param({"securityContext": {"runAsUser": 0}}, r"runAsUser: 0 gives it more than the worker has", id="root"),
        pytest.param({"securityContext": {"privileged": True}}, r"privileged: true gives it more", id="privileged"),
        pytest.param({"envFrom": [{"secretRef": {"name": "shoal-0123"}}]}, r"secretRef: it reads a Secret", id="a secret"),
        pytest.param({"volumeMounts": [{"name": "scratch", "mountPath": "/x"}]}, r"scratch is the worker's own volume", id="our volume"),
    ],
)  # fmt: skip
def test_a_template_takes_nothing_away(fields, said):
    with pytest.raises(ConfigError, match=said):
        make(deepaas(), template=on_service(**fields))


def test_a_container_that_others_call_service_is_theirs_where_no_dataset_file_has_one():
    pod = make(None, template=on_service(image="mesh:1", restartPolicy="Always"))
    assert service_of(pod)["image"] == "mesh:1"
    assert DIGEST not in json.dumps(pod)


def test_a_worker_that_waits_for_its_service_is_not_taken_for_one_that_hangs():
    patient = deepaas(timeout="30m", start_timeout="1h")
    workers = Workers(Cluster(kind="kubernetes"), Worker(image="worker:1", service=patient), Sidecar(image="sidecar:1"))
    work = ShardWork(1, None, "run", "a.jpg", SHARD.command, budget_s=600.0, own_keys=None)
    assert KubernetesEngine(workers, lambda _: None).bounds(work).work_s == 600 + 1800 + 3600
