"""How both sides reach an S3 store: endpoint and keys, and what its errors mean."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error

from shoal.contract.errors import AccessDeniedError, ConfigError, LoginRefusedError, ShoalError, StoreError

TRANSPORT_ERRORS = (MinioException, urllib3.exceptions.HTTPError, OSError)
"""What a request to a store can raise."""

_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidTokenId"}
_ERROR_CODE = re.compile(r"<Code>(\w+)</Code>")


@dataclass(frozen=True)
class StoreAccess:
    """One S3 store and the right to use it.

    Attributes:
        kind: Its line in the table of kinds.
        endpoint_url: `http(s)://host[:port]`, no path.
        access_key: Access key id.
        secret_key: Secret key; never shown by repr.
        region: Region name; empty lets the client ask.
        ca_file: PEM file of a private certificate authority; empty means the public ones.
    """

    kind: ClassVar[str] = "s3"

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    ca_file: str = ""

    @property
    def secure(self) -> bool:
        """Whether the endpoint speaks TLS."""
        return urlsplit(self.endpoint_url).scheme == "https"

    @property
    def host(self) -> str:
        """Host and port, as clients want it."""
        return urlsplit(self.endpoint_url).netloc

    @staticmethod
    def env_names(role: str) -> dict[str, str]:
        """Name the environment variable of each field, `SHOAL_<ROLE>_…`; roles are source, models, results."""
        parts = ("endpoint_url", "access_key", "secret_key", "region", "ca_file")
        return {part: f"SHOAL_{role.upper()}_{part.upper()}" for part in parts}

    def to_env(self, role: str, ca_file: str = "") -> dict[str, str]:
        """See `Access.to_env`."""
        names = self.env_names(role)
        values: dict[str, str] = {name: getattr(self, part) for part, name in names.items()}
        return {**values, names["ca_file"]: ca_file or self.ca_file}

    @classmethod
    def from_env(cls, role: str, environ: Mapping[str, str] = os.environ) -> "StoreAccess":
        """Read what `to_env` wrote.

        Raises:
            ConfigError: A variable is missing.
        """
        names = cls.env_names(role)
        try:
            return cls(
                environ[names["endpoint_url"]],
                environ[names["access_key"]],
                environ[names["secret_key"]],
                environ.get(names["region"], "us-east-1"),
                environ.get(names["ca_file"], ""),
            )
        except KeyError as err:
            raise ConfigError(
                f"Environment variable {err.args[0]} is not set - it is part of the {role} credentials"
            ) from err

    def connect(self, connections: int = 8) -> Minio:
        """Open a client; thread-safe, not fork-safe. Nothing is sent yet.

        Args:
            connections: Most connections kept open at once.
        """
        pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=5, read=60),
            retries=urllib3.Retry(total=4, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504)),
            cert_reqs="CERT_REQUIRED",
            ca_certs=self.ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        return Minio(
            self.host,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=self.secure,
            region=self.region or None,
            http_client=pool,
        )


def error_code(err: BaseException) -> str | None:
    """Name the S3 error code of a failed request, None when the server gave none.

    Some servers (`rclone serve s3`) send errors as text/xml, which the client hands over unparsed.
    """
    if isinstance(err, S3Error):
        return err.code
    if isinstance(err, InvalidResponseError):
        match = _ERROR_CODE.search(str(err))
        return match[1] if match else None
    return None


def explain(err: BaseException, access: StoreAccess, target: str) -> ShoalError:
    """Turn a failed request into the error to show: a ConfigError where a retry cannot help, else a StoreError.

    Args:
        err: What the client raised.
        access: The store that was asked.
        target: What was asked for, such as `bucket 'fish'`.
    """
    code = error_code(err)
    if code == "NoSuchBucket":
        return ConfigError(f"No {target} at {access.endpoint_url} - create it or correct its name in the dataset file")
    if code in _DENIED:
        kind = AccessDeniedError if code == "AccessDenied" else LoginRefusedError
        return kind(
            f"Access to {target} at {access.endpoint_url} denied ({code}) - check the login and password of "
            "the connection and the rights of that key"
        )
    if code == "RequestTimeTooSkewed":
        return StoreError(
            f"{access.endpoint_url} refuses what is asked of {target}: its clock and this machine's, which says "
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, are too far apart - set both by NTP"
        )
    if isinstance(err, urllib3.exceptions.HTTPError | OSError):
        return StoreError(
            f"No answer from {access.endpoint_url} for {target} ({_root_cause(err)}) - check that the store "
            "runs and the endpoint of the connection"
        )
    return StoreError(f"Request for {target} at {access.endpoint_url} failed: {code or err} - see the store's log")


def _root_cause(err: BaseException) -> str:
    """Name the innermost reason of urllib3's nested errors."""
    reason = getattr(err, "reason", None)
    while isinstance(reason, BaseException):
        err, reason = reason, getattr(reason, "reason", None)
    return f"{type(err).__name__}: {err}".replace("\n", " ")[:160]
