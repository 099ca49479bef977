"""The house: each room says what enters, what leaves and what it may import, and the dependency rule says the same."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "include/shoal"
ROOMS = sorted(path.name for path in HOUSE.iterdir() if (path / "__init__.py").exists())


def layers() -> list[set[str]]:
    """The layers of the dependency rule from top to bottom; rooms of one layer know nothing of each other."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (rule,) = [rule for rule in rules if rule["type"] == "layers"]
    return [{name.strip().removeprefix("shoal.") for name in layer.split("|")} for layer in rule["layers"]]


def told(room: str) -> dict[str, str]:
    text = ast.get_docstring(ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    lines = (
        " ".join(text.split("\n\n", 1)[1].split())
        .replace(" Leaves:", "\nLeaves:")
        .replace(" May import:", "\nMay import:")
    )
    return dict(line.split(": ", 1) for line in lines.splitlines())


def test_every_room_has_its_place_in_the_dependency_rule():
    assert set(ROOMS) == set.union(*layers()) - {"__main__"}


def test_no_module_lies_in_the_corridor():
    assert sorted(path.name for path in HOUSE.glob("*.py")) == ["__init__.py", "__main__.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_enters_what_leaves_and_what_it_may_import(room):
    assert list(told(room)) == ["Enters", "Leaves", "May import"]
    place = next(number for number, layer in enumerate(layers()) if room in layer)
    below = set().union(*layers()[place + 1 :])
    assert set(told(room)["May import"].split(", ")) - {"-"} == below
