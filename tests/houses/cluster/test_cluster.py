"""The test cluster itself: what the other tests take for granted of it."""

import io
import time
from collections.abc import Callable

import pytest
from kubernetes import client
from minio.error import S3Error

from cluster.example_pods import mounting_pod, sleeping_pod, wait_for_pod
from cluster.real_cluster import RealCluster
from waiting import wait_until

KEY = "camera/2024/one.txt"
CONTENT = "one fish, two fish"
PRIVILEGED_NAMESPACE = {"pod-security.kubernetes.io/enforce": "privileged"}
RESTRICTED_NAMESPACE = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture
def bucket(real_cluster: RealCluster) -> str:
    """A bucket with one object."""
    name = f"cluster-{time.time_ns()}"
    minio = real_cluster.store.connect()
    minio.make_bucket(name)
    minio.put_object(name, KEY, io.BytesIO(CONTENT.encode()), len(CONTENT))
    return name


@pytest.fixture
def core(real_cluster: RealCluster) -> client.CoreV1Api:
    """The API, as the cluster's admin."""
    return client.CoreV1Api(real_cluster.connect())


def test_the_node_is_ready_and_has_room(core):
    (node,) = core.list_node().items
    assert {c.type: c.status for c in node.status.conditions}["Ready"] == "True"
    assert int(node.status.allocatable["pods"]) >= 10


def test_a_pod_reads_the_bucket_through_a_mounting_sidecar_and_completes(real_cluster, core, bucket):
    with real_cluster.namespace(PRIVILEGED_NAMESPACE) as namespace:
        core.create_namespaced_pod(namespace, mounting_pod(real_cluster.reader, bucket, KEY, real_cluster.images))
        pod = wait_for_pod(core, namespace, "reader", lambda pod: pod.status.phase in ("Succeeded", "Failed"))
        assert pod.status.phase == "Succeeded", pod.status
        log = core.read_namespaced_pod_log("reader", namespace, container="main", _preload_content=False)
        assert log.data.decode() == CONTENT


def test_pod_security_refuses_a_privileged_sidecar_where_the_namespace_says_restricted(real_cluster, core, bucket):
    with real_cluster.namespace(RESTRICTED_NAMESPACE) as namespace:
        with pytest.raises(client.ApiException, match=r"violates PodSecurity .*restricted:latest") as refused:
            core.create_namespaced_pod(namespace, mounting_pod(real_cluster.reader, bucket, KEY, real_cluster.images))
        assert refused.value.status == 403


def test_a_quota_refuses_the_pod_it_has_no_room_for(real_cluster, core):
    with real_cluster.namespace() as namespace:
        core.create_namespaced_resource_quota(
            namespace, {"metadata": {"name": "small"}, "spec": {"hard": {"requests.cpu": "300m"}}}
        )
        wait_until(lambda: core.read_namespaced_resource_quota("small", namespace).status.used)
        core.create_namespaced_pod(namespace, sleeping_pod(real_cluster.images, "first"))
        with pytest.raises(client.ApiException, match=r"exceeded quota: small, requested: requests.cpu=200m"):
            core.create_namespaced_pod(namespace, sleeping_pod(real_cluster.images, "second"))


def test_a_service_account_may_do_what_its_role_says_and_nothing_else(real_cluster, core, tmp_path):
    with real_cluster.namespace() as namespace:
        rbac = client.RbacAuthorizationV1Api(real_cluster.connect())
        core.create_namespaced_service_account(namespace, {"metadata": {"name": "lister"}})
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
        rbac.create_namespaced_role(namespace, {"metadata": {"name": "lister"}, "rules": rules})
        rbac.create_namespaced_role_binding(
            namespace,
            {
                "metadata": {"name": "lister"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lister"},
                "subjects": [{"kind": "ServiceAccount", "name": "lister", "namespace": namespace}],
            },
        )
        kubeconfig = real_cluster.kubeconfig_of("lister", namespace, tmp_path)
        lister = client.CoreV1Api(real_cluster.connect(kubeconfig))
        wait_until(lambda: _allowed(lambda: lister.list_namespaced_pod(namespace)))
        with pytest.raises(client.ApiException, match=r"lister.* cannot create resource"):
            lister.create_namespaced_pod(namespace, sleeping_pod(real_cluster.images, "refused"))


def test_the_reader_lists_and_gets_and_writes_nothing(real_cluster, bucket):
    reader = real_cluster.reader.connect()
    assert [found.object_name for found in reader.list_objects(bucket, recursive=True)] == [KEY]
    assert reader.get_object(bucket, KEY).read().decode() == CONTENT
    with pytest.raises(S3Error, match="AccessDenied"):
        reader.put_object(bucket, "new.txt", io.BytesIO(b""), 0)
    with pytest.raises(S3Error, match="AccessDenied"):
        reader.remove_object(bucket, KEY)


@pytest.mark.parametrize("program", ["kube-apiserver", "kubelet", "containerd", "minio"])
def test_a_killed_program_comes_back_and_a_running_pod_does_not_notice(real_cluster, core, program):
    with real_cluster.namespace() as namespace:
        core.create_namespaced_pod(namespace, sleeping_pod(real_cluster.images, "sleeper"))
        wait_for_pod(core, namespace, "sleeper", lambda pod: pod.status.phase == "Running")
        before = real_cluster.container_pids(namespace, "sleeper", "main")
        assert before
        real_cluster.kill(program)
        real_cluster.restart(program)
        assert real_cluster.container_pids(namespace, "sleeper", "main") == before
        assert core.read_namespaced_pod("sleeper", namespace).status.container_statuses[0].restart_count == 0


def _allowed(request: Callable[[], object]) -> bool:
    """Whether a request passes: rights take effect a moment after they are written."""
    try:
        request()
    except client.ApiException:
        return False
    return True
