"""`deploy/serve.yaml` as a pod where Pod Security is restricted: a photo is sent there, and predict's own answer comes back."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import urllib3
import yaml
from kubernetes import client, utils

from pods.deployed import DEPLOY
from waiting import wait_until
from worker.processes import worker_env

pytestmark = pytest.mark.skipif(not os.environ.get("SHOAL_WIDE"), reason="an image more to build: make test-wide")

READY_S = 300


def as_written(real_cluster, namespace: str, bucket: str) -> list[dict]:
    """The file with what its comment says that is to be changed: namespace, images, the model's place, the store's address."""
    store = urlsplit(real_cluster.store.endpoint_url)
    text = (DEPLOY / "serve.yaml").read_text(encoding="utf-8")
    for before, now in {
        "namespace: shoal\n": f"namespace: {namespace}\n",
        "registry.example.org/me/shoal-sidecar:0.1.0": real_cluster.images["sidecar"],
        "registry.example.org/me/shoal-serve:0.1.0": real_cluster.images["worker"].replace("worker", "serve"),
        "models:reef-models/fish/v1": f"models:{bucket}/demo-fish/v1",
        "192.0.2.10/32": f"{store.hostname}/32",
        "port: 9000": f"port: {store.port}",
        # One core of a node that others share.
        'requests: {cpu: "1", memory: 3Gi}': "requests: {cpu: 100m, memory: 600Mi}",
    }.items():
        assert before in text, before
        text = text.replace(before, now)
    return list(yaml.safe_load_all(text))


def test_a_photo_that_is_sent_to_the_pod_is_answered_as_predict_answers(  # noqa: PLR0917 - fixtures
    real_cluster, namespaces, pipelines, demo_models, scenes, tmp_path
):
    real_cluster.bring_image("serve")
    namespace, pipeline = namespaces["direct"], pipelines()
    api = real_cluster.connect()
    core, store = client.CoreV1Api(api), real_cluster.reader
    login = {"endpoint": store.endpoint_url, "access-key": store.access_key, "secret-key": store.secret_key}
    core.create_namespaced_secret(namespace, {"metadata": {"name": "shoal-serve-store"}, "stringData": login})
    for document in as_written(real_cluster, namespace, pipeline.stores.models.bucket):
        utils.create_from_dict(api, document)

    def ready():
        found = core.list_namespaced_pod(namespace, label_selector="app.kubernetes.io/name=shoal-serve").items
        conditions = (found and found[0].status.conditions) or ()
        return any(entry.type == "Ready" and entry.status == "True" for entry in conditions) and found[0]

    def told():
        events = core.list_namespaced_event(namespace).items
        return [f"{event.reason}: {event.message}" for event in events][-5:]

    try:
        pod = wait_until(ready, READY_S, lambda: f"a pod that is ready: {told()}")
        policies = client.NetworkingV1Api(api).list_namespaced_network_policy(namespace).items
        address = f"http://{pod.status.pod_ip}:8080/v1/predict?image=photo.jpg"
        answer = urllib3.request("POST", address, body=scenes[0].jpeg, headers={"Content-Type": "image/jpeg"})
    finally:
        client.AppsV1Api(api).delete_namespaced_deployment("shoal-serve", namespace)
    assert [policy.metadata.name for policy in policies] == ["shoal-serve"]
    assert answer.status == 200, answer.data
    assert answer.data == predicted(tmp_path, demo_models["v1"], scenes[0].jpeg)


def predicted(folder, model: bytes, image: bytes) -> bytes:
    """What `predict` prints of a photo on this machine."""
    (folder / "model.onnx").write_bytes(model)
    (folder / "photo.jpg").write_bytes(image)
    command = [sys.executable, "-m", "shoal_worker", "predict", "--model", "model.onnx", "photo.jpg"]
    return subprocess.run(command, cwd=folder, env=worker_env(), capture_output=True, timeout=120, check=True).stdout
