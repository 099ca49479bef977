"""How long each file of tests took, written to SHOAL_TEST_DURATIONS: what `.ci/deal.py` deals files by.

A fixture's seconds count for the file whose test set it up, and those of its end for the file it ended in. Seconds of CPU
are pytest's own and those of processes that ended meanwhile and were waited for: what other work makes slower is
longer by the clock, and hardly by these.
"""

import json
import os
import time
from collections import defaultdict
from pathlib import Path

import pytest

VARIABLE = "SHOAL_TEST_DURATIONS"


class Durations:
    """Adds up seconds by file.

    Args:
        path: Where they are written when all tests are over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.began = time.monotonic()
        self.files: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.cpu_before = _cpu_s()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file, now = report.nodeid.partition("::")[0], _cpu_s()
        self.files[file] += report.duration
        self.cpu[file] += now - self.cpu_before
        self.cpu_before = now

    def pytest_sessionfinish(self) -> None:
        files, cpu = (
            {file: round(took, 2) for file, took in sorted(by_file.items())} for by_file in (self.files, self.cpu)
        )
        content = {"wall_s": round(time.monotonic() - self.began, 1), "files": files, "cpu_s": cpu}
        self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _cpu_s() -> float:
    """Seconds of CPU of this process and of those it has waited for."""
    return sum(os.times()[:4])


def pytest_configure(config: pytest.Config) -> None:
    if path := os.environ.get(VARIABLE):
        config.pluginmanager.register(Durations(Path(path)))
