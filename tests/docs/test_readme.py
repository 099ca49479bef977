"""README and the other pages say what the code does: every command, parameter and dependency is checked."""

import ast
import os
import re
import shlex
import subprocess
from argparse import ArgumentParser
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest

from shoal.__main__ import COMMANDS
from shoal.cli import show
from shoal.contract.errors import ConfigError
from shoal.settings.run_form import RunParams

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


HOLE = "…"
A_WORD_TO_TYPE = re.compile(rf"-{{1,2}}[a-z][a-z-]*|[A-Z]+{HOLE}?|\d+|\S*[{HOLE}<]\S*")
"""An option, a placeholder or a value, where prose may follow."""
OF_ITSELF = re.compile(r"`? (deletes|has deleted|recomputes|takes)\b")
"""The command is spoken of, and nobody is told to type it."""


class Refusing(ArgumentParser):
    """Says what is wrong, and does not end the process."""

    def error(self, message):
        raise ValueError(message)


def why_not_understood(words, *, is_form):
    """What the command's own parser says against these words; of a form, with placeholders, values may be anything."""
    name, *rest = words
    if name not in COMMANDS:
        return "no such command"
    module, parser = import_module(f"shoal.cli.{name.replace('-', '_')}"), Refusing()
    module.add_arguments(parser)
    if rest == ["--help"]:
        return ""
    for action in parser._actions if is_form else ():
        action.type = action.choices = None
    try:
        arguments = parser.parse_args(rest)
        if name == "show":  # its parser lets through what it draws nothing for
            show._need_one_thing(arguments)
    except (ValueError, ConfigError) as err:
        return str(err)
    return ""


def said_by_the_code():
    """Every text in the code but docstrings, with a hole where a value goes."""
    for path in sorted((ROOT / "include/shoal").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "python -m" not in source:
            continue
        nodes = list(ast.walk(ast.parse(source)))
        passed = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        passed |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            place = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                yield place, "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
                yield place, node.value


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
    told = [*re.findall(r"`(python -m shoal [^`\n]+)`", text)]
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        told += re.findall(r"\bpython -m shoal [^\n)]+", block.replace("\\\n", " "))
    wrong = {}
    for command in told if page.name != "CHANGELOG.md" else ():
        words = shlex.split(command, comments=True)[3:]
        if len(words) > 1:  # a name alone speaks of the command
            wrong[command] = why_not_understood(words, is_form=bool(re.search(rf"[{HOLE}<$]|\b[A-Z]+\b", command)))
    assert {command: why for command, why in wrong.items() if why} == {}


def test_every_command_in_a_message_has_the_words_that_it_needs():
    wrong = {}
    for place, text in said_by_the_code():
        for told in re.finditer(r"python -m shoal (?P<name>[a-z][a-z-]*)", text):
            rest = text[told.end() :]
            if not OF_ITSELF.match(rest):
                words = (word.rstrip(".:") for word in re.match(r"[^,;)`]*", rest)[0].split())
                given = [told["name"], *takewhile(A_WORD_TO_TYPE.fullmatch, words)]
                wrong[f"{place}: {told[0]}{rest[:60]}"] = why_not_understood(given, is_form=True)
    assert len(wrong) > 30
    assert {told: why for told, why in wrong.items() if why} == {}


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
