"""R, where Debian's is installed: what it reads of the tables of an export."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

READ = r"""
folder <- commandArgs(trailingOnly = TRUE)[1]
text <- function(x) encodeString(enc2utf8(as.character(x)), quote = '"', justify = "none")
records <- read.csv(file.path(folder, "recordTable.csv"), fileEncoding = "UTF-8")
matrix <- as.matrix(read.csv(file.path(folder, "cameraOperation.csv"), row.names = 1, check.names = FALSE, fileEncoding = "UTF-8"))
counts <- tapply(records$count, records$Species, sum)
times <- as.POSIXct(records$DateTimeOriginal, tz = "UTC", format = "%Y-%m-%d %H:%M:%S")
cat(paste0(
  "{\"counts\": [", paste(counts, collapse = ","), "], \"days\": ", ncol(matrix), ", \"numeric\": ", tolower(is.numeric(matrix)),
  ", \"missing\": ", sum(is.na(matrix)), ", \"zeros\": ", sum(matrix == 0, na.rm = TRUE), ", \"at_work\": ", sum(matrix, na.rm = TRUE),
  ", \"stations\": ", nrow(matrix), ", \"unknown\": ", sum(!(records$Station %in% rownames(matrix))),
  ", \"undated\": ", sum(is.na(times)), ", \"records\": ", nrow(records), "}\n"
))
"""


def read_with_r(folder: Path) -> dict[str, Any]:
    """Let R read recordTable.csv and cameraOperation.csv."""
    read: dict[str, Any] = json.loads(run_r("-e", READ, str(folder)).splitlines()[-1])
    return read


def run_r(*arguments: str, folder: Path | None = None) -> str:
    """Run R in a folder; return what it printed."""
    program = shutil.which("Rscript")
    if program is None:
        if os.environ.get("CI") == "true":
            raise AssertionError(
                "CI has no Rscript, which reads the tables: `make cluster-packages` installs r-base-core"
            )
        pytest.skip("no Rscript here, R does not read the tables: apt install r-base-core")
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    command = [program, "--vanilla", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=folder
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
