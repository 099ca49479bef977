"""README and the other pages say what the code does: every command, parameter and dependency is checked."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from shoal.__main__ import COMMANDS
from shoal.settings.run_form import RunParams

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def first_column(page):
    """The code that begins each table row of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return " ".join(re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE))


def test_readme_is_one_page():
    assert len(README.splitlines()) <= 90


def test_every_run_parameter_is_explained_and_no_other():
    assert set(re.findall(r"`(\w+)`", first_column("run-parameters.md"))) == set(RunParams.model_fields)


def test_every_command_is_shown():
    shown = first_column("commands.md")
    for command in set(COMMANDS) - {"demo", "up"}:
        assert f"`python -m shoal {command}" in shown
    for target in ("demo", "up", "test", "soak", "lint", "bench", "clean", "docs"):
        assert f"`make {target}" in shown


def test_readme_shows_how_to_try_it():
    for target in ("demo", "up"):
        assert f"make {target}" in README


NOT_MEASURED = {"gpu"}
"""Benchmarks for machines that we had none of: `docs/production.md` says so in place of figures."""


def test_every_benchmark_that_is_quoted_is_one_that_make_bench_runs():
    ran = set(re.findall(r"benchmarks/(\w+)\.py", MAKEFILE))
    pages = "".join(
        (DOCS / name).read_text(encoding="utf-8")
        for name in ("measurements.md", "models.md", "performance.md", "evidence.md", "repeats-and-health.md")
    )
    assert set(re.findall(r"^<!-- (\w+) -->\n```", pages, re.MULTILINE)) == ran - NOT_MEASURED


@pytest.mark.parametrize("name", sorted(NOT_MEASURED))
def test_a_benchmark_without_figures_is_told_with_what_it_was_not_run_on(name):
    told = (DOCS / "production.md").read_text(encoding="utf-8")
    assert re.search(rf"was \*not run\* by us: [^\n]*`make bench-{name}` \(`benchmarks/{name}\.py`", told)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_command_named_exists(page):
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE))
    assert named <= targets
    assert set(re.findall(r"python -m shoal ([a-z]+)\b", text)) <= set(COMMANDS)


def test_every_direct_dependency_earned_its_place():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(entry for extra in project["optional-dependencies"].values() for entry in extra),
    ]
    record = (ROOT / "docs/adr/0008-dependencies.md").read_text(encoding="utf-8")
    for requirement in wanted:
        name = re.match(r"[a-z0-9-]+", requirement)[0]
        assert name == "shoal" or name in record, f"{name} is not in the record of dependencies"


def test_a_misspelt_variable_of_make_is_refused():
    command = ["make", "help", "MODLE=best.onnx"]
    # As a person's make, not as one under the make that runs these tests.
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    ended = subprocess.run(command, cwd=ROOT, env=alone, text=True, capture_output=True, check=False)
    assert ended.returncode != 0
    assert "no such variable: MODLE - there are MODEL IMAGES PORT" in ended.stderr
