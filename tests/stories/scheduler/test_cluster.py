"""The reads against a real API server: pages, defaults, missing rights, and one line for whatever is wrong."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ForbiddenException

from scheduling.objects import container, node, pod
from shoal.contract.errors import ClusterError, ConfigError, InsufficientCapacityError
from shoal.engines.engine import Workers
from shoal.engines.kubernetes import cluster
from shoal.engines.kubernetes.cluster import connect, default_namespace, measure_room, read_cluster
from shoal.engines.kubernetes.settings import KubernetesSettings
from shoal.settings.execution import Cluster
from shoal.settings.service import Worker
from shoal.settings.source import Volume

RBAC = Path(__file__).parents[3] / "deploy" / "rbac.yaml"
SERVE = RBAC.with_name("serve.yaml")
SMALL = pod(container(cpu="1", memory="1Gi"), namespace="shoal")


@pytest.fixture(scope="module")
def api_client(control_plane):
    return control_plane.connect()


@pytest.fixture(scope="module")
def core(api_client):
    return client.CoreV1Api(api_client)


@pytest.fixture(scope="module")
def namespace(core):
    """A namespace without quota and limits, named as in deploy/rbac.yaml."""
    core.create_namespace({"metadata": {"name": "shoal"}})
    return "shoal"


@pytest.fixture
def two_nodes(core):
    """Two empty nodes of 4 cores and 8Gi."""
    for name in ("first", "second"):
        core.create_node(node(name))
    yield
    core.delete_collection_node()


@pytest.fixture
def settings(core):
    """Makes namespaces with objects in them; they are gone after the test."""
    made = []

    def make(name, labels=None, **objects):
        core.create_namespace({"metadata": {"name": name, "labels": labels or {}}})
        made.append(name)
        for kind, spec in objects.items():
            body = {"metadata": {"name": kind.replace("_", "-")}, "spec": spec}
            getattr(core, f"create_namespaced_{kind}")(name, body)
        return name

    yield make
    for name in made:
        core.delete_collection_namespaced_resource_quota(name)
        core.delete_collection_namespaced_limit_range(name)


def test_an_empty_cluster_has_room_for_what_its_nodes_hold(api_client, namespace, two_nodes):
    fit = measure_room(api_client, namespace, SMALL)
    assert (fit.pods, fit.notes) == (8, ())
    assert [each.name for each in fit.nodes] == ["first", "second"]


def test_lists_longer_than_a_page_are_read_whole(api_client, namespace, two_nodes, core, monkeypatch):
    for index in range(5):
        core.create_namespaced_pod(namespace, named(f"running{index}", nodeName="first"))
    monkeypatch.setattr(cluster, "PAGE_OBJECTS", 2)
    assert len(read_cluster(api_client, namespace).pods) == 5
    core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0)


class ForgetfulServer(BaseHTTPRequestHandler):
    """Answers as an API server whose list of two nodes, a page each, expires once between the pages."""

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        token = query.get("continue", [""])[0]
        self.server.tokens.append(token)
        if len(self.server.tokens) == 2:
            self.answer(410, {"kind": "Status", "message": "The provided continue parameter is too old", "code": 410})
        else:
            name, more = ("second", "") if token else ("first", "page2")
            self.answer(200, {"metadata": {"continue": more}, "items": [node(name)]})

    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


def test_a_list_that_expires_between_two_pages_is_read_once_more():
    """An API server that keeps what it listed in memory does not forget at a test's command, so this one is ours."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ForgetfulServer) as server:
        server.tokens = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api_client = client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_port}"))
        found = cluster._read_list(client.CoreV1Api(api_client).list_node, lambda raw: raw["metadata"]["name"])
        server.shutdown()
    assert found == ("first", "second")
    assert server.tokens == ["", "page2", "", "page2"]


def named(name, **spec):
    body = pod(container(cpu="1", memory="1Gi"), **spec)
    return {**body, "metadata": {"name": name}}


def test_defaults_of_the_namespace_are_counted(api_client, core, settings, two_nodes):
    limits = [{"type": "Container", "defaultRequest": {"cpu": "2", "memory": "1Gi"}}]
    name = settings("defaults", limit_range={"limits": limits})
    until(lambda: dry_run(core, name, container()).spec.containers[0].resources.requests)
    fit = measure_room(api_client, name, pod(container(), namespace=name))
    assert (fit.request, fit.pods) == ({"cpu": 2, "memory": 2**30}, 4)


def test_a_quota_that_wants_limits_refuses_a_pod_without_them(api_client, core, settings, two_nodes):
    name = settings("strict", resource_quota={"hard": {"limits.cpu": "4"}})
    take_up(core, name)
    fit = measure_room(api_client, name, pod(container(cpu="1"), namespace=name))
    assert (fit.pods, fit.never) == (0, True)
    assert fit.shortage == "0 pods fit (cpu 1): failed quota resource-quota: must specify limits.cpu for: main"


def test_defaults_that_exceed_a_quota_are_explained_by_the_server(api_client, core, settings, two_nodes):
    """The pod as given fits; the default that the namespace would add does not."""
    limits = [{"type": "Container", "defaultRequest": {"memory": "9Gi"}}]
    name = settings("tight", limit_range={"limits": limits})
    until(lambda: dry_run(core, name, container()).spec.containers[0].resources.requests)
    quota = {"metadata": {"name": "tight"}, "spec": {"hard": {"requests.memory": "4Gi"}}}
    core.create_namespaced_resource_quota(name, quota)
    take_up(core, name)
    a_pod = pod(container(cpu="1"), namespace=name, resources={"requests": {"cpu": "1"}})
    with pytest.raises(InsufficientCapacityError, match=r"exceeded quota: tight, requested: .*=9Gi, used: "):
        measure_room(api_client, name, a_pod)


def take_up(core, namespace):
    """Do what the quota controller would: declare the limits valid and nothing used; wait until admission knows."""
    [quota] = core.list_namespaced_resource_quota(namespace).items
    status = {"hard": quota.spec.hard, "used": dict.fromkeys(quota.spec.hard, "0")}
    core.patch_namespaced_resource_quota_status(quota.metadata.name, namespace, {"status": status})
    until(lambda: dry_run(core, namespace, container()) is None)


def dry_run(core, namespace, a_container):
    """Ask what would become of a pod; None when it is forbidden."""
    try:
        body = {"metadata": {"generateName": "p-"}, "spec": {"containers": [a_container]}}
        return core.create_namespaced_pod(namespace, body, dry_run="All")
    except ForbiddenException:
        return None


def until(condition):
    """Wait until something holds; what is created reaches admission a moment later."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_namespace_that_is_missing_is_named(api_client, two_nodes):
    with pytest.raises(ConfigError, match=r'namespaces "nowhere" not found - create the namespace'):
        measure_room(api_client, "nowhere", SMALL | {"metadata": {"name": "p"}})


def test_a_pod_that_admission_refuses_is_refused(api_client, settings, two_nodes):
    name = settings("restricted", labels={"pod-security.kubernetes.io/enforce": "restricted"})
    with pytest.raises(ConfigError, match=r"violates PodSecurity .* - "):
        measure_room(api_client, name, pod(container(cpu="1"), namespace=name))


def test_a_worker_with_a_claim_of_images_passes_pod_security_restricted_and_one_with_nfs_does_not(
    api_client, settings, two_nodes
):
    name = settings("of-a-folder", labels={"pod-security.kubernetes.io/enforce": "restricted"})

    def room(volume):
        source = Volume.model_validate(volume)
        workers = Workers(Cluster(kind="kubernetes", namespace=name), Worker(image="worker:1"), volume=source)
        return measure_room(api_client, name, KubernetesSettings(workers).sample_pod())

    assert room({"claim": "photos", "sub_path": "2026"})
    with pytest.raises(
        ConfigError, match=r'violates PodSecurity .*restricted volume types \(volume "images" uses.* - name a Persist'
    ):
        room({"nfs": {"server": "nas.example.org", "path": "/photos"}})


@pytest.mark.parametrize(("image", "field"), [pytest.param("", r"containers\[0\]\.image: Required", id="no image")])
def test_an_invalid_pod_is_refused_in_the_servers_words(api_client, namespace, image, field):
    with pytest.raises(ConfigError, match=field):
        measure_room(api_client, namespace, pod(container(cpu="1", image=image), namespace=namespace))


def login(control_plane, core, namespace, name):
    """Open a client with the token of a service account."""
    token = core.create_namespaced_service_account_token(name, namespace, {"spec": {"audiences": []}}).status.token
    settings = client.Configuration(host=control_plane.url)
    settings.ssl_ca_cert = str(control_plane.folder / "pki/ca.crt")
    settings.api_key = {"authorization": f"Bearer {token}"}
    return client.ApiClient(settings)


@pytest.fixture(scope="module")
def deployed_rights(api_client, core, namespace):
    """deploy/rbac.yaml, applied."""
    rights = client.RbacAuthorizationV1Api(api_client)
    creators = {
        "ServiceAccount": core.create_namespaced_service_account,
        "Role": rights.create_namespaced_role,
        "RoleBinding": rights.create_namespaced_role_binding,
        "ClusterRole": rights.create_cluster_role,
        "ClusterRoleBinding": rights.create_cluster_role_binding,
    }
    for body in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")):
        where = (namespace,) if "namespace" in body["metadata"] else ()
        creators[body["kind"]](*where, body)
    account = f"system:serviceaccount:{namespace}:shoal-airflow"
    until(lambda: may(api_client, account, "list", "nodes") and may(api_client, account, "create", "pods", namespace))


def may(api_client, user, verb, resource, namespace=None):
    """Whether a right that was given has reached the API server's authorizer."""
    attributes = {"verb": verb, "resource": resource, "namespace": namespace}
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    return client.AuthorizationV1Api(api_client).create_subject_access_review(review).status.allowed


def test_the_deployed_rights_are_enough(control_plane, core, namespace, deployed_rights, two_nodes):
    fit = measure_room(login(control_plane, core, namespace, "shoal-airflow"), namespace, SMALL)
    assert (fit.pods, fit.notes) == (8, ())


def test_the_service_for_single_images_is_taken_where_pods_are_restricted(api_client, core, settings):
    """deploy/serve.yaml: no field that the API server does not know, no pod that the namespace does not admit."""
    name = settings("single-images", {"pod-security.kubernetes.io/enforce": "restricted"})
    create = {
        "Deployment": client.AppsV1Api(api_client).create_namespaced_deployment,
        "Service": core.create_namespaced_service,
        "NetworkPolicy": client.NetworkingV1Api(api_client).create_namespaced_network_policy,
    }
    bodies = {body["kind"]: body for body in yaml.safe_load_all(SERVE.read_text(encoding="utf-8"))}
    for kind, body in bodies.items():
        create[kind](name, {**body, "metadata": {"name": "shoal-serve"}}, field_validation="Strict")
    template = bodies["Deployment"]["spec"]["template"]
    served = {"metadata": {**template["metadata"], "name": "serve"}, "spec": template["spec"]}
    core.create_namespaced_pod(name, served, dry_run="All", field_validation="Strict")
    served["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ForbiddenException, match="violates PodSecurity"):
        core.create_namespaced_pod(name, served, dry_run="All")


def test_without_rights_it_says_which_file_gives_them(control_plane, core, namespace, two_nodes):
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "nobody"}})
    with pytest.raises(
        ConfigError,
        match=r"nodes may not be listed \(deploy/rbac.yaml gives it\), pods may not .* resourcequotas may not .* - grant",
    ):
        measure_room(login(control_plane, core, namespace, "nobody"), namespace, SMALL)


def test_without_rights_on_nodes_the_quota_is_counted(api_client, control_plane, core, settings, two_nodes):
    name = settings("quota-only", resource_quota={"hard": {"requests.cpu": "3"}})
    take_up(core, name)
    core.create_namespaced_service_account(name, {"metadata": {"name": "reader"}})
    rights = client.RbacAuthorizationV1Api(api_client)
    rule = {"apiGroups": [""], "resources": ["resourcequotas"], "verbs": ["list"]}
    rights.create_namespaced_role(name, {"metadata": {"name": "reader"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": name}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    rights.create_namespaced_role_binding(
        name, {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [subject]}
    )
    until(lambda: may(api_client, f"system:serviceaccount:{name}:reader", "list", "resourcequotas", name))
    fit = measure_room(login(control_plane, core, name, "reader"), name, SMALL)
    assert (fit.pods, fit.nodes) == (3, ())
    assert "so quotas alone are counted" in fit.notes[1]
    assert fit.notes[2].startswith("pods may not be created")


def test_an_api_server_that_is_down_is_named(control_plane, tmp_path, monkeypatch):
    text = control_plane.kubeconfig.read_text()
    (tmp_path / "config").write_text(re.sub(r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:9", text))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(ClusterError, match=r"does not answer.*127\.0\.0\.1.*9.* - check that it runs"):
        measure_room(connect(), "shoal", SMALL)


def test_no_kubeconfig_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"No cluster: no kubeconfig at .*/none, .* - set KUBECONFIG"):
        connect()


def test_a_broken_kubeconfig_is_named(tmp_path, monkeypatch):
    (tmp_path / "config").write_text("clusters: []\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(ConfigError, match=r"Cannot use kubeconfig .*/config: .* - correct it"):
        connect()


def test_the_namespace_is_that_of_the_kubeconfigs_context(control_plane, tmp_path, monkeypatch):
    found = json.loads(control_plane.kubeconfig.read_text())
    found["contexts"][0]["context"]["namespace"] = "science"
    (tmp_path / "config").write_text(json.dumps(found))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert default_namespace() == "science"
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    assert default_namespace() == "default"
