"""Every route of Shoal's pages, asked by people of different rights: run where Airflow is configured.

Airflow's own simple rights know no single DAGs, so each person here may see one DAG, as with the managers of rights that
installations use; tokens, and whom Airflow asks about a DAG, are Airflow's own.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

ASKED = "reanalyse_atoll"
"""Of a dataset without a file: who may see it is told so, and no store is asked."""
VALUES = {"dag_id": ASKED, "run_id": "manual__2026-06-01T02:00:00+00:00", "variant": "demo-fish-v1-0123456789ab", "run_key": "20260601T020000Z-abcd1234", "name": "report.html"}  # fmt: skip
EDITS = "edits "
PEOPLE = {
    "nobody": None,
    "a forger": "forged",
    "who sees another dataset's DAG": "reanalyse_reef",
    "who sees a DAG of a similar name": f"{ASKED}_2",
    "who sees the DAG": ASKED,
    "who edits the DAG": f"{EDITS}{ASKED}",
}
"""What each shows: nothing, what is no token, or a token that lets him see this DAG."""


class OneDagEach(SimpleAuthManager):
    """Lets each see one DAG, and some edit it."""

    def is_authorized_dag(self, *, method, user, access_entity=None, details=None) -> bool:
        may = method == "GET" or (method == "PUT" and user.role.startswith(EDITS))
        return may and details is not None and details.id is not None and details.id == user.role.removeprefix(EDITS)


def main() -> None:
    """Print what each was answered: person, then method and path, then status."""
    os.environ["AIRFLOW__CORE__AUTH_MANAGER"] = "asked_rights.OneDagEach"
    from airflow.api_fastapi.app import create_auth_manager
    from starlette.testclient import TestClient

    from shoal.airflow.pages.app import app

    manager = create_auth_manager()
    client = TestClient(app, raise_server_exceptions=False)
    answers: dict[str, dict[str, int]] = {}
    for person, shows in PEOPLE.items():
        token = shows
        if shows not in {None, "forged"}:
            token = manager.generate_jwt(SimpleAuthManagerUser(username=person, role=shows))
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answers[person] = {
            f"{method} {path}": client.request(method, path, headers=headers).status_code
            for method, path in _requests(app)
        }
    sys.stdout.write(json.dumps(answers) + "\n")


def _requests(app) -> Iterator[tuple[str, str]]:
    """Every method of every route, for a run of one DAG; and paths that try to mean another DAG than is asked about."""
    for route in app.routes:
        if "{dag_id}" not in route.path:  # of no DAG: asked by itself
            yield "GET", _fill(route.path, VALUES)
            continue
        path = _fill(route.path, VALUES)
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            yield method, path
        yield "GET", f"{path}?dag_id=reanalyse_reef"
        yield "GET", path.replace(ASKED, "reanalyse%5Fatoll")
        yield "GET", path.replace(ASKED, "~") + "?dag_id=reanalyse_reef"


def _fill(path: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", lambda part: values[part[1]], path)


if __name__ == "__main__":
    # Under the name by which Airflow is told to import it: else there would be two classes of one name.
    from asked_rights import main as as_module

    as_module()
