"""What a dataset's pod template may not have: said in one line a field, and had only where the installation says so."""

import pytest

from shoal.contract.errors import ConfigError
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import Workers
from shoal.engines.kubernetes.engine import KubernetesEngine
from shoal.engines.kubernetes.manifests import ShardPod, shard_pod
from shoal.engines.kubernetes.refusals import SWITCH
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.service import Worker

WORKER, SIDECAR = Worker(image="worker:1"), Sidecar(image="sidecar:1")
SHARD = ShardPod("shoal-0123", "run", WorkerCommand("results", "plan.json", 7, "attempt7"), "images", "a.jpg", "uid")


def cluster(template, transfer="mount"):
    return Cluster(kind="kubernetes", pod={"template": template, "transfer": transfer})


def make(template, transfer="mount"):
    return shard_pod(cluster(template, transfer), WORKER, SIDECAR, SHARD)["spec"]


def beside(**fields):
    return {"spec": {"containers": [{"name": "proxy", "image": "proxy:1", **fields}]}}


def on_worker(**fields):
    return {"spec": {"containers": [{"name": "worker", **fields}]}}


def volume(**kind):
    return {"spec": {"volumes": [{"name": "more", **kind}]}}


# The template, the field that is named, why, and the word by which an installation allows it.
ASKED = {
    "the node's network": ({"spec": {"hostNetwork": True}}, "spec.hostNetwork", "true, and the pod would be in the node's network", "hostNetwork"),
    "the node's processes": ({"spec": {"hostPID": True}}, "spec.hostPID", "true, and the pod would see the node's processes", "hostPID"),
    "the node's memory": ({"spec": {"hostIPC": True}}, "spec.hostIPC", "true, and the pod would share", "hostIPC"),
    "each other's processes": ({"spec": {"shareProcessNamespace": True}}, "spec.shareProcessNamespace", "true, and other containers would read the worker's environment", "shareProcessNamespace"),
    "a token": ({"spec": {"automountServiceAccountToken": True}}, "spec.automountServiceAccountToken", "true, and the pod would get a token", "automountServiceAccountToken"),
    "another service account": ({"spec": {"serviceAccountName": "admin"}}, "spec.serviceAccountName", "the pod would have the rights of 'admin'", "serviceAccountName"),
    "it by its old name": ({"spec": {"serviceAccount": "admin"}}, "spec.serviceAccount", "the pod would have the rights of 'admin'", "serviceAccountName"),
    "the node's disk": (volume(hostPath={"path": "/"}), "spec.volumes.more.hostPath", "a volume of this kind reaches beyond the pod", "hostPath"),
    "a server's disk": (volume(nfs={"server": "a", "path": "/"}), "spec.volumes.more.nfs", "a volume of this kind reaches", "nfs"),
    "a Secret of others": (volume(secret={"secretName": "shoal-airflow-token"}), "spec.volumes.more.secret", "a volume of this kind reaches", "secret"),
    "a Secret among others": (volume(projected={"sources": [{"configMap": {}}, {"secret": {"name": "a"}}]}), "spec.volumes.more.projected.sources.1.secret", "it gives the pod a secret", "secret"),
    "a token among others": (volume(projected={"sources": [{"serviceAccountToken": {}}]}), "spec.volumes.more.projected.sources.0.serviceAccountToken", "it gives the pod a secret", "serviceAccountToken"),
    "a Secret as a variable": (on_worker(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a"}}}]), "spec.containers.worker.env.A.valueFrom.secretKeyRef", "it reads a Secret", "secret"),
    "a Secret as all variables": (beside(envFrom=[{"secretRef": {"name": "a"}}]), "spec.containers.proxy.envFrom.0.secretRef", "it reads a Secret", "secret"),
    "a privileged neighbour": (beside(securityContext={"privileged": True}), "spec.containers.proxy.securityContext.privileged", "true gives it more than the worker has", "privileged"),
    "a privileged init container": ({"spec": {"initContainers": [{"name": "early", "securityContext": {"privileged": True}}]}}, "spec.initContainers.early.securityContext.privileged", "true gives it more", "privileged"),
    "root": (beside(securityContext={"runAsUser": 0}), "spec.containers.proxy.securityContext.runAsUser", "0 gives it more", "runAsUser"),
    "root, if it likes": (beside(securityContext={"runAsNonRoot": False}), "spec.containers.proxy.securityContext.runAsNonRoot", "false gives it more", "runAsNonRoot"),
    "a capability": (beside(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}), "spec.containers.proxy.securityContext.capabilities", "", "capabilities"),
    "escalation": (beside(securityContext={"allowPrivilegeEscalation": True}), "spec.containers.proxy.securityContext.allowPrivilegeEscalation", "true gives", "allowPrivilegeEscalation"),
    "no seccomp": (beside(securityContext={"seccompProfile": {"type": "Unconfined"}}), "spec.containers.proxy.securityContext.seccompProfile", "", "seccompProfile"),
    "a bare /proc": (beside(securityContext={"procMount": "Unmasked"}), "spec.containers.proxy.securityContext.procMount", "'Unmasked' gives it more", "procMount"),
    "another SELinux label": (beside(securityContext={"seLinuxOptions": {"type": "spc_t"}}), "spec.containers.proxy.securityContext.seLinuxOptions", "Shoal does not know it", "seLinuxOptions"),
    "kernel settings": ({"spec": {"securityContext": {"sysctls": []}}}, "spec.securityContext.sysctls", "Shoal does not know it", "sysctls"),
    "no AppArmor": ({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/worker": "unconfined"}}}, "metadata.annotations.container.apparmor.security.beta.kubernetes.io/worker", "it changes how a container is confined", "appArmorProfile"),
    "a port of the node": (beside(ports=[{"containerPort": 1, "hostPort": 80}]), "spec.containers.proxy.ports.0.hostPort", "80 would be open on the node", "hostPort"),
    "the worker's scratch folder": (beside(volumeMounts=[{"name": "scratch", "mountPath": "/a"}]), "spec.containers.proxy.volumeMounts.0.name", "scratch is the worker's own volume", "volumeMounts"),
    "the images the worker reads": (beside(volumeMounts=[{"name": "bucket", "mountPath": "/a"}]), "spec.containers.proxy.volumeMounts.0.name", "bucket is the worker's own volume", "volumeMounts"),
    "a mount that goes back": (beside(volumeMounts=[{"name": "a", "mountPath": "/a", "mountPropagation": "Bidirectional"}]), "spec.containers.proxy.volumeMounts.0.mountPropagation", "'Bidirectional' would reach the node", "mountPropagation"),
    "a field of tomorrow": ({"spec": {"hostEverything": True}}, "spec.hostEverything", "Shoal does not know it", "hostEverything"),
    "a slip of the pen": ({"spec": {"toleration": []}}, "spec.toleration", "Shoal does not know it, did you mean tolerations?", "toleration"),
    **{
        f"a mount over {path}": (on_worker(volumeMounts=[{"name": "a", "mountPath": path}]), "spec.containers.worker.volumeMounts.0.mountPath", f"{path!r} lies over or in", "volumeMounts")
        for path in ("/tmp", "/lib64", "/", "//tmp/", "/etc/../tmp/x", "/bucket/images", "/etc/shoal", "/opt", "/opt/shoal/lib/python3", "/proc/self", "/usr/bin")  # noqa: S108 - the pod's own
    },
}  # fmt: skip

NEVER = {
    "a worker that is privileged": (on_worker(securityContext={"privileged": True}), "spec.containers.worker.securityContext: Shoal sets this itself, a template adds env, envFrom, resources, volumeMounts - remove it"),
    "a worker of another command": (on_worker(command=["sh"]), "spec.containers.worker.command: Shoal sets this itself"),
    "a worker of other arguments": (on_worker(args=["x"]), "spec.containers.worker.args: Shoal sets this itself"),
    "a worker of another image": (on_worker(image="evil:1"), "spec.containers.worker.image: Shoal sets this itself, a template adds env, envFrom, resources, volumeMounts - worker.image or sidecar.image says it"),
    "a worker with a hook": (on_worker(lifecycle={"postStart": {}}), "spec.containers.worker.lifecycle: Shoal sets this itself"),
    "a worker told of another store": (on_worker(env=[{"name": "SHOAL_RESULTS_ENDPOINT_URL", "value": "http://x"}]), "spec.containers.worker.env.SHOAL_RESULTS_ENDPOINT_URL: Shoal sets this variable itself - remove it"),
    "a worker of other code": (on_worker(env=[{"name": "PYTHONPATH", "value": "/x"}]), "spec.containers.worker.env.PYTHONPATH: Shoal sets this variable itself"),
    "a sidecar told of another store": ({"spec": {"initContainers": [{"name": "bucket", "env": [{"name": "RCLONE_S3_ENDPOINT", "value": "x"}]}]}}, "spec.initContainers.bucket.env.RCLONE_S3_ENDPOINT: Shoal sets this variable itself"),
    "root for all": ({"spec": {"securityContext": {"runAsUser": 0}}}, "spec.securityContext.runAsUser: 0, and Shoal sets it to 65532 - remove it"),
    "no seccomp for all": ({"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}}, "spec.securityContext.seccompProfile: {'type': 'Unconfined'}, and Shoal sets it to {'type': 'RuntimeDefault'} - remove it"),
    "a volume of Shoal's": ({"spec": {"volumes": [{"name": "scratch", "configMap": {}}]}}, "spec.volumes.scratch: a volume of Shoal's is called so - choose another name"),
    "a second worker": ({"spec": {"initContainers": [{"name": "worker"}]}}, "spec.initContainers.worker: no container of Shoal's is called worker here - remove it, or choose another name"),
    "an owner": ({"metadata": {"ownerReferences": []}}, "metadata.ownerReferences: a template has labels and annotations, the rest is Shoal's - remove it"),
    "a pod that stays": ({"metadata": {"finalizers": ["a/b"]}}, "metadata.finalizers: a template has labels and annotations"),
    "no list": ({"spec": {"containers": 5}}, "spec.containers: is no list (5) - write one, each entry a mapping"),
    "no mapping in a list": ({"spec": {"containers": ["worker"]}}, "spec.containers.0: is no mapping ('worker') - write name: value"),
    "a container without a name": ({"spec": {"containers": [{"image": "x"}]}}, "spec.containers.0: has no name - add it"),
    "a text for security": (beside(securityContext="none"), "spec.containers.proxy.securityContext: is no mapping ('none') - write name: value"),
    "no mapping of labels": ({"metadata": {"labels": ["a"]}}, "metadata.labels: is no mapping (['a']) - write name: value"),
    "a name that hides itself": ({"spec": {"a\x1b[2J\u202eb": 1}}, r"spec.a\x1b[2J\u202eb: Shoal does not know it - remove it, or allow it"),
}  # fmt: skip


@pytest.mark.parametrize(("template", "place", "why", "name"), ASKED.values(), ids=ASKED)
def test_what_reaches_beyond_the_pod_needs_the_installation_s_word(template, place, why, name, monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    with pytest.raises(ConfigError) as refused:
        make(template)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"cluster.pod.template.{place}: {why}")
    assert line.endswith(f" - remove it, or allow it where Airflow runs: SHOAL_POD_TEMPLATE_MAY={name}")
    monkeypatch.setenv(SWITCH, f"other, {name}")
    make(template)


@pytest.mark.parametrize(("template", "line"), NEVER.values(), ids=NEVER)
def test_what_shoal_sets_is_nobody_else_s(template, line, monkeypatch):
    monkeypatch.setenv(SWITCH, "privileged securityContext command args image env volumeMounts runAsUser worker")
    with pytest.raises(ConfigError) as refused:
        make(template)
    assert str(refused.value).startswith(f"cluster.pod.template.{line}")


def test_a_template_for_a_sidecar_that_is_not_there_is_told():
    with pytest.raises(
        ConfigError, match=r"spec\.initContainers\.bucket: no container of Shoal's is called bucket here"
    ):
        make({"spec": {"initContainers": [{"name": "bucket", "env": []}]}}, transfer="direct")


HARMLESS = {
    "what is false by default": {"spec": {"hostNetwork": False, "hostPID": False, "automountServiceAccountToken": False, "serviceAccountName": "default"}},
    "what Shoal sets, too": {"spec": {"securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "supplementalGroups": [5]}}},
    "a neighbour that is as weak": beside(securityContext={"privileged": False, "runAsUser": 5, "capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"}}, ports=[{"containerPort": 80}]),
    "volumes of the pod": {"spec": {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "x"}}, {"name": "c", "persistentVolumeClaim": {"claimName": "x"}}]}},
    "a proxy, a certificate and a disk": on_worker(env=[{"name": "HTTPS_PROXY", "value": "x"}], volumeMounts=[{"name": "a", "mountPath": "/etc/ssl/certs"}], resources={"limits": {"ephemeral-storage": "1Gi"}}),
    "nothing, in every way": {"metadata": {}, "spec": {"containers": None, "initContainers": [], "volumes": None, "securityContext": None}},
}  # fmt: skip


@pytest.mark.parametrize("template", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("transfer", ["mount", "direct"])
def test_what_harms_nobody_needs_no_word(template, transfer, monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    worker = make(template, transfer)["containers"][0]
    assert worker["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip


def test_a_token_that_the_installation_allows_is_given(monkeypatch):
    monkeypatch.setenv(SWITCH, "automountServiceAccountToken")
    assert make({"spec": {"automountServiceAccountToken": True}})["automountServiceAccountToken"] is True
    assert make({"spec": {"automountServiceAccountToken": False}})["automountServiceAccountToken"] is False


def test_every_field_has_its_line_and_there_are_not_thousands():
    template = {"spec": {f"host{n}": True for n in range(1000)}}
    with pytest.raises(ConfigError) as refused:
        make(template)
    lines = str(refused.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "cluster.pod.template: … and 980 more")


def test_it_is_told_before_anything_is_reached():
    def connect(conn_id):
        raise AssertionError(conn_id)

    engine = KubernetesEngine(Workers(cluster({"spec": {"hostPID": True}}), WORKER, SIDECAR), connect)
    with pytest.raises(ConfigError, match=r"spec\.hostPID"):
        engine.need_settings()
