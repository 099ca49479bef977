"""`python -m shoal fit` against a real API server: what is printed, and the exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from scheduling.objects import container, node, pod
from shoal.__main__ import main

INCLUDE = Path(__file__).parents[3] / "include"
GPU_TAINT = {"key": "gpu", "effect": "NoSchedule"}


@pytest.fixture(scope="module")
def three_nodes(control_plane):
    """Two nodes of 4 cores and 8Gi, one of them half taken, and a tainted one with GPUs."""
    core = client.CoreV1Api(control_plane.connect())
    core.create_node(node("first"))
    core.create_node(node("second"))
    core.create_node(node("third", taints=[GPU_TAINT], **{"nvidia.com/gpu": "2", "nvidia.com/mig-1g.10gb": "3"}))
    running = pod(container(cpu="2500m", memory="1Gi"), nodeName="second")
    core.create_namespaced_pod("default", {**running, "metadata": {"name": "running"}})
    yield
    core.delete_collection_namespaced_pod("default", grace_period_seconds=0)
    core.delete_collection_node()


@pytest.fixture
def fit(control_plane, three_nodes, monkeypatch, capsys):
    """Runs the command; gives its exit status and what it printed."""
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))

    def run(*words):
        status = main(["fit", *words])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def test_a_size_is_counted_on_every_node(fit):
    status, printed = fit("--cpu", "1", "--memory", "2Gi")
    assert status == 0
    assert printed.splitlines() == [
        "NODE    FREE                           FITS  ONE MORE",
        "first   cpu 4, memory 8Gi, pods 110       4  Insufficient cpu, Insufficient memory",
        "second  cpu 1.5, memory 7Gi, pods 109     1  Insufficient cpu",
        "third   cpu 4, memory 8Gi, pods 110       0  untolerated taint {gpu: NoSchedule}",
        "5 pods fit (cpu 1, memory 2Gi), share 0.8; bound by cpu, memory",
        "may start in namespace default: 4",
    ]


def test_json_says_the_same(fit):
    status, printed = fit("--cpu", "1", "--memory", "2Gi", "--share", "1", "--json")
    found = json.loads(printed)
    assert (status, found["pods"], found["fit"], found["namespace"]) == (0, 5, 5, "default")
    assert [(each["name"], each["pods"]) for each in found["nodes"]] == [("first", 4), ("second", 1), ("third", 0)]
    assert found["nodes"][1]["free"] == {"cpu": 1.5, "memory": 7 * 2**30, "pods": 109}
    assert found["nodes"][2]["binds"] == ["untolerated taint {gpu: NoSchedule}"]
    assert found["reason"].startswith("5 pods fit (cpu 1, memory 2Gi), share 1; bound by ")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(
            ["--cpu", "1", "--gpu", "1"],
            "0/3 nodes fit one pod (cpu 1, nvidia.com/gpu 1): 2 Insufficient nvidia.com/gpu, 1 untolerated taint "
            "{gpu: NoSchedule}, not even with nothing else running - ask for less, raise the quota if it says so, or add "
            "nodes",
            id="only on nodes it may not use",
        ),
        pytest.param(
            ["--cpu", "1", "--resource", "nvidia.com/mig-1g.10gb=4"],
            "0/3 nodes fit one pod (cpu 1, nvidia.com/mig-1g.10gb 4): 2 Insufficient nvidia.com/mig-1g.10gb, 1 untolerated "
            "taint {gpu: NoSchedule}, not even with nothing else running - ask for less, raise the quota if it says so, or "
            "add nodes",
            id="slices of GPUs",
        ),
        pytest.param(
            ["--cpu", "9"],
            "0/3 nodes fit one pod (cpu 9): 2 Insufficient cpu, 1 untolerated taint {gpu: NoSchedule}, not even with "
            "nothing else running - ask for less, raise the quota if it says so, or add nodes",
            id="too large",
        ),
    ],
)
def test_no_room_is_status_1_with_the_reason(fit, words, reason):
    status, printed = fit(*words)
    assert status == 1
    assert printed.splitlines()[-2:] == [reason, "may start in namespace default: 0"]


@pytest.mark.parametrize("write", [yaml.safe_dump, json.dumps], ids=["YAML", "JSON"])
def test_any_pod_is_counted(fit, tmp_path, write):
    gpu = container(cpu="1", limits={"nvidia.com/gpu": "1"})
    a_pod = pod(gpu, namespace="default", tolerations=[{"key": "gpu", "operator": "Exists"}])
    path = tmp_path / "pod"
    path.write_text(write({"apiVersion": "v1", "kind": "Pod", **a_pod}))
    status, printed = fit("--pod", str(path))
    assert status == 0
    assert "third   cpu 4, nvidia.com/gpu 2, pods 110       2  Insufficient nvidia.com/gpu" in printed


def test_the_namespace_asked_for_goes_before_the_pod_s_own(fit, tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(yaml.safe_dump({"kind": "Pod", **pod(container(cpu="1"), namespace="elsewhere")}))
    status, printed = fit("--pod", str(path), "--namespace", "default")
    assert (status, printed.splitlines()[-1]) == (0, "may start in namespace default: 4")


def test_a_pod_with_empty_metadata_is_counted(fit, tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(
        "kind: Pod\nmetadata:\nspec: {containers: [{name: a, image: b, resources: {requests: {cpu: 1}}}]}\n"
    )
    assert fit("--pod", str(path), "--namespace", "default")[0] == 0


def test_a_kubeconfig_that_is_no_yaml_is_one_line(fit, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("clusters: [")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    status, printed = fit("--cpu", "1")
    assert (status, printed.startswith(f"shoal: Cannot use kubeconfig {tmp_path}/config: ")) == (2, True)


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            "kind: Deployment\nspec: {}\n", "holds no pod with containers (kind Deployment)", id="another kind"
        ),
        pytest.param("kind: Pod\n", "holds no pod with containers (kind Pod)", id="no containers"),
        pytest.param("kind: [", "while parsing a flow node", id="no YAML"),
        pytest.param("just words", "holds no pod with containers (kind str)", id="no object"),
        pytest.param(BOMB, "stands for more than 100000 values", id="billions of values by aliases"),
        pytest.param(
            "!!python/object/apply:os.system [echo]", "could not determine a constructor", id="a tag that runs code"
        ),
    ],
)
def test_a_file_without_a_pod_is_refused(fit, tmp_path, content, said):
    path = tmp_path / "pod.yaml"
    path.write_text(content)
    status, printed = fit("--pod", str(path))
    assert (status, printed.count("\n")) == (2, 1)
    assert said in printed
    assert printed.endswith(" - give one pod as YAML or JSON\n")


def test_a_file_that_is_missing_is_named(fit):
    assert fit("--pod", "none.yaml")[1].startswith("shoal: Cannot read pod none.yaml: [Errno 2] No such file")


def test_a_dataset_is_counted_with_its_own_settings(fit, tmp_path, monkeypatch):
    text = "source: {conn_id: c, bucket: images}\nresults: {conn_id: c, bucket: results}\nmodels: {conn_id: c, bucket: models}\n"
    pod = {"cpu": "500m", "memory": "1Gi", "transfer": "direct"}
    settings = {"kind": "kubernetes", "namespace": "default", "share": 0.5, "pod": pod}
    images = "worker: {image: w}\nsidecar: {image: s}\n"
    (tmp_path / "small.yaml").write_text(
        f"{text}model: {{name: m, version: v1}}\n{images}cluster: {json.dumps(settings)}\n", encoding="utf-8"
    )
    monkeypatch.setenv("SHOAL_DATASETS", str(tmp_path))
    status, printed = fit("--dataset", "small")
    assert status == 0
    assert "11 pods fit (cpu 0.5, memory 1Gi), share 0.5" in printed
    assert "may start in namespace default: 5" in printed


@pytest.mark.parametrize(
    ("conn_id", "said"),
    [
        pytest.param("ours", "by Airflow connection 'ours'", id="its connection goes before KUBECONFIG"),
        pytest.param(
            "theirs", "by the kubeconfig, since Airflow connection 'theirs' is not defined", id="no connection"
        ),
    ],
)
def test_a_dataset_is_counted_in_its_own_cluster(control_plane, three_nodes, tmp_path, conn_id, said):
    stores = "source: {conn_id: c, bucket: images}\nresults: {conn_id: c, bucket: results}\nmodels: {conn_id: c, bucket: models}\n"
    settings = {"kind": "kubernetes", "conn_id": conn_id, "namespace": "default", "pod": {"transfer": "direct"}}
    images = "worker: {image: w}\nsidecar: {image: s}\n"
    (tmp_path / "reef.yaml").write_text(f"{stores}{images}model: {{name: m}}\ncluster: {json.dumps(settings)}\n")
    connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(control_plane.kubeconfig)}}
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(INCLUDE), "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "SHOAL_DATASETS": str(tmp_path), "AIRFLOW_CONN_OURS": json.dumps(connection),
        "KUBECONFIG": str(tmp_path / "nowhere") if conn_id == "ours" else str(control_plane.kubeconfig),
    }  # fmt: skip
    words = [sys.executable, "-m", "shoal", "fit", "--dataset", "reef"]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"asked cluster {control_plane.connect().configuration.host} {said}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--namespace", "nowhere", "--cpu", "1"], 'namespaces "nowhere" not found', id="no namespace"),
        pytest.param(["--dataset", "nothing"], "No dataset 'nothing'", id="no dataset"),
        pytest.param(
            ["--pod", "p.yaml", "--gpu", "1"], "--memory, --gpu and --resource go with --cpu", id="mixed questions"
        ),
    ],
)
def test_what_cannot_be_counted_is_status_2_and_one_line(fit, words, said, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOAL_DATASETS", str(tmp_path))
    status, printed = fit(*words)
    assert (status, printed.count("\n")) == (2, 1)
    assert said in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--cpu", "1", "--share", "80"], "a share is above 0 and at most 1, not 80", id="share"),
        pytest.param(["--cpu", "one"], "Invalid quantity 'one'", id="quantity"),
        pytest.param(["--cpu", "0"], "a pod cannot ask for 0", id="nothing"),
        pytest.param([], "one of the arguments --cpu --pod --dataset is required", id="no question"),
    ],
)
def test_words_that_make_no_sense_are_refused(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["fit", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_demos_libraries_are_not_needed(tmp_path):
    code = (
        "import sys; sys.modules['rich'] = None; from shoal.__main__ import main; sys.exit(main(['fit', '--cpu', '1']))"
    )
    env = {**os.environ, "PYTHONPATH": str(INCLUDE), "KUBECONFIG": str(tmp_path / "none")}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith("shoal: No cluster: no kubeconfig at ")
