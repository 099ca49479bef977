"""An Airflow connection to an object store."""

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from shoal.contract.errors import ConfigError
from shoal.stores.access import Access, Connection
from shoal.stores.kinds import access_from_connection


def read_access(conn_id: str) -> Access:
    """Read a connection: for S3 host, port, login (access key) and password (secret key).

    Its extra may hold `endpoint_url` in place of host and port, `secure` (default true), `region_name`, `ca_file`,
    `aws_session_token`, `anonymous`, `role_arn` and `addressing_style`, and what Airflow's own `aws` connections hold
    (`docs/production.md`); `kind` names another kind of store than S3: `rclone`, with a section of its settings.

    Raises:
        ConfigError: There is no such connection or no such kind, or a part of it is missing.
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as err:
        raise ConfigError(
            f"Airflow connection {conn_id!r} is not defined - add it under Admin > Connections "
            f"or set AIRFLOW_CONN_{conn_id.upper()}"
        ) from err
    return access_from_connection(
        Connection(
            conn_id=conn_id,
            host=connection.host or "",
            port=connection.port,
            login=connection.login or "",
            password=connection.password or "",
            extra=connection.extra_dejson,
        )
    )
