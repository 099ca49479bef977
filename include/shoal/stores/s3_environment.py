"""How an S3 store is reached by whoever has no Airflow: arguments, else the variables that AWS's own tools read."""

import os
from collections.abc import Mapping

from shoal.contract.errors import ConfigError
from shoal.stores.s3_access import StoreAccess
from shoal.stores.s3_login import DEFAULT_REGION

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def access_from_environment(
    endpoint_url: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    *,
    anonymous: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> StoreAccess:
    """Read how a store is reached.

    Args:
        endpoint_url: `https://host[:port]`; else `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`; else Amazon's own, by region.
        access_key: Else `AWS_ACCESS_KEY_ID`.
        secret_key: Else `AWS_SECRET_ACCESS_KEY`, with `AWS_SESSION_TOKEN` where there is one.
        anonymous: Ask without a login, as public buckets allow.
        environ: The variables; `SSL_CERT_FILE` names a private certificate authority, `AWS_REGION` the region.

    Raises:
        ConfigError: There is no key, or half of one.
    """
    region = _first(environ, _REGIONS)
    url = endpoint_url or _first(environ, _ENDPOINTS) or f"https://s3.{region or DEFAULT_REGION}.amazonaws.com"
    if anonymous:
        return StoreAccess(url, "", "", region=region)
    own = (access_key, secret_key) != (None, None)
    key = (access_key if own else environ.get("AWS_ACCESS_KEY_ID")) or ""
    secret = (secret_key if own else environ.get("AWS_SECRET_ACCESS_KEY")) or ""
    if not key or not secret:
        raise ConfigError(
            f"No {'access key' if not key else 'secret key'} for {url} - set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "give access_key and secret_key, or anonymous=True for a public bucket"
        )
    token = "" if own else environ.get("AWS_SESSION_TOKEN", "")
    return StoreAccess(url, key, secret, region=region, session_token=token)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
