"""A mutating webhook as meshes and vaults have one: it puts a sidecar of its own into every pod of a namespace."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kubernetes.client import AdmissionregistrationV1Api, ApiClient

from cluster.certificates import Authority
from scheduling.objects import container

LOOPBACK, NAME = "127.0.0.1", "sidecars.example.org"
SIDECAR = container("agent", cpu="1", memory="1Gi")


class _Injector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        patch = json.dumps([{"op": "add", "path": "/spec/containers/-", "value": SIDECAR}]).encode()
        response: dict[str, Any] = {
            "uid": review["request"]["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(patch).decode(),
        }
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def injected_sidecars(api_client: ApiClient, folder: Path, namespace: str) -> Iterator[None]:
    """Serve the webhook and register it with the API server.

    Args:
        api_client: The cluster.
        folder: For its certificate.
        namespace: Whose pods it changes.
    """
    authority = Authority(folder / "webhook")
    authority.issue("server", user="webhook", hosts=(LOOPBACK,))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.folder / "server.crt", authority.folder / "server.key")
    hooks = AdmissionregistrationV1Api(api_client)
    with ThreadingHTTPServer((LOOPBACK, 0), _Injector) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _register(hooks, authority, f"https://{LOOPBACK}:{server.server_port}/", namespace)
        try:
            yield
        finally:
            hooks.delete_mutating_webhook_configuration(NAME)
            server.shutdown()


def _register(hooks: AdmissionregistrationV1Api, authority: Authority, url: str, namespace: str) -> None:
    webhook = {
        "name": NAME,
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority.certificate.read_bytes()).decode()},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    hooks.create_mutating_webhook_configuration({"metadata": {"name": NAME}, "webhooks": [webhook]})
