"""`docker compose up` for real: from nothing to a run's summary, through a restart, to nothing again."""

import json
import tarfile

import pytest
import yaml
from kubernetes import client

from cluster.binaries import CHECKOUT
from cluster.images import reference
from cluster.shoal_namespace import NAMESPACE
from compose.project import FILES
from shoal.contract.errors import ConfigError
from shoal.embedded.samples.bad_files import bad_files
from shoal.embedded.samples.scenes import demo_scenes

DAG, BACKFILL = "reanalyse_demo", "backfill_demo"
SERVERS = {
    "airflow-api-server", "airflow-dag-processor", "airflow-scheduler", "airflow-triggerer", "k3s", "minio", "postgres",
}  # fmt: skip
ONE_SHOTS = {"airflow-init", "cluster", "pod-images", "secrets", "sidecar-image", "store", "worker-image"}


@pytest.fixture(scope="module")
def finished_run(rest):
    """The id of a run that ended well, triggered by REST."""
    run_id = rest.trigger(DAG)
    assert rest.finished(DAG, run_id) == "success", rest.story(DAG, run_id)
    return run_id


@pytest.fixture(scope="module")
def summary(finished_run, rest, project):
    uri = rest.xcom(DAG, finished_run, "summarize")["summary"]
    return project.read_result(uri.split("/", 3)[3])


def test_every_service_is_healthy_or_has_done_its_work(project):
    assert project.services() == dict.fromkeys(SERVERS, "healthy") | dict.fromkeys(ONE_SHOTS, "exited 0")


def test_airflow_has_the_demo_and_no_file_it_cannot_read(rest):
    assert sorted(dag["dag_id"] for dag in rest.get("dags")["dags"]) == [BACKFILL, DAG]
    assert rest.get("importErrors")["total_entries"] == 0


@pytest.mark.parametrize("password", ["admin", "airflow"])
def test_nobody_gets_in_with_a_password_that_others_know(project, rest, password):
    answer = rest.http.request("POST", f"{rest.url}/auth/token", json={"username": "admin", "password": password})
    assert answer.status == 401


def test_every_password_is_in_files_only(project):
    known = project.secrets()
    containers = project.engine.docker("ps", "--all", "--quiet").split()
    seen = project.engine.docker("inspect", *containers)
    assert [name for name, value in known.items() if value in seen] == []
    logs = project.compose("logs", "--no-color")
    assert [name for name, value in known.items() if value in logs] == []


@pytest.mark.parametrize(
    ("service", "file"),
    [("airflow-scheduler", "secrets.json"), ("airflow-scheduler", "minio/env"), ("minio", "airflow/env")],
)
def test_a_service_cannot_read_the_passwords_of_others(project, service, file):
    assert "Permission denied" in project.fail("exec", service, "cat", f"/secrets/{file}")


def test_every_port_is_on_loopback_only():
    services = yaml.safe_load(FILES[0].read_text())["services"].values()
    ports = [port for service in services for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_all_names_carry_the_project_s_version():
    texts = [FILES[0].read_text(), (CHECKOUT / "docker/compose/datasets/demo.yaml").read_text()]
    for name in ("airflow", "minio", "sidecar", "worker"):
        assert (
            sum(text.count(reference(name)) for text in texts)
            == sum(text.count(f"shoal-{name}:") for text in texts)
            > 0
        )


def test_the_pods_images_lie_where_k3s_imports_them(project, tmp_path):
    project.compose("cp", "k3s:/images/shoal.tar", str(tmp_path))
    with tarfile.open(tmp_path / "shoal.tar") as archive:
        tags = [tag for image in json.load(archive.extractfile("manifest.json")) for tag in image["RepoTags"]]
    assert {reference("worker"), reference("sidecar")} <= set(tags)


def test_airflow_has_the_rights_of_deploy_in_the_cluster_and_no_others(project):
    assert project.may("create", "pods", namespace="shoal")
    assert project.may("list", "nodes")
    assert not project.may("get", "secrets", namespace="kube-system")
    assert not project.may("create", "pods", namespace="default")


def test_a_run_triggered_by_rest_examines_every_image_in_pods(summary, real_cluster):
    events = client.CoreV1Api(real_cluster.connect()).list_namespaced_event(NAMESPACE, field_selector="reason=Started")
    assert {event.involved_object.field_path for event in events.items} == {"spec.containers{worker}"}
    assert summary["complete"]
    assert summary["run"]["balance"]["processed"] + summary["run"]["balance"]["failed"] == (
        len(list(demo_scenes())) + len(bad_files())
    )


def test_airflow_s_key_for_the_images_cannot_write(project):
    with pytest.raises(ConfigError, match=r"not writable \(AccessDenied\)"):
        project.write_to_source()


def test_a_restart_keeps_everything(project, finished_run, summary):
    before = project.password()
    project.compose("down")
    project.up()
    assert project.password() == before
    rest = project.log_in()
    assert rest.get(f"dags/{DAG}/dagRuns/{finished_run}")["state"] == "success"
    assert "examined" in rest.log(DAG, finished_run, "summarize")
    uri = rest.xcom(DAG, finished_run, "summarize")["summary"]
    assert project.read_result(uri.split("/", 3)[3]) == summary


def test_down_with_volumes_leaves_nothing(project):
    project.compose("down", "--volumes")
    mine = ("--quiet", "--filter", "label=com.docker.compose.project=shoal")
    assert project.engine.docker("ps", "--all", *mine) == ""
    assert project.engine.docker("volume", "ls", *mine) == ""
    assert project.engine.docker("network", "ls", *mine) == ""
