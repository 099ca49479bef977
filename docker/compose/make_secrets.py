"""Makes every password of the compose installation once, and writes each where only the service that needs it can read it.

`secrets.json` is the original; the files beside it are written anew from it at every start.
"""

import base64
import json
import os
import secrets
from pathlib import Path

FOLDER = Path("/secrets")
AIRFLOW, MINIO, POSTGRES = 65532, 65533, 999
"""User ids of the images."""


def main() -> None:
    """Keep what there is, make what is missing."""
    os.umask(0o077)
    FOLDER.chmod(0o755)
    known = _read_or_make(FOLDER / "secrets.json")
    _write("postgres/password", POSTGRES, known["postgres_password"])
    root = {"MINIO_ROOT_USER": known["minio_root_key"], "MINIO_ROOT_PASSWORD": known["minio_root_secret"]}
    _write("minio/env", MINIO, "".join(f"{name}={value}\n" for name, value in root.items()))
    lines = [f"export {name}='{value}'\n" for name, value in _airflow_environment(known).items()]
    _write("airflow/env", AIRFLOW, "".join(lines))
    _write("airflow/passwords.json", AIRFLOW, json.dumps({"admin": known["login_password"]}) + "\n")


def _read_or_make(path: Path) -> dict[str, str]:
    made = {
        "postgres_password": secrets.token_hex(20),
        "minio_root_key": secrets.token_hex(8),
        "minio_root_secret": secrets.token_hex(20),
        "reader_key": secrets.token_hex(8),
        "reader_secret": secrets.token_hex(20),
        "writer_key": secrets.token_hex(8),
        "writer_secret": secrets.token_hex(20),
        "login_password": secrets.token_urlsafe(16),
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt_secret": secrets.token_hex(32),
        "api_secret_key": secrets.token_hex(32),
    }
    known = made | (json.loads(path.read_text()) if path.exists() else {})
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(known, indent=1))
    partial.replace(path)
    return known


def _airflow_environment(known: dict[str, str]) -> dict[str, str]:
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow:{known['postgres_password']}@postgres/airflow",
        "AIRFLOW__CORE__FERNET_KEY": known["fernet_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": known["jwt_secret"],
        "AIRFLOW__API__SECRET_KEY": known["api_secret_key"],
        "AIRFLOW_CONN_SHOAL_READ": _connection(known["reader_key"], known["reader_secret"]),
        "AIRFLOW_CONN_SHOAL_WRITE": _connection(known["writer_key"], known["writer_secret"]),
    }


def _connection(key: str, secret: str) -> str:
    extra = {"endpoint_url": os.environ["SHOAL_STORE_URL"]}
    return json.dumps({"conn_type": "generic", "login": key, "password": secret, "extra": extra})


def _write(name: str, user: int, content: str) -> None:
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(content)
    os.chown(partial, user, user)
    os.chown(path.parent, user, user)
    partial.replace(path)


if __name__ == "__main__":
    main()
