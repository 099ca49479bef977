"""The table of the kinds of store there are, and how one is opened; a kind is loaded when it is asked for."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any, Protocol, cast

from shoal.contract.errors import ConfigError
from shoal.contract.run_rights import Rights
from shoal.stores.access import Access, Connection, RcloneRemote
from shoal.stores.object_store import ObjectStore

KINDS = {
    "s3": "shoal.stores.s3:S3Store",
    "folder": "shoal.stores.image_folder:ImageFolder",
    "rclone": "shoal.stores.rclone:RcloneStore",
}
"""The kinds of store, and the class of each: a `StoreKind`."""

DEFAULT_KIND = "s3"
"""The kind of a connection, or of a worker's environment, that names none."""


class StoreKind(Protocol):
    """The class of a kind: opens buckets, and knows how such a store is told of."""

    def __call__(self, access: Any, bucket: str) -> ObjectStore:
        """Open a bucket; nothing is sent yet."""

    def access_from_connection(self, connection: Connection) -> Access:
        """Read a connection.

        Raises:
            ConfigError: A part of it is missing.
        """

    def access_from_env(self, role: str, environ: Mapping[str, str]) -> Access:
        """Read what `Access.to_env` wrote.

        Raises:
            ConfigError: A variable is missing.
        """

    def limit_access(self, access: Any, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> Access:
        """See `limit_access`."""

    def rclone_remote(self, role: str, bucket: str) -> RcloneRemote | None:
        """Tell how rclone reaches a bucket; None where it cannot, and images are read directly only."""


def load_kind(kind: str) -> StoreKind:
    """Load a kind of store.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"No kind of object store {kind!r} - there are {', '.join(sorted(KINDS))}")
    return cast("StoreKind", resolve_name(KINDS[kind]))


def open_store(access: Access, bucket: str) -> ObjectStore:
    """Open a bucket; nothing is sent yet."""
    return load_kind(access.kind)(access, bucket)


def access_from_connection(connection: Connection) -> Access:
    """Read a connection of any kind; its extra `kind` names the kind.

    Raises:
        ConfigError: No such kind, or a part of the connection is missing.
    """
    return load_kind(connection.extra.get("kind", DEFAULT_KIND)).access_from_connection(connection)


def limit_access(access: Access, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> Access:
    """Get an access that may do so much in one bucket and no more, and that ends.

    Args:
        access: Whose rights it has a part of.
        bucket: Name of the bucket.
        rights: What it may do.
        least: How long it has to last.
        wanted: How long it is better to last.

    Raises:
        NoRunKeyError: There is none to be had; the message says why.
        ShoalError: Whoever gives keys refuses, or does not answer.
    """
    return load_kind(access.kind).limit_access(access, bucket, rights, least, wanted)


def write_env(access: Access, role: str, ca_file: str = "") -> dict[str, str]:
    """Write what `open_from_env` reads, the kind of the store included.

    Args:
        access: How the store is reached.
        role: source, models or results.
        ca_file: See `Access.to_env`.
    """
    kind = {} if access.kind == DEFAULT_KIND else {_kind_variable(role): access.kind}
    return {**access.to_env(role, ca_file), **kind}


def open_from_env(role: str, bucket: str, environ: Mapping[str, str] = os.environ) -> ObjectStore:
    """Open a bucket with the access that the environment holds for a role; nothing is sent yet.

    Raises:
        ConfigError: No such kind, or a variable is missing.
    """
    kind = load_kind(environ.get(_kind_variable(role)) or DEFAULT_KIND)
    return kind(kind.access_from_env(role, environ), bucket)


def _kind_variable(role: str) -> str:
    return f"SHOAL_{role.upper()}_KIND"
