"""How both sides reach images that are files of a folder: its path, and how long a file that was just written is left alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from shoal.contract.errors import ConfigError

SETTLE = timedelta(seconds=60)
"""Whoever copies a file writes to it again within this time: one that was written later is left for the next run."""

IN_PODS = "/images"
"""Where a pod finds the volume."""


@dataclass(frozen=True)
class FolderAccess:
    """A folder of this machine.

    Attributes:
        kind: Its line in the table of kinds.
        path: The folder, absolute.
        settle_s: Seconds since its last change after which a file is listed.
    """

    kind: ClassVar[str] = "folder"
    ca_file: ClassVar[str] = ""
    ends_at: ClassVar[str] = ""
    login: ClassVar[str] = "files of a folder"
    run_keys_required: ClassVar[bool] = False

    path: str
    settle_s: float = SETTLE.total_seconds()

    def to_env(self, role: str, ca_file: str = "") -> dict[str, str]:  # noqa: ARG002 - nothing is encrypted
        """See `Access.to_env`; what only lists say is left out."""
        return {_variable(role): self.path}

    @classmethod
    def from_env(cls, role: str, environ: Mapping[str, str]) -> "FolderAccess":
        """Read what `to_env` wrote.

        Raises:
            ConfigError: The variable is missing.
        """
        if not (path := environ.get(_variable(role), "")):
            raise ConfigError(f"Environment variable {_variable(role)} is not set - it names the folder of the images")
        return cls(path)


def lies_in(place: str | Path, folder: str | Path) -> bool:
    """Tell whether a place is a folder or lies below it, whatever links lead to the one or the other."""
    return Path(os.path.realpath(place)).is_relative_to(os.path.realpath(folder))


def _variable(role: str) -> str:
    return f"SHOAL_{role.upper()}_FOLDER"
