"""What a person wrote down of an S3 store, in Shoal's words or in those of Airflow's own `aws` connection."""

import base64
import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from shoal.contract.errors import ConfigError
from shoal.stores.access import Connection
from shoal.stores.address import need_address
from shoal.stores.run_keys_wanted import read_run_keys
from shoal.stores.s3_access import StoreAccess, is_amazon
from shoal.stores.s3_login import DEFAULT_REGION, TOKEN_FILE
from shoal.stores.s3_token_service import MACHINE, WEB_IDENTITY

_REGION_IN_HOST = re.compile(
    r"(?:^|\.)s3[.-](?:dualstack\.)?([a-z]{2,}(?:-[a-z0-9]+)*)\."
    r"(?:amazonaws\.com(?:\.cn)?|wasabisys\.com|backblazeb2\.com|scw\.cloud|io\.cloud\.ovh\.[a-z]+|cloud\.ovh\.net)$"
)
"""Providers whose documents write the region into the host name."""

_CANNOT = ("profile_name", "assume_role_with_saml")

_BY_WEB_IDENTITY = "assume_role_with_web_identity"
_METHODS = ("assume_role", _BY_WEB_IDENTITY)
_UNASKED = f"; this pod's own identity goes to AWS only, elsewhere assume_role_method: {_BY_WEB_IDENTITY} asks for it"
_ROLE_SETTINGS = {"ExternalId", "RoleSessionName", "DurationSeconds"}
"""Of `assume_role_kwargs`: the first is sent, the last says how long a key of a run's own may last, the name changes nothing."""


def read_connection(connection: Connection) -> StoreAccess:
    """Read a connection: login is the access key, password the secret key; Airflow's `aws` extras are taken as they are.

    Raises:
        ConfigError: A part of it is missing, or is one that Shoal cannot follow.
    """
    extra, conn_id = connection.extra, connection.conn_id
    anonymous = _truth(extra.get("anonymous", False))
    region = _text(extra, "region_name", "region")
    endpoint_url = _endpoint_url(connection, region)
    identity = "" if anonymous else _identity(connection, endpoint_url)
    keyless = anonymous or bool(identity)
    access_key = "" if keyless else _key(connection)[0]
    secret_key = "" if keyless else _key(connection)[1]
    token = "" if keyless else _text(extra, "aws_session_token")
    if not endpoint_url or not (keyless or (access_key and secret_key)):
        raise ConfigError(
            f"Airflow connection {conn_id!r} is not complete - it needs host, login and password (or anonymous: true in "
            f"its extra; of AWS, region_name in place of the host{_UNASKED if os.environ.get(TOKEN_FILE) else ''})"
        )
    need_address(endpoint_url, f"The endpoint of Airflow connection {conn_id!r}")
    if written := _written_sts(extra):
        need_address(written, f"service_config.sts.endpoint_url of Airflow connection {conn_id!r}", path=True)
    region = region or region_in(endpoint_url) or ""
    role_arn = "" if anonymous else _text(extra, "role_arn")
    sts_url = _sts_url(extra, endpoint_url, region) if identity == WEB_IDENTITY or role_arn else ""
    if identity == WEB_IDENTITY:
        _refuse_open_token(extra, sts_url, conn_id)
    return StoreAccess(
        endpoint_url=endpoint_url,
        access_key=access_key,
        secret_key=secret_key,
        region=region,
        ca_file=_text(extra, "ca_file") or _ca_file(extra.get("verify"), conn_id),
        session_token=token,
        path_style=_path_style(extra, conn_id),
        identity=identity,
        role_arn=role_arn,
        role_external_id=_external_id(extra, conn_id),
        sts_url=sts_url,
        token_file=_text(extra, "assume_role_with_web_identity_token_file"),
        ends_at=_end_of(token, extra, conn_id) if token else "",
        run_keys=read_run_keys(connection),
        role_s=_role_seconds(extra, conn_id),
    )


def _key(connection: Connection) -> tuple[str, str]:
    extra = connection.extra
    return (
        connection.login or _text(extra, "aws_access_key_id"),
        connection.password or _text(extra, "aws_secret_access_key"),
    )


def _identity(connection: Connection, endpoint_url: str) -> str:
    """Tell who asks where it is not the key of the connection.

    Raises:
        ConfigError: It is somebody that Shoal cannot be.
    """
    extra, conn_id = connection.extra, connection.conn_id
    method = extra.get("assume_role_method") or _METHODS[0]
    asked = next((name for name in _CANNOT if extra.get(name)), None)
    if asked or method not in _METHODS:
        raise ConfigError(
            f"Airflow connection {conn_id!r} has {asked or f'assume_role_method {method!r}'} in its extra, which Shoal cannot "
            f"follow - give a key (login and password), or role_arn with assume_role_method {' or '.join(_METHODS)}"
        )
    if method == _BY_WEB_IDENTITY:
        federation = extra.get("assume_role_with_web_identity_federation") or "file"
        if federation != "file":
            raise ConfigError(
                f"Airflow connection {conn_id!r} has assume_role_with_web_identity_federation {federation!r}, which Shoal "
                "cannot follow - write file, and let the pods have a token in a file"
            )
        return WEB_IDENTITY
    machine = _truth(extra.get("instance_profile", False))
    if extra.get("role_arn") and (machine or extra.get("aws_session_token")):
        with_what = "instance_profile" if machine else "aws_session_token"
        raise ConfigError(
            f"Airflow connection {conn_id!r} has role_arn and {with_what}, and Shoal takes a role on by a lasting key or by web "
            "identity - give login and password of such a key, or leave one of the two out"
        )
    if machine:
        return MACHINE
    # As an `aws` connection without a key, in a pod that has an identity. Whoever is shown that token can be the pod: nobody
    # but Amazon is shown it unasked.
    unasked = not any(_key(connection)) and os.environ.get(TOKEN_FILE) and is_amazon(urlsplit(endpoint_url).netloc)
    return WEB_IDENTITY if unasked else ""


def _refuse_open_token(extra: Mapping[str, Any], sts_url: str, conn_id: str) -> None:
    """Refuse to send a pod's token without TLS, unless somebody wrote down that it goes there.

    Raises:
        ConfigError: It would be.
    """
    if urlsplit(sts_url).scheme != "https" and not _written_sts(extra):
        raise ConfigError(
            f"Airflow connection {conn_id!r} would send the pod's token to {sts_url} without TLS - write https://, or that "
            "address into service_config.sts.endpoint_url where the network is trusted"
        )


def _external_id(extra: Mapping[str, Any], conn_id: str) -> str:
    settings = _within(extra, "assume_role_kwargs")
    others = sorted(set(settings) - _ROLE_SETTINGS)
    if others:
        raise ConfigError(
            f"Airflow connection {conn_id!r} has {', '.join(others)} in assume_role_kwargs, which Shoal cannot follow - it "
            f"knows {', '.join(sorted(_ROLE_SETTINGS))}"
        )
    return _text(settings, "ExternalId") or _text(extra, "external_id")


def _role_seconds(extra: Mapping[str, Any], conn_id: str) -> int:
    try:
        return int(written := _within(extra, "assume_role_kwargs").get("DurationSeconds") or 0)
    except (TypeError, ValueError) as err:
        raise ConfigError(f"Airflow connection {conn_id!r} has DurationSeconds {written!r} - write 43200, say") from err


def _sts_url(extra: Mapping[str, Any], endpoint_url: str, region: str) -> str:
    """Tell who gives keys for roles: of AWS its service of that region, elsewhere the store itself."""
    written = _written_sts(extra)
    if written:
        return written
    host = urlsplit(endpoint_url).netloc
    if not is_amazon(host):
        return endpoint_url
    china = (urlsplit(endpoint_url).hostname or "").endswith(".cn")
    return f"https://sts.{region or DEFAULT_REGION}.amazonaws.com{'.cn' if china else ''}"


def _written_sts(extra: Mapping[str, Any]) -> str:
    return _text(_within(extra, "service_config", "sts"), "endpoint_url").rstrip("/")


def _end_of(token: str, extra: Mapping[str, Any], conn_id: str) -> str:
    """Tell when a session token ends: as the connection says, else as MinIO writes into it; empty where nobody does."""
    written = extra.get("aws_credential_expiration")
    if written:
        try:
            end = datetime.fromisoformat(str(written)).astimezone(UTC)
        except ValueError as err:
            raise ConfigError(
                f"Airflow connection {conn_id!r} has aws_credential_expiration {written!r} - write a time such as "
                "2026-06-01T12:00:00Z"
            ) from err
        return f"{end:%Y-%m-%dT%H:%M:%SZ}"
    try:
        claims = token.split(".")[1]
        end = datetime.fromtimestamp(
            json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"], UTC
        )
    except (IndexError, ValueError, KeyError, TypeError, OverflowError, OSError):  # of AWS it is nobody's to read
        return ""
    return f"{end:%Y-%m-%dT%H:%M:%SZ}"


def region_in(endpoint_url: str) -> str | None:
    """Read the region that a provider writes into its host name; None where it writes none."""
    found = _REGION_IN_HOST.search(urlsplit(endpoint_url).hostname or "")
    return found[1] if found else None


def _endpoint_url(connection: Connection, region: str) -> str:
    extra = connection.extra
    written = _text(extra, "endpoint_url") or _text(_within(extra, "service_config", "s3"), "endpoint_url")
    if written:
        return written.rstrip("/")
    if connection.host.startswith(("http://", "https://")):
        return connection.host.rstrip("/") + (f":{connection.port}" if connection.port else "")
    if connection.host:
        scheme = "https" if _truth(extra.get("secure", True)) else "http"
        return f"{scheme}://{connection.host}" + (f":{connection.port}" if connection.port else "")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{domain}" if region else ""


def _path_style(extra: Mapping[str, Any], conn_id: str) -> bool:
    style = (
        _text(extra, "addressing_style") or _text(_within(extra, "config_kwargs", "s3"), "addressing_style") or "path"
    )
    if style not in {"path", "virtual", "auto"}:
        raise ConfigError(f"Airflow connection {conn_id!r} has addressing_style {style!r} - write path or virtual")
    return style != "virtual"


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


def _text(extra: Mapping[str, Any], *names: str) -> str:
    """Read the first of several that says something: null says nothing, and a number was meant as its digits."""
    return next((str(extra[name]) for name in names if extra.get(name)), "")


def _truth(value: Any) -> bool:
    return value.strip().lower() in {"true", "1", "yes"} if isinstance(value, str) else bool(value)
