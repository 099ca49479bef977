"""An Airflow connection to an S3-compatible store."""

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from shoal.contract.errors import ConfigError
from shoal.stores.s3_access import StoreAccess


def read_access(conn_id: str) -> StoreAccess:
    """Read a connection: host, port, login (access key) and password (secret key).

    Its extra may hold `endpoint_url` in place of host and port, `secure` (default true), `region` and `ca_file`.

    Raises:
        ConfigError: There is no such connection, or a part of it is missing.
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as err:
        raise ConfigError(
            f"Airflow connection {conn_id!r} is not defined - add it under Admin > Connections "
            f"or set AIRFLOW_CONN_{conn_id.upper()}"
        ) from err
    extra = connection.extra_dejson
    if not connection.login or not connection.password or not (connection.host or extra.get("endpoint_url")):
        raise ConfigError(f"Airflow connection {conn_id!r} is not complete - it needs host, login and password")
    scheme = "https" if extra.get("secure", True) else "http"
    port = f":{connection.port}" if connection.port else ""
    return StoreAccess(
        endpoint_url=extra.get("endpoint_url") or f"{scheme}://{connection.host}{port}",
        access_key=connection.login,
        secret_key=connection.password,
        region=extra.get("region", "us-east-1"),
        ca_file=extra.get("ca_file", ""),
    )
