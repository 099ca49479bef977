"""`docker compose` over the project's own file, with what a registry would give replaced."""

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config

from airflow_rest import AirflowRest
from cluster.binaries import CHECKOUT, compose_program
from compose.engine import Engine
from shoal.contract.errors import ShoalError
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess

FILES = (CHECKOUT / "docker-compose.yaml", Path(__file__).parent / "override.yaml")
UP_S = 600


def one_file(kubeconfig: Path, folder: Path) -> Path:
    """Write a kubeconfig that names no other file: that is what k3s writes."""
    content = yaml.safe_load(kubeconfig.read_text())
    groups = [entry[kind] for kind in ("cluster", "user") for entry in content[f"{kind}s"]]
    for group in groups:
        for name in ("certificate-authority", "client-certificate", "client-key"):
            if name in group:
                group[f"{name}-data"] = base64.b64encode(Path(group.pop(name)).read_bytes()).decode()
    path = folder / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@dataclass(frozen=True)
class Project:
    """The compose installation on a test engine.

    Attributes:
        engine: Where it runs.
        kubeconfig: Admin of the cluster that stands in for k3s.
    """

    engine: Engine
    kubeconfig: Path

    @property
    def store_url(self) -> str:
        """Where pods and Airflow reach MinIO."""
        return f"http://{self.engine.address}:9000"

    def compose(self, *arguments: str) -> str:
        """Run one command of compose; returns what it printed."""
        ran = self._run(*arguments)
        if ran.returncode != 0:
            raise ShoalError(f"compose {' '.join(arguments)} ended with code {ran.returncode}: {ran.stderr[-3000:]}")
        return ran.stdout

    def fail(self, *arguments: str) -> str:
        """Run a command that has to fail; returns what it complained of."""
        ran = self._run(*arguments)
        assert ran.returncode != 0, ran.stdout
        return ran.stderr

    def up(self) -> None:
        """Do what docs/where-it-runs.md says."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(UP_S))

    def password(self) -> str:
        """Read the login as docs/where-it-runs.md says."""
        shown = self.compose("exec", "airflow-api-server", "cat", "/secrets/airflow/passwords.json")
        return str(json.loads(shown)["admin"])

    def services(self) -> dict[str, str]:
        """Show every service: its health, or how it ended."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        found = (json.loads(line) for line in lines)
        return {entry["Service"]: entry["Health"] or f"{entry['State']} {entry['ExitCode']}" for entry in found}

    def log_in(self) -> AirflowRest:
        """Begin a session of Airflow's REST API with that login."""
        return AirflowRest(8080, self.password(), self.engine.address)

    def secrets(self) -> dict[str, str]:
        """Read every password, as root."""
        shown = self.compose("exec", "--user", "0", "airflow-api-server", "cat", "/secrets/secrets.json")
        return dict(json.loads(shown))

    def read_result(self, key: str) -> dict[str, Any]:
        """Read a JSON object of the demo's results."""
        known = self.secrets()
        access = StoreAccess(self.store_url, known["writer_key"], known["writer_secret"])
        return S3Store(access, "demo-results").read_json(key)

    def write_to_source(self) -> None:
        """Try to write an image with the key that Airflow reads images with.

        Raises:
            ConfigError: As it should.
        """
        known = self.secrets()
        access = StoreAccess(self.store_url, known["reader_key"], known["reader_secret"])
        S3Store(access, "demo-images").write_bytes("new.jpg", b"")

    def may(self, verb: str, resource: str, namespace: str | None = None) -> bool:
        """Ask the cluster whether Airflow has a right."""
        kubeconfig = json.loads(self.compose("exec", "airflow-scheduler", "cat", "/secrets/airflow/kubeconfig"))
        settings = client.Configuration()
        config.load_kube_config_from_dict(kubeconfig, client_configuration=settings)
        attributes = {"verb": verb, "resource": resource, "namespace": namespace}
        review = {"spec": {"resourceAttributes": attributes}}
        api = client.AuthorizationV1Api(client.ApiClient(settings))
        return bool(api.create_self_subject_access_review(review).status.allowed)

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        files = [word for file in FILES for word in ("--file", str(file))]
        environment = {
            **self.engine.environment,
            "SHOAL_STORE_URL": self.store_url,
            "SHOAL_DOCKER_SOCKET": str(self.engine.socket),
            "SHOAL_TEST_ADDRESS": self.engine.address,
            "SHOAL_TEST_KUBECONFIG": str(self.kubeconfig),
            "SHOAL_TEST_DOCKER": str(shutil.which("docker")),
        }
        command = [str(compose_program()), *files, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
