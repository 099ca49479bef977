"""A wall clock that is stepped under a process at work; the monotonic clock goes on, as when a machine's clock is set."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class JumpingClock:
    """What time processes are told.

    Attributes:
        offset: The file that says how far it is off.
        library: What is loaded into them.
    """

    offset: Path
    library: Path

    @classmethod
    def make(cls, folder: Path) -> "JumpingClock":
        """Make a clock that is right; without a C compiler the test skips, or fails under CI."""
        compiler = shutil.which("cc")
        if compiler is None:
            reason = "no clock jumps: no C compiler (cc)"
            pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
        clock = cls(folder / "offset", folder / "jumping_clock.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", clock.library, SOURCE, "-ldl"], check=True)
        clock.jump(0)
        return clock

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process is told so that it goes by this clock, and its children."""
        return {"LD_PRELOAD": str(self.library), "SHOAL_CLOCK_OFFSET": str(self.offset)}

    def jump(self, seconds: int) -> None:
        """Let the clock be so far off from now on, ahead where positive."""
        written = self.offset.with_suffix(".new")
        written.write_text(f"{seconds}\n", encoding="utf-8")
        written.replace(self.offset)
