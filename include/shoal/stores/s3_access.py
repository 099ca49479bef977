"""How both sides reach an S3 store: endpoint, keys, region and addressing."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import certifi
import urllib3
from minio import Minio
from minio.credentials.providers import Provider
from minio.error import MinioException

from shoal.contract.errors import ConfigError
from shoal.stores.address import need_address
from shoal.stores.run_keys_wanted import REQUIRED
from shoal.stores.s3_login import DEFAULT_REGION, provider_of
from shoal.stores.s3_patience import Others, Patience, said_patience
from shoal.stores.s3_token_service import MACHINE, WEB_IDENTITY

UNREADABLE_ANSWERS = (ET.ParseError, UnicodeDecodeError)
"""What the client raises at an answer that is not what its Content-Type says: a proxy's page, or XML that breaks off."""

TRANSPORT_ERRORS = (MinioException, urllib3.exceptions.HTTPError, OSError, *UNREADABLE_ANSWERS)
"""What a request to a store can raise."""

HURRIED = urllib3.Timeout(connect=2, read=4)
ONCE_MORE = urllib3.Retry(total=1, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False)
"""Of a page's requests: a person waits for them, and asks again."""


OF_A_RUN = "run"
"""Says that a key was made for one run: another attempt gets another one."""

_UNTOLD = frozenset({"kind", "run_keys", "role_s"})
"""Fields that whoever makes keys for others needs, and they do not."""


def is_amazon(host: str) -> bool:
    """Whether a host, with or without its port, is Amazon's own."""
    return re.fullmatch(r"(?:[\w.-]+\.)?amazonaws\.com(?:\.cn)?(?::\d+)?", host.lower()) is not None


@dataclass(frozen=True)
class StoreAccess:
    """One S3 store and the right to use it.

    Attributes:
        kind: Its line in the table of kinds.
        endpoint_url: `http(s)://host[:port]`, no path.
        access_key: Access key id; empty asks without a login, as public buckets allow.
        secret_key: Secret key; never shown by repr.
        region: Region name; empty where nobody wrote it down, see `s3_region`.
        ca_file: PEM file of a private certificate authority; empty means the public ones.
        session_token: What belongs to a key that ends; never shown by repr.
        path_style: `host/bucket/key`; false is `bucket.host/key`.
        identity: Who asks where it is not the key: `web` (a pod by the token in a file), `machine` (by its metadata service).
        role_arn: The role to take on: by the key, or by that token.
        role_external_id: What the role's owner asks for besides.
        sts_url: Who gives keys for roles.
        token_file: The file of `web`; empty means the one that the pod's own environment names.
        ends_at: When the session token ends, RFC 3339 in UTC; empty where nobody says.
        key_of: `run` where the key was made for one run; else empty.
        run_keys: Whether keys for single runs may be made of it: `true`, `false`, or `required`, one or nothing.
        role_s: Seconds that keys of the role may last; 0 where nobody says.
    """

    kind: ClassVar[str] = "s3"

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = DEFAULT_REGION
    ca_file: str = ""
    session_token: str = field(default="", repr=False)
    path_style: bool = True
    identity: str = ""
    role_arn: str = ""
    role_external_id: str = field(default="", repr=False)
    sts_url: str = ""
    token_file: str = ""
    ends_at: str = ""
    key_of: str = ""
    run_keys: str = "true"
    role_s: int = 0

    def __post_init__(self) -> None:
        """Refuse addresses that hold more than one, whoever wrote them.

        Raises:
            ConfigError: One does; it is not shown.
        """
        need_address(self.endpoint_url, "The endpoint URL of a store")
        if self.sts_url:
            need_address(self.sts_url, "The URL of a token service", path=True)

    @property
    def login(self) -> str:
        """The kind of login in words, without anything secret."""
        if self.identity or self.role_arn:
            return {WEB_IDENTITY: "web identity", MACHINE: "instance profile"}.get(self.identity, "role")
        if not self.access_key:
            return "anonymous"
        if not self.session_token:
            return "login"
        kind = "key of this run's own" if self.key_of == OF_A_RUN else "session token"
        return f"{kind} until {self.ends_at}" if self.ends_at else kind

    @property
    def run_keys_required(self) -> bool:
        """See `Access.run_keys_required`."""
        return self.run_keys == REQUIRED

    @property
    def authorities(self) -> str:
        """PEM file of the certificate authorities to trust."""
        return self.ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where()

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
        return {
            part: f"SHOAL_{role.upper()}_{part.upper()}"
            for part in StoreAccess.__dataclass_fields__
            if part not in _UNTOLD
        }

    def to_env(self, role: str, ca_file: str = "") -> dict[str, str]:
        """See `Access.to_env`."""
        names = self.env_names(role)
        values: dict[str, str] = {name: getattr(self, part) for part, name in names.items()}
        return {
            **values,
            names["ca_file"]: ca_file
            or (self.ca_file and str(Path(self.ca_file).absolute())),  # readers start elsewhere
            names["path_style"]: str(self.path_style).lower(),  # as rclone reads it, too
            **said_patience(),
        }

    @classmethod
    def from_env(cls, role: str, environ: Mapping[str, str] = os.environ) -> "StoreAccess":
        """Read what `to_env` wrote.

        Raises:
            ConfigError: A variable is missing.
        """
        names = cls.env_names(role)
        try:
            needed = {part: environ[names[part]] for part in ("endpoint_url", "access_key", "secret_key")}
        except KeyError as err:
            raise ConfigError(
                f"Environment variable {err.args[0]} is not set - it is part of the {role} credentials"
            ) from err
        others = {part: environ[name] for part, name in names.items() if part not in needed and name in environ}
        return cls(**needed, **{**others, "path_style": others.get("path_style") != "false"})  # type: ignore[arg-type]

    def provider(self) -> Provider | None:
        """Tell who gives keys that end; None where the key, or none, is used as it is."""
        return provider_of(self)

    def connect(
        self,
        connections: int = 8,
        provider: Provider | None = None,
        others: Others | None = None,
        *,
        hurried: bool = False,
    ) -> Minio:
        """Open a client; thread-safe, not fork-safe. Nothing is sent yet.

        Args:
            connections: Most connections kept open at once.
            provider: Who gives the keys; None makes one where that is needed.
            others: Where each request is for one object of many, what becomes of them; see `Patience`.
            hurried: Whether a request that is not answered in seconds is given up.
        """
        pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=HURRIED if hurried else urllib3.Timeout(connect=5, read=60),
            retries=ONCE_MORE if hurried else Patience.of_a_request(others),
            cert_reqs="CERT_REQUIRED",
            ca_certs=self.authorities,
        )
        provider = provider or self.provider()
        client = Minio(
            self.host,
            access_key=None if provider else self.access_key or None,
            secret_key=None if provider else self.secret_key or None,
            session_token=None if provider else self.session_token or None,
            credentials=provider,
            secure=self.secure,
            region=self.region or None,
            http_client=pool,
        )
        if not self.path_style:
            client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        return client
