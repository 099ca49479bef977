"""docs/production.md, followed from its first to its last line: registry, cluster, store and Airflow are real.

In place of the public registry one of the tests' own has the base images: each is the tests' Debian root.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from kubernetes import client

from airflow_rest import AirflowRest
from cluster.binaries import CHECKOUT, kubernetes_program
from cluster.buildah import buildah, storage_in_use
from cluster.object_store import add_writer
from cluster.place import MAIN, NODE_IMAGES
from cluster.processes import free_port
from cluster.real_cluster import RealCluster, need_own_cluster
from cluster.registry import Registry, running_registry
from cluster.shoal_namespace import shoal_namespace
from pods.handbook import PAGE, STEPS, Shell, blocks, own_environment
from shoal.embedded.processes.airflow_servers import read_password, web_environment, web_is_healthy
from shoal.embedded.processes.process_trees import end_family, family_of
from shoal.stores.s3 import S3Store
from waiting import wait_until

DATASET = "reef"
DAG = f"reanalyse_{DATASET}"
AIRFLOW = (("scheduler", "--skip-serve-logs"), ("dag-processor",), ("api-server",), ("triggerer", "--skip-serve-logs"))
HEALTHY_S = 300
IMAGES = ("worker", "serve", "sidecar", "airflow", "minio")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def registry(real_cluster, folder) -> Iterator[Registry]:
    need_own_cluster()
    with running_registry(MAIN, folder / "registry") as registry:
        yield registry


@pytest.fixture(scope="module")
def store(real_cluster, scenes, demo_models) -> Iterator[S3Store]:
    """The person's buckets, with images and a model; nothing of them stays."""
    admin = real_cluster.store
    buckets = {role: S3Store(admin, f"{DATASET}-{role}") for role in ("images", "models", "results")}
    for bucket in buckets.values():
        admin.connect().make_bucket(bucket.bucket)
    for scene in scenes:
        buckets["images"].write_bytes(scene.key, scene.jpeg)
    buckets["models"].write_bytes("fish/1/model.onnx", demo_models["v1"])
    yield buckets["results"]
    for bucket in buckets.values():
        for key in bucket.list_keys(""):
            admin.connect().remove_object(bucket.bucket, key)
        admin.connect().remove_bucket(bucket.bucket)


@pytest.fixture(scope="module")
def shell(real_cluster, registry, store, folder) -> Iterator[Shell]:
    """A shell with the page's variables; a fresh Python environment, an Airflow without any content."""
    writer = add_writer(real_cluster.store, f"{DATASET}-results")
    known = {
        "REGISTRY": f"{registry.host}/me", "DATASET": DATASET, "S3_URL": real_cluster.store.endpoint_url,
        "IMAGES_KEY": real_cluster.reader.access_key, "IMAGES_SECRET": real_cluster.reader.secret_key,
        "RESULTS_KEY": writer.access_key, "RESULTS_SECRET": writer.secret_key,
    }  # fmt: skip
    assert set(re.findall(r"\b([A-Z0-9_]+)=", blocks()["variables"])) == set(known)
    environment = own_environment(
        **known,
        **registry.builder,
        PATH=f"{folder}/venv/bin:{registry.programs}:{kubernetes_program('kubectl').parent}:{os.environ['PATH']}",
        KUBECONFIG=str(real_cluster.kubeconfig),
        AIRFLOW_HOME=str(folder / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        # Python compiles what is imported, a third of what pip installs.
        PIP_NO_COMPILE="1",
    )
    with shoal_namespace(real_cluster.connect()):
        shell = Shell(folder, environment)
        shell.run(f"python3 -m venv {folder}/venv")
        yield shell


@pytest.fixture(scope="module")
def images_pushed(shell, registry) -> Iterator[None]:
    with storage_in_use():  # its images are in the storage of the tests' own
        shell.follow("step 1")
    yield
    for name in IMAGES:
        buildah("registry", "rmi", f"{registry.host}/me/shoal-{name}:0.1.0")


@pytest.fixture(scope="module")
def installed(shell, images_pushed) -> None:
    """Steps 1 to 8 are done; Airflow has a database and no more."""
    for number in (2, 3, 4):
        shell.follow(f"step {number}")
    shell.run("airflow db migrate")
    for number in (5, 6, 7, 8):
        shell.follow(f"step {number}")


@pytest.fixture(scope="module")
def checked(shell, installed) -> str:
    return shell.follow("step 9")


@pytest.fixture(scope="module")
def rest(shell, checked, folder) -> Iterator[AirflowRest]:
    """Airflow, started with what the steps made; it knows the dataset."""
    port = free_port()
    with airflow_running({**shell.environment, **web_environment(port)}, folder):
        wait_until(lambda: web_is_healthy(port), HEALTHY_S, "Airflow is healthy", pause_s=1)
        rest = AirflowRest(port, read_password(folder / "airflow"))
        wait_until(lambda: rest.get(f"dags?dag_id_pattern={DAG}")["dags"], HEALTHY_S, f"Airflow has {DAG}", pause_s=1)
        yield rest


@pytest.fixture(scope="module")
def finished_run(shell, rest) -> str:
    """The id of the run that step 10 started."""
    shell.follow("step 10")
    (run,) = rest.get(f"dags/{DAG}/dagRuns")["dag_runs"]
    state = rest.finished(DAG, run["dag_run_id"])
    assert state == "success", rest.tasks(DAG, run["dag_run_id"])
    return str(run["dag_run_id"])


def test_the_page_has_ten_steps_each_with_its_commands():
    assert list(blocks()) == ["variables", *(f"step {number}" for number in range(1, STEPS + 1)), "afterwards"]
    assert PAGE.read_text().count("```sh\n") == len(blocks())


def test_step_1_pushes_images_that_the_registry_then_has(images_pushed, shell):
    for name in IMAGES:
        assert f"built and pushed {shell.environment['REGISTRY']}/shoal-{name}:" in shell.said["step 1"]


def test_step_1_keeps_each_image_by_the_digest_that_the_registry_has(images_pushed, registry):
    kept = (CHECKOUT / ".shoal/images.txt").read_text().splitlines()
    assert kept == [f"{registry.host}/me/shoal-{name}:0.1.0@{_digest(registry, name)}" for name in IMAGES]


def _digest(registry: Registry, name: str) -> str:
    accepted = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]
    address = f"http://{registry.host}/v2/me/shoal-{name}/manifests/0.1.0"
    with urlopen(Request(address, headers={"Accept": ", ".join(accepted)})) as answer:
        return str(answer.headers["Docker-Content-Digest"])


def test_airflow_logs_in_with_its_service_account_and_not_as_administrator(installed, shell, real_cluster):
    login = Path(shell.environment["LOGIN"])
    assert login.stat().st_mode & 0o077 == 0
    may = client.AuthorizationV1Api(real_cluster.connect(login))
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": "kube-system"}}}
    assert not may.create_self_subject_access_review(review).status.allowed


def test_step_9_tries_every_step_of_the_way_and_finds_nothing_to_fix(checked):
    lines = [line for line in checked.splitlines() if not line.startswith(" ")]
    assert lines[-1].startswith("ok   worker")
    assert [line for line in lines if line.startswith(("FIX", "skip"))] == []


def test_step_10_ends_with_every_image_examined_and_an_answer(finished_run, rest, store, scenes, shell):
    uri = rest.xcom(DAG, finished_run, "summarize")["summary"]
    summary = store.read_json(uri.split("/", 3)[3])
    assert summary["complete"]
    assert summary["run"]["balance"]["processed"] + summary["run"]["balance"]["reused"] == len(scenes)
    said = shell.follow("afterwards")
    assert summary["run"]["run_key"] in said
    assert re.search(r"\d pods? fits?\b", said)


def test_the_pods_ran_the_images_of_step_1(finished_run, registry, real_cluster: RealCluster):
    events = client.CoreV1Api(real_cluster.connect()).list_namespaced_event("shoal", field_selector="reason=Pulled")
    pulled = " ".join(event.message for event in events.items)
    for name in NODE_IMAGES:
        assert f"{registry.host}/me/shoal-{name}:" in pulled


@contextmanager
def airflow_running(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run Airflow's four processes, and end them with all they started."""
    processes = []
    try:
        for words in AIRFLOW:
            with (folder / f"{words[0]}.log").open("wb") as log:
                processes.append(
                    subprocess.Popen(
                        ["airflow", *words], env=environment, stdout=log, stderr=log, start_new_session=True, cwd=folder
                    )
                )
        yield
    finally:
        end_family(family_of(process.pid for process in processes), 10)
        for process in processes:
            process.wait()
