"""What a person wrote down of an S3 store, in Shoal's words or in those of Airflow's own `aws` connection."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shoal.contract.errors import ConfigError
from shoal.stores.object_store import Connection
from shoal.stores.s3_access import StoreAccess

_REGION_IN_HOST = re.compile(
    r"(?:^|\.)s3[.-](?:dualstack\.)?([a-z]{2,}(?:-[a-z0-9]+)*)\."
    r"(?:amazonaws\.com(?:\.cn)?|wasabisys\.com|backblazeb2\.com|scw\.cloud|io\.cloud\.ovh\.[a-z]+|cloud\.ovh\.net)$"
)
"""Providers whose documents write the region into the host name."""

_ROLES = ("role_arn", "assume_role_method", "profile_name")


def read_connection(connection: Connection) -> StoreAccess:
    """Read a connection: login is the access key, password the secret key; Airflow's `aws` extras are taken as they are.

    Raises:
        ConfigError: A part of it is missing, or is one that Shoal cannot follow.
    """
    extra, conn_id = connection.extra, connection.conn_id
    anonymous = _truth(extra.get("anonymous", False))
    access_key = "" if anonymous else connection.login or extra.get("aws_access_key_id", "")
    secret_key = "" if anonymous else connection.password or extra.get("aws_secret_access_key", "")
    asked = next((name for name in _ROLES if extra.get(name)), None)
    if asked:
        raise ConfigError(
            f"Airflow connection {conn_id!r} has {asked} in its extra, which Shoal cannot follow - give a key: login, "
            "password and, of a temporary one, aws_session_token"
        )
    region = extra.get("region_name") or extra.get("region") or ""
    endpoint_url = _endpoint_url(connection, region)
    if not endpoint_url or not (anonymous or (access_key and secret_key)):
        raise ConfigError(
            f"Airflow connection {conn_id!r} is not complete - it needs host, login and password (or anonymous: true in "
            "its extra; of AWS, region_name in place of the host)"
        )
    return StoreAccess(
        endpoint_url=endpoint_url,
        access_key=access_key,
        secret_key=secret_key,
        region=region or region_in(endpoint_url) or "us-east-1",
        ca_file=extra.get("ca_file") or _ca_file(extra.get("verify"), conn_id),
        session_token="" if anonymous else extra.get("aws_session_token", ""),
        path_style=_path_style(extra, conn_id),
    )


def region_in(endpoint_url: str) -> str | None:
    """Read the region that a provider writes into its host name; None where it writes none."""
    found = _REGION_IN_HOST.search(urlsplit(endpoint_url).hostname or "")
    return found[1] if found else None


def _endpoint_url(connection: Connection, region: str) -> str:
    extra = connection.extra
    written = extra.get("endpoint_url") or _within(extra, "service_config", "s3").get("endpoint_url") or ""
    if written:
        return str(written).rstrip("/")
    if connection.host.startswith(("http://", "https://")):
        return connection.host.rstrip("/") + (f":{connection.port}" if connection.port else "")
    if connection.host:
        scheme = "https" if _truth(extra.get("secure", True)) else "http"
        return f"{scheme}://{connection.host}" + (f":{connection.port}" if connection.port else "")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{domain}" if region else ""


def _path_style(extra: Mapping[str, Any], conn_id: str) -> bool:
    style = extra.get("addressing_style") or _within(extra, "config_kwargs", "s3").get("addressing_style") or "path"
    if style not in {"path", "virtual", "auto"}:
        raise ConfigError(f"Airflow connection {conn_id!r} has addressing_style {style!r} - write path or virtual")
    return bool(style != "virtual")


def _ca_file(verify: Any, conn_id: str) -> str:
    if isinstance(verify, str) and verify.lower() not in {"", "true", "false"}:
        return verify
    if verify is not None and not _truth(verify):
        raise ConfigError(
            f"Airflow connection {conn_id!r} has verify: false, and Shoal sends keys to known stores only - name the PEM "
            "file of the private authority in ca_file"
        )
    return ""


def _within(extra: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Go down into an extra; where something else lies on the way there is nothing."""
    found: Any = extra
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _truth(value: Any) -> bool:
    return value.strip().lower() in {"true", "1", "yes"} if isinstance(value, str) else bool(value)
