"""`make bases` pins what our images are built on by what a registry says, and by nothing that its bytes do not bear out."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request

import pytest

from cluster.binaries import CHECKOUT
from cluster.processes import Processes, answers, free_port
from worker.http_faults import faulty_store

NAMED = re.compile(r"^(?:ARG (?:GO_)?BASE=| +image: )(?!shoal-)([^@\s]+)", re.MULTILINE)


@pytest.fixture
def checkout(tmp_path):
    """Dockerfiles and docker-compose.yaml as they are, without any digest."""
    for path in [
        *(CHECKOUT / "docker").glob("*/Dockerfile"),
        CHECKOUT / "docker/pin_bases.py",
        CHECKOUT / "docker-compose.yaml",
    ]:
        there = tmp_path / "checkout" / path.relative_to(CHECKOUT)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(re.sub(r"@sha256:[0-9a-f]{64}", "", path.read_text(encoding="utf-8")), encoding="utf-8")
    return tmp_path / "checkout"


@pytest.fixture
def registry(tmp_path):
    """A running registry without an image."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no docker-registry - as root on Debian: make cluster-packages")
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "data")}},
        "http": {"addr": url[7:]},
    }
    (tmp_path / "registry.yaml").write_text(json.dumps(settings))
    processes = Processes(tmp_path / "run")
    processes.start("registry", ["docker-registry", "serve", str(tmp_path / "registry.yaml")])
    try:
        processes.wait_until("registry", lambda: answers(f"{url}/v2/"), 30)
        yield url
    finally:
        processes.stop("registry")


def send(method, url, body, kind):
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)  # noqa: S310 - our own registry
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.headers


def push(registry, image, content):
    """Put an image of one file under a tag, as an engine does; returns its digest."""
    name, _, tag = image.removeprefix("docker.io/").rpartition(":")
    path = name if "/" in name else f"library/{name}"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    place = send("POST", f"{registry}/v2/{path}/blobs/uploads/", b"", "text/plain")["Location"]
    send("PUT", f"{place}&digest={digest}", content, "application/octet-stream")
    kinds = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
    config, layer = ({"mediaType": kind, "size": len(content), "digest": digest} for kind in kinds)
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}).encode()
    send("PUT", f"{registry}/v2/{path}/manifests/{tag}", manifest, kind)
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def pin(checkout, registry, *words):
    command = [sys.executable, "docker/pin_bases.py", *words]
    environment = {**os.environ, "SHOAL_PUBLIC_REGISTRY": registry}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def files(checkout):
    return [*sorted(checkout.glob("docker/*/Dockerfile")), checkout / "docker-compose.yaml"]


def test_every_image_is_pinned_by_what_the_registry_says_now(checkout, registry):
    named = {image for path in files(checkout) for image in NAMED.findall(path.read_text())}
    assert {image.rpartition(":")[0] for image in named} == {
        "docker.io/library/python", "docker.io/library/golang", "docker.io/library/debian", "postgres", "rancher/k3s", "docker",
    }  # fmt: skip
    assert pin(checkout, registry, "--check").returncode == 1
    digests = {image: push(registry, image, image.encode()) for image in named}
    ran = pin(checkout, registry)
    assert ran.returncode == 0, ran.stderr
    for path in files(checkout):
        before = re.sub(r"@sha256:[0-9a-f]{64}", "", path.read_text())
        assert path.read_text() == NAMED.sub(lambda found: f"{found[0]}@{digests[found[1]]}", before)
    assert pin(checkout, registry, "--check").returncode == 0
    moved = push(registry, "postgres:17.10-bookworm", b"another one")
    assert f"postgres:17.10-bookworm@{moved} (was another)" in pin(checkout, registry).stdout
    assert f"postgres:17.10-bookworm@{moved}\n" in (checkout / "docker-compose.yaml").read_text()


def test_a_registry_that_lies_pins_nothing(checkout):
    def lie(handler, _):
        handler.send_response(200)
        handler.send_header("Docker-Content-Digest", f"sha256:{'0' * 64}")
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    with faulty_store(lie) as (url, _):
        ran = pin(checkout, url)
    assert ran.returncode == 2
    assert re.match(r"Bases are not pinned: http\S+ says sha256:0{64}, and its bytes are sha256:44136fa", ran.stderr)
    assert "sha256:" not in "".join(path.read_text() for path in files(checkout))


def test_a_registry_that_cannot_be_reached_is_said_in_one_line(checkout):
    ran = pin(checkout, "http://127.0.0.1:9")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "this needs the registry, or SHOAL_PUBLIC_REGISTRY=https://" in ran.stderr
