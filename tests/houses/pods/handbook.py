"""docs/production.md as a person follows it: its blocks in one shell, which remembers variables from block to block."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cluster.binaries import CHECKOUT

PAGE = CHECKOUT / "docs/production.md"
STEPS = 10
_BLOCK = re.compile(r"^<!-- (variables|step \d+|afterwards) -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    """Read the page's commands by the marks above them."""
    return dict(_BLOCK.findall(PAGE.read_text(encoding="utf-8")))


@dataclass
class Shell:
    """A person's shell in the checkout.

    Attributes:
        folder: Where it keeps what it remembers.
        environment: Variables; those a block sets are there in the next one.
        said: What each block printed, by its mark.
    """

    folder: Path
    environment: dict[str, str]
    said: dict[str, str] = field(default_factory=dict)

    def follow(self, mark: str) -> str:
        """Run a block of the page as it stands; returns what it printed."""
        self.said[mark] = self.run(blocks()[mark])
        return self.said[mark]

    def run(self, commands: str) -> str:
        """Run commands; returns what they printed."""
        memory = self.folder / "environment"
        script = f"set -euo pipefail; set -a\n{commands}\nenv -0 > {memory}\n"
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{commands}\n{ran.stdout[-3000:]}"
        self.environment = dict(line.split("=", 1) for line in memory.read_text().rstrip("\0").split("\0"))
        return ran.stdout


def own_environment(**variables: str) -> dict[str, str]:
    """Begin without what belongs to the test run: its virtual environment, its Airflow, its cluster."""
    strange = ("AIRFLOW", "_AIRFLOW", "SHOAL_", "PYTHON", "VIRTUAL_ENV", "KUBECONFIG", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return {**kept, **variables}
