"""docs/operations.md: every message it explains is one the code says, and every command it gives is understood."""

import ast
import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from shoal.settings.alerts import Alerts
from shoal.settings.dataset import Run
from shoal.settings.dataset_files import load_dataset
from shoal.settings.run_form import RunParams

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
RUNBOOK = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
    for line in TEXT.split("<!-- runbook -->\n")[1].split("\n\n")[0].splitlines()[2:]
]
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
HOLE = "…"


def said_by_the_code():
    """Every text in the code, with a hole where a value goes."""
    for path in (ROOT / "include").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%[sdrf]|%\.\d[fg]", HOLE, node.value)


def plain(text):
    """One line; values that follow each other are one hole."""
    return re.sub(rf"{HOLE}( ?{HOLE})+", HOLE, " ".join(text.split()))


SAID = [plain(text) for text in said_by_the_code()]


def commands():
    """Every command of the page, in words; what belongs to the shell is left out."""
    lines = [cells[2].strip("`") for cells in RUNBOOK]
    lines += [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
    for line in lines:
        words = shlex.split(line.strip(), comments=True)
        if words and words[0] not in {"for", "done"}:
            yield words


def starting(*start):
    return [pytest.param(words, id=" ".join(words)[:60]) for words in commands() if tuple(words[: len(start)]) == start]


@pytest.mark.parametrize("cells", RUNBOOK, ids=lambda cells: cells[0][:50])
def test_each_message_of_the_runbook_is_said_by_the_code(cells):
    said, meaning, command = cells
    message = plain(said.strip("`"))
    assert any(message in text for text in SAID), message
    assert meaning
    assert command.startswith("`")


def test_no_message_of_the_runbook_is_only_holes():
    assert all(len(re.sub(r"[^a-z]", "", cells[0])) >= 10 for cells in RUNBOOK)


def test_each_airflow_command_is_understood():
    """By Airflow's own parser, in a process of its own."""
    words = [param.values[0][1:] for param in starting("airflow")]
    assert len(words) > 5
    program = (
        "import json, sys\nfrom airflow.cli.cli_parser import get_parser\n"
        "for words in json.loads(sys.stdin.read()):\n    get_parser().parse_args(words)"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=json.dumps(words),
        text=True,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("words", [*starting("airflow", "dags", "trigger"), *starting("airflow", "backfill", "create")])
def test_each_run_that_is_started_has_parameters_that_are_understood(words):
    conf = next((word for word in words if word.startswith("{")), "{}")
    RunParams.parse(yaml.safe_load(conf))


def test_every_other_command_is_one_of_those_known_here():
    known = {"python", "airflow", "kubectl", "make", "pip", "df", "free", "ls"}
    assert {words[0] for words in commands()} <= known


def test_manifests_that_are_applied_are_there():
    for words in commands():
        for option, file in pairwise(words):
            if words[0] == "kubectl" and option == "-f":
                assert (ROOT / file).is_file(), file


def test_the_arithmetic_runs_on_a_plan(tmp_path, monkeypatch):
    (plan,) = (ROOT / "tests/fixtures/format-1/results").rglob("*1s58exv5/plan.json")
    (tmp_path / "plan.json").write_bytes(plan.read_bytes())
    monkeypatch.chdir(tmp_path)
    source = TEXT.split("<!-- cost -->\n```python\n")[1].split("```")[0]
    ran = subprocess.run([sys.executable, "-c", source], text=True, capture_output=True, check=True)
    assert "2 images are left, 0.131 s each (measured)" in ran.stdout
    assert "on 2 pods" in ran.stdout


def test_the_example_of_alerts_is_valid():
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    settings = yaml.safe_load(example)
    assert Alerts.model_validate(settings["alerts"]).reach_somebody
    assert Run.model_validate(settings["run"]).deadline


def test_the_dataset_file_in_the_helm_values_loads(tmp_path):
    values = yaml.safe_load((ROOT / "deploy/helm-values.yaml").read_text(encoding="utf-8"))
    for name, text in yaml.safe_load(values["extraConfigMaps"]["shoal-datasets"]["data"]).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert load_dataset(tmp_path / name).run.pool == "shoal"
    (mount,) = values["volumeMounts"]
    assert {"name": "SHOAL_DATASETS", "value": mount["mountPath"]} in values["env"]
