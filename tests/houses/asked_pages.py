"""Shoal's pages as Airflow's web server has them, in a process of their own whose memory can be seen.

`python asked_pages.py` reads a path a line and writes what the real application answers, as JSON. Everybody may see every DAG
here: that nobody else may is asked of a whole Airflow (tests/stories/airflow/test_up.py).
"""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline import INCLUDE
from shoal.settings.dataset_files import DATASETS_VARIABLE
from shoal.stores.s3_access import StoreAccess

DROPPED = "dropped:"
MISTAKEN = "reanalyse_mistaken"
"""A DAG whose pages fail as by a mistake of ours."""
POSTED = "posted:"
HEADED = "headed:"


def said_by(body: str) -> str:
    """Read the line of a page that says what is wrong."""
    found = re.search(r'<p class="message" role="alert">(.*?)</p>', body, re.DOTALL)
    assert found, body[:500]
    return unescape(found[1])


@dataclass(frozen=True)
class Answered:
    """What a page answered, and the most memory its process has had so far."""

    status: int
    headers: Mapping[str, str]
    body: str
    peak_bytes: int

    @property
    def detail(self) -> str:
        """What a page that cannot be shown says in its one line."""
        return said_by(self.body)


class AskedPages:
    """Asks the process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def get(self, path: str, *, dropped: bool = False, headers: Mapping[str, str] | None = None) -> Answered:
        """Ask for a path; a body that is dropped is held by nobody but the application."""
        if headers:
            return self._ask(HEADED + json.dumps([path, headers]))
        return self._ask(f"{DROPPED}{path}" if dropped else path)

    def post(self, path: str, picture: bytes, headers: Mapping[str, str], **fields: str) -> Answered:
        """Send a form with a picture; an empty one is none."""
        return self._ask(POSTED + json.dumps([path, picture.hex(), dict(headers), fields]))

    def _ask(self, path: str) -> Answered:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(path + "\n")
        self._process.stdin.flush()
        return Answered(**json.loads(self._process.stdout.readline()))


@contextmanager
def asked_pages(
    access: StoreAccess, conn_id: str, datasets: Path, home: Path, variables: Mapping[str, str]
) -> Iterator[AskedPages]:
    """Start the process with one connection, a folder of dataset files, and Airflow's variables."""
    url = urlsplit(access.endpoint_url or "")
    connection = {
        "conn_type": "generic", "host": url.hostname, "port": url.port, "login": access.access_key,
        "password": access.secret_key, "extra": {"secure": False},
    }  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": f"{INCLUDE}:{Path(__file__).parent}", "AIRFLOW_HOME": str(home), DATASETS_VARIABLE: str(datasets),
        f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection), "PYTHONWARNINGS": "ignore",
        **{f"AIRFLOW_VAR_{name.upper()}": value for name, value in variables.items()},
    }  # fmt: skip
    with (
        (home / "pages.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield AskedPages(process)
        finally:
            process.kill()


def _drop(app: Any) -> Any:
    """Give a body's length in place of the body: the client of the tests would hold all of it."""

    async def dropping(scope: Any, receive: Any, send: Any) -> None:
        passed = 0

        async def count(message: Any) -> None:
            nonlocal passed
            if message["type"] == "http.response.body":
                passed += len(message.get("body", b""))
                more = message.get("more_body", False)
                message = {**message, "body": b"" if more else str(passed).encode()}
            await send(message)

        await app(scope, receive, count)

    return dropping


def _answer() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # Airflow says things
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from starlette.testclient import TestClient
    from urllib3 import Timeout

    from shoal.airflow.pages import answer_door, evidence_view, kept, looking, looking_routes, pictures, reading
    from shoal.airflow.pages.app import app, logged_in, may_see_dag, readable_datasets
    from shoal.airflow.pages.reading import KEPT, dataset_files
    from shoal.airflow.pages.rights import may_edit, may_edit_dag
    from shoal.answers import open_answer, shelf
    from shoal.contract.run_names import broken_dag_id, reanalyse_dag_id
    from shoal.stores import s3_access

    def all_of_them() -> set[str]:
        names = [path.stem for path in dataset_files(Path(os.environ[DATASETS_VARIABLE]))]
        return {*map(reanalyse_dag_id, names), *map(broken_dag_id, names)}

    def fail_on_mistaken(dag_id: str = "") -> None:
        if dag_id == MISTAKEN:
            raise AssertionError("a mistake of ours")

    answer_door.ANSWER_S = 0.0  # what lies in the bucket is changed from test to test
    answer_door.PATIENCE_S = 120.0
    kept.TROUBLE_S = 0.0
    for one in (
        KEPT,
        answer_door.RUNS,
        looking.RUNS,
        looking.LOOKS,
        pictures.FOUND,
        looking.STORED,
        pictures.DRAWS,
        evidence_view.FILES,
    ):
        one._deadline_s = 120  # what is asked here is no matter of time, on a machine that is busy with other tests
    looking.PREPARED_S = looking_routes.LOOKED_S = reading.ALONE_S = 120
    open_answer.DEADLINE_S = shelf.LOOK_S = 120
    s3_access.HURRIED = Timeout(120)
    looking.RUN_S = 0  # what a test changed is seen at once
    app.dependency_overrides |= {
        may_see_dag[0].dependency: fail_on_mistaken,
        may_edit_dag[0].dependency: fail_on_mistaken,
        may_edit: lambda: True,
        get_user: lambda: SimpleAuthManagerUser(username="ana", role="admin"),
        logged_in[0].dependency: lambda: None,
        readable_datasets: all_of_them,
    }
    client, dropping = TestClient(app, raise_server_exceptions=False), TestClient(_drop(app))
    for line in sys.stdin:
        path = line.rstrip("\n")
        if path.startswith(POSTED):
            path, picture, headers, fields = json.loads(path.removeprefix(POSTED))
            files = {"picture": ("picture.jpg", bytes.fromhex(picture))} if picture else {"other": ("", b"")}
            got = client.post(path, files=files, data=fields, headers=headers, follow_redirects=False)
        elif path.startswith(HEADED):
            path, headers = json.loads(path.removeprefix(HEADED))
            got = client.get(path, headers=headers)
        else:
            got = dropping.get(path.removeprefix(DROPPED)) if path.startswith(DROPPED) else client.get(path)
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told = {"status": got.status_code, "headers": dict(got.headers), "body": got.text, "peak_bytes": peak_bytes}
        answers.write(json.dumps(told) + "\n")
        answers.flush()


if __name__ == "__main__":
    _answer()
