"""How a store is reached: what a person wrote down of it, and what this process, a pod or rclone makes of that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Connection:
    """What a person wrote down of a store; which parts are needed is the kind's to say."""

    conn_id: str
    host: str
    port: int | None
    login: str
    password: str = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class RcloneRemote:
    """How rclone reaches a bucket, for a sidecar that mounts it.

    Attributes:
        path: The bucket, as rclone names it: `:s3:fish`.
        environment: rclone's variable, and the one of `Access.to_env` that has its value.
        options: Further words of the command line.
        address_variable: The variable that tells people where the store is.
        ca_variable: The variable with the path of a private certificate authority; empty where there is none.
        login: What a shell does first, with these variables; empty where rclone needs no more.
    """

    path: str
    environment: Mapping[str, str]
    options: Mapping[str, str]
    address_variable: str
    ca_variable: str
    login: str = ""


class Access(Protocol):
    """One store and the right to use it."""

    @property
    def kind(self) -> str:
        """Its line in `KINDS`."""

    @property
    def ca_file(self) -> str:
        """PEM file of a private certificate authority; empty means the public ones."""

    @property
    def login(self) -> str:
        """The kind of login in words, without anything secret."""

    @property
    def ends_at(self) -> str:
        """When the login ends and cannot be renewed, RFC 3339 in UTC; empty where it does not or nobody says."""

    @property
    def run_keys_required(self) -> bool:
        """Whether pods of a run get a key of its own or nothing."""

    def to_env(self, role: str, ca_file: str = "") -> dict[str, str]:
        """Write the access as environment variables `SHOAL_<ROLE>_…`; roles are source, models, results.

        Args:
            role: What the store is used for.
            ca_file: Where the reader finds the certificate authority, when not where this process does.
        """


ReadAccess = Callable[[str], Access]
"""Looks a connection id up."""
