"""How long each file of tests took, written to SHOAL_TEST_DURATIONS: what `.ci/deal.py` deals files by.

A fixture's seconds count for the file whose test set it up, and those of its end for the file it ended in.
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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.files[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        seconds = {file: round(took, 2) for file, took in sorted(self.files.items())}
        content = {"wall_s": round(time.monotonic() - self.began, 1), "files": seconds}
        self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    if path := os.environ.get(VARIABLE):
        config.pluginmanager.register(Durations(Path(path)))
