"""Shells complete what may stand at the cursor: asked as bash asks."""

import os
import shutil
import subprocess
import sys

import pytest

from shoal.__main__ import main


@pytest.fixture
def complete(tmp_path):
    """Ask what completes a line, with two datasets there."""
    for name in ("reef", "harbour"):
        (tmp_path / f"{name}.yaml").touch()

    def ask(line):
        answer = tmp_path / "answer"
        asked = {
            "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "_ARGCOMPLETE_IFS": "\n", "SHOAL_DATASETS": str(tmp_path),
        }  # fmt: skip
        subprocess.run([sys.executable, "-m", "shoal"], env={**os.environ, **asked}, check=True, timeout=60)
        return {word.strip() for word in answer.read_text().split("\n") if word}

    return ask


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param("shoal c", {"check", "cite", "clock", "compare", "completion", "current"}, id="a command"),
        pytest.param("shoal check r", {"reef"}, id="a dataset"),
        pytest.param("shoal gc reef --dr", {"--dry-run"}, id="an option"),
        pytest.param("shoal completion ", {"bash", "zsh", "fish", "-h", "--help"}, id="a choice"),
    ],
)
def test_what_may_stand_at_the_cursor_is_completed(complete, line, found):
    assert complete(line) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_understands_its_code(shell, capsys):
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "shoal" in code
    if (program := shutil.which(shell)) is not None:
        assert subprocess.run([program, "-n", "-c", code], check=False, timeout=20).returncode == 0
