"""A cluster that cannot be reached or says no: one line says what, and the way out."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from kubernetes import client

from cluster.processes import free_port
from pipeline import INCLUDE
from pods.check import check_room
from shoal.contract.errors import ClusterError, ConfigError
from shoal.engines.kubernetes.errors import explained
from shoal.preflight.sample_run import SampleRun
from waiting import wait_until

POLICY = "shoal-test-team"


@pytest.fixture
def check(pipelines, tmp_path):
    """Runs `python -m shoal check` with a connection to some cluster; returns the line about the cluster."""

    def run(**extra):
        pipeline = pipelines()
        dataset = pipeline.dataset.model_dump(mode="json", exclude={"name"}, exclude_none=True)
        (tmp_path / "datasets").mkdir()
        (tmp_path / "datasets/bad.yaml").write_text(yaml.safe_dump(dataset))
        access = next(iter(pipeline.stores.accesses().values()))
        store = {"conn_type": "generic", "login": access.access_key, "password": access.secret_key}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(INCLUDE),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "SHOAL_DATASETS": str(tmp_path / "datasets"),
            "AIRFLOW_CONN_TEST": json.dumps({**store, "extra": {"endpoint_url": access.endpoint_url}}),
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps({"conn_type": "kubernetes", "extra": extra}),
        }
        ran = subprocess.run(
            [sys.executable, "-m", "shoal", "check", "bad"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1, ran.stderr
        (line,) = [line for line in ran.stdout.splitlines() if line.startswith("FIX  cluster ")]
        return line

    return run


def test_a_machine_without_a_kubeconfig_is_told_where_to_name_one(check):
    line = check()
    assert line.startswith("FIX  cluster  No cluster to ")
    assert line.endswith("- set KUBECONFIG, or kube_config_path in the Airflow connection")


def test_a_kubeconfig_that_is_not_there_is_named(check, tmp_path):
    line = check(kube_config_path=str(tmp_path / "nowhere"))
    assert line.endswith(
        "nowhere of Airflow connection 'kubernetes_default' is not there - correct its kube_config_path"
    )


def test_a_connection_that_is_not_defined_is_named():
    from shoal.airflow.hooks.cluster import connect

    with pytest.raises(ConfigError, match=r"Airflow connection 'nowhere' cannot be used .* set AIRFLOW_CONN_NOWHERE"):
        connect("nowhere")


def test_an_api_server_that_does_not_answer_is_named(check, kubeconfig, tmp_path):
    content = yaml.safe_load(kubeconfig.read_text())
    address = f"127.0.0.1:{free_port()}"
    content["clusters"][0]["cluster"]["server"] = f"https://{address}"
    (tmp_path / "away.kubeconfig").write_text(yaml.safe_dump(content))
    line = check(kube_config_path=str(tmp_path / "away.kubeconfig"))
    assert line.startswith("FIX  cluster  The API server does not answer, cannot ")
    assert line.endswith("- check that it runs")


def test_a_login_that_has_run_out_is_told_to_be_renewed(check, kubeconfig, tmp_path):
    content = yaml.safe_load(kubeconfig.read_text())
    content["users"][0]["user"] = {"token": "nobody"}
    (tmp_path / "old.kubeconfig").write_text(yaml.safe_dump(content))
    line = check(kube_config_path=str(tmp_path / "old.kubeconfig"))
    assert line.endswith(
        "Unauthorized - renew the login (the Airflow connection's, or the kubeconfig's); the next attempt reads it anew"
    )


def test_a_namespace_without_rights_names_the_verb_that_is_missing(pipelines, api):
    pipeline = pipelines(cluster={"namespace": "default"})
    with pytest.raises(ConfigError, match=r"may not \w+ configmaps - apply deploy/rbac\.yaml"):
        SampleRun.prepare(pipeline.dataset, pipeline.stores).run(lambda _: api, lambda _: None)


@pytest.fixture
def dataset(pipelines):
    return pipelines().dataset


@pytest.fixture
def policy(real_cluster, namespaces, api, dataset):
    """A policy of the cluster's operator: each pod of the namespace names its team."""
    admission = client.AdmissionregistrationV1Api(real_cluster.connect())
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespaces["direct"]}}}
    validation = {"expression": "'team' in object.metadata.labels", "message": "every pod names its team"}
    admission.create_validating_admission_policy(
        {
            "metadata": {"name": POLICY},
            "spec": {"matchConstraints": {"resourceRules": [rule], **where}, "validations": [validation]},
        }
    )
    binding = {"policyName": POLICY, "validationActions": ["Deny"]}
    admission.create_validating_admission_policy_binding({"metadata": {"name": POLICY}, "spec": binding})
    wait_until(lambda: refusal(api, dataset))  # a policy takes effect, and ends, a moment after it is written
    yield
    admission.delete_validating_admission_policy_binding(POLICY)
    admission.delete_validating_admission_policy(POLICY)
    wait_until(lambda: not refusal(api, dataset))


def test_a_pod_the_cluster_s_policy_denies_is_told_what_it_lacks(pipelines, api, dataset, policy):
    message = r"every pod names its team - give cluster\.pod\.template what this cluster's admission policy asks for"
    assert re.search(message, refusal(api, dataset))
    labelled = pipelines(pod={"template": {"metadata": {"labels": {"team": "ecology"}}}}).dataset
    assert "fit" in check_room(api, labelled)


def refusal(api, dataset):
    """What the plan would say, empty when it would find room."""
    try:
        check_room(api, dataset)
    except ConfigError as err:
        return str(err)
    return ""


def test_a_cluster_that_does_not_answer_is_worth_another_try():
    settings = client.Configuration(host=f"https://127.0.0.1:{free_port()}")
    settings.retries = False
    with (
        pytest.raises(ClusterError, match=r"does not answer, cannot list pods .* - check that it runs"),
        explained("list pods"),
    ):
        client.CoreV1Api(client.ApiClient(settings)).list_namespaced_pod("default")
