"""How both sides reach a store by rclone: one section of rclone's settings, its password, and where it is served to a pod."""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import quote

from shoal.contract.errors import ConfigError

REMOTE = "images"
"""The name of the section, whatever it was called where it was copied from."""

SECTION_PREFIX = f"RCLONE_CONFIG_{REMOTE.upper()}_"
"""How rclone's variables begin that stand for a section of this name."""

IN_PODS = "http://127.0.0.1:8017"
"""Where rclone serves the store to the worker beside it."""

USER = "shoal"
"""Who may ask what is served on loopback: others use the machine, too."""

NOTHING_SECRET = frozenset(
    {"type", "url", "vendor", "host", "port", "user", "provider", "endpoint", "region", "account"}
)
"""Options whose values may be told; of every other one rclone's own messages are cleaned."""

_FEWEST_HIDDEN = 4
"""Characters of a value that is hidden."""

_NO_SECRETS = frozenset({"true", "false"})
"""Values that are in too many sentences."""

_WORD = re.compile(r"""[^\s"'\\]+""")
"""Of a command, which is told in part, too, by whoever does not understand it."""

_PARTS = ("rclone", "rclone_password", "rclone_served", "rclone_door", "ca_file")


@dataclass(frozen=True)
class RcloneAccess:
    """One store, as rclone reaches it.

    Attributes:
        kind: Its line in the table of kinds.
        section: Options of the section in rclone's words, `type` among them; never shown by repr.
        password: What rclone calls `pass`, as people write it; empty where the section has it, or there is none.
        ca_file: PEM file of a private certificate authority; empty means the public ones.
        served_at: Where rclone serves the store already; empty where this process starts it.
        run_keys_required: See `Access.run_keys_required`; none is to be had, so that nothing is planned.
    """

    kind: ClassVar[str] = "rclone"
    ends_at: ClassVar[str] = ""

    section: Mapping[str, str] = field(repr=False, hash=False)
    password: str = field(default="", repr=False)
    ca_file: str = ""
    served_at: str = ""
    run_keys_required: bool = False

    @property
    def login(self) -> str:
        """See `Access.login`."""
        return f"rclone, {self.section['type']}"

    @property
    def door(self) -> str:
        """What a worker says to the rclone beside it; the same in all pods of one access, and told by none of its secrets."""
        return hashlib.sha256(f"door\n{self._assignments()}\n{self.password}".encode()).hexdigest()

    @staticmethod
    def env_names(role: str) -> dict[str, str]:
        """Name the environment variable of each part."""
        return {part: f"SHOAL_{role.upper()}_{part.upper()}" for part in _PARTS}

    def to_env(self, role: str, ca_file: str = "") -> dict[str, str]:
        """See `Access.to_env`; the section is written as a shell reads it, so that a sidecar needs nothing else."""
        names = self.env_names(role)
        return {
            names["rclone"]: self._assignments(),
            names["rclone_password"]: self.password,
            names["rclone_served"]: self.served_at,
            names["rclone_door"]: self.door,
            names["ca_file"]: ca_file or self.ca_file,
        }

    @classmethod
    def from_env(cls, role: str, environ: Mapping[str, str]) -> "RcloneAccess":
        """Read what `to_env` wrote.

        Raises:
            ConfigError: A variable is missing.
        """
        names = cls.env_names(role)
        if not (assignments := environ.get(names["rclone"], "")):
            raise ConfigError(
                f"Environment variable {names['rclone']} is not set - it is part of the {role} credentials"
            )
        pairs = (word.partition("=") for word in shlex.split(assignments))
        section = {name.removeprefix(SECTION_PREFIX).lower(): value for name, _, value in pairs}
        return cls(
            section,
            environ.get(names["rclone_password"], ""),
            environ.get(names["ca_file"], ""),
            environ.get(names["rclone_served"], ""),
        )

    def variables(self, obscured: str = "") -> dict[str, str]:
        """Write the section as rclone's variables.

        Args:
            obscured: The password as rclone writes it; empty where there is none.
        """
        own = {**self.section, **({"pass": obscured} if obscured else {})}
        return {f"{SECTION_PREFIX}{name.upper()}": value for name, value in own.items()}

    def _assignments(self) -> str:
        return " ".join(f"{name}={shlex.quote(value)}" for name, value in sorted(self.variables().items()))

    def clean(self, text: str) -> str:
        """Take secrets out of what rclone says, which has values as they are, in quotes, or in addresses."""
        told = {**self.section, "pass": self.password or self.section.get("pass", "")}
        secrets = {value for name, value in told.items() if name not in NOTHING_SECRET}
        secrets |= {word for name, value in told.items() if name.endswith("command") for word in _WORD.findall(value)}
        hidden = {way for value in secrets - _NO_SECRETS if len(value) >= _FEWEST_HIDDEN for way in _written(value)}
        return re.sub("|".join(map(re.escape, sorted(hidden, key=len, reverse=True))), "***", text) if hidden else text


def _written(value: str) -> set[str]:
    """Write a value in the ways rclone does: a command that fails is told in quotes, and was in quotes before."""
    once = json.dumps(value, ensure_ascii=False)[1:-1]
    return {value, once, json.dumps(once, ensure_ascii=False)[1:-1], quote(value, safe="")}
